"""What text workers keep of pictures and recordings. Estimates count it."""

from __future__ import annotations

KEPT_EMBEDDINGS_BYTES = 128 * 1000 * 1000
"""Of embeddings that nobody waits for. The same picture in another chat is not encoded again."""
