"""llama.cpp: the text engine over GGUF files.

``native`` has llama.cpp itself: model, context, batch, memory, vocabulary, log.

Importing this package sets how its libraries' threads wait.
"""

import workers.native_threads  # noqa: F401
