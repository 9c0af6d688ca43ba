"""What a job costs a worker. The unit is one prompt token that has to be computed.

The weights of text are those of Sheng et al. 2024, "Fairness in Serving Large Language Models": a generated token
counts double, since each one takes a decode step. Prompt tokens found in the KV cache are free. A
denoising step costs one for each patch of 64 x 64 pixels, two with guidance; decoding a picture costs as much as one. A
second of audio costs 50, the number of positions that it takes in Whisper's encoder. Costs are compared only between
jobs of one model.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

from shared.wire.chat_media import media_parts
from shared.wire.jobs import EmbedJob, ImageJob, RerankJob, SpeechJob, TextJob, TokenizeJob, UpscaleJob

GENERATED_TOKEN = 2.0
PATCH_PIXELS = 64 * 64
AUDIO_SECOND = 50.0

DEFAULT_STEPS = 20
DEFAULT_SIDE = 512
"""Assumed steps, and width and height in pixels, of a picture whose job leaves them to the model."""

CODED_STEPS = 1.0
"""What it takes to decode a picture, or to encode one, in steps of it."""

UPSCALED_BYTE = 1 / 1024
"""A compressed byte of a picture is about one pixel, and a pixel about a quarter of a step of its patch."""

CHARACTERS_PER_TOKEN = 4
DEFAULT_ANSWER_TOKENS = 256
"""Assumed length of an answer without ``max_tokens``."""

MAX_ANSWER_TOKENS = 512
"""Assumed length of an answer with a higher ``max_tokens``: few answers reach it."""

BYTES_PER_AUDIO_SECOND = 16_000
"""The size of a second of audio, compressed to 128 kbit/s."""

PICTURE_TOKENS = 512
"""Assumed number of tokens of a picture in a chat: projectors make some hundreds to a thousand of it."""

HEARD_TOKENS_PER_AUDIO_SECOND = 12.5
"""Tokens of a recording in a chat, as Voxtral's projector makes them; others make half or twice as many."""

TOKENS_PER_AUDIO_SECOND = 4
"""Tokens of the text that is said in a second of audio."""


class TokenEstimate(NamedTuple):
    """How many tokens a job will probably use: those of its prompt or inputs, and those that it generates."""

    prompt: float = 0.0
    answer: float = 0.0


def estimate_text(work: TextJob, blob_bytes: int = 0) -> float:
    """Cost of a sequence before it runs, at least 1."""
    prompt, answer = text_tokens(work, blob_bytes)
    return max(1.0, prompt + GENERATED_TOKEN * answer)


def text_tokens(work: TextJob, blob_bytes: int = 0) -> TokenEstimate:
    """Tokens of a sequence before it runs, with those of the pictures and recordings of its chat."""
    answer = DEFAULT_ANSWER_TOKENS if work.max_tokens is None else min(work.max_tokens, MAX_ANSWER_TOKENS)
    return TokenEstimate(_prompt_tokens(work) + _media_tokens(work, blob_bytes), answer)


def estimate_tokenizing(work: TokenizeJob, _blob_bytes: int = 0) -> float:
    """Cost of a prompt whose tokens are found, beside others of this class only; at least 1."""
    return max(1.0, _prompt_tokens(work.text))


def estimate_images(work: ImageJob, _blob_bytes: int = 0) -> float:
    """Cost of a picture, at least 1. What the job leaves to the model is assumed."""
    steps = work.steps or DEFAULT_STEPS
    patches = max(1, math.ceil((work.width or DEFAULT_SIDE) * (work.height or DEFAULT_SIDE) / PATCH_PIXELS))
    sampled = steps * patches * (1.0 if work.init is None or work.strength is None else max(work.strength, 1 / steps))
    if work.hires is not None:
        second = (work.hires.steps or steps) * patches
        sampled = sampled / work.hires.scale**2 + second
    passes = 1 if work.cfg_scale == 1.0 else 2  # with and without the prompt
    coded = 1 + (work.init is not None) + (work.hires is not None) + len(work.references)
    tokens = (len(work.prompt) + (passes - 1) * len(work.negative_prompt)) / CHARACTERS_PER_TOKEN
    return passes * sampled + coded * CODED_STEPS * patches + tokens


def estimate_upscaling(_work: UpscaleJob, blob_bytes: int = 0) -> float:
    """Cost of a larger copy of a picture, from the size of its file; at least 1."""
    return max(1.0, blob_bytes * UPSCALED_BYTE)


def estimate_speech(_work: SpeechJob, blob_bytes: int = 0) -> float:
    """Cost of a recording whose length is not known yet, from its size; at least 1."""
    return max(1.0, blob_bytes / BYTES_PER_AUDIO_SECOND * AUDIO_SECOND)


def speech_tokens(_work: SpeechJob, blob_bytes: int = 0) -> TokenEstimate:
    """Tokens of a transcript, from the recording's size."""
    return TokenEstimate(answer=blob_bytes / BYTES_PER_AUDIO_SECOND * TOKENS_PER_AUDIO_SECOND)


def input_tokens(work: EmbedJob | RerankJob, _blob_bytes: int = 0) -> TokenEstimate:
    """Tokens of inputs, for which nothing is generated."""
    return TokenEstimate(estimate_embedding(work) if isinstance(work, EmbedJob) else estimate_rerank(work))


def estimate_embedding(work: EmbedJob, _blob_bytes: int = 0) -> float:
    """Cost of inputs whose tokens are not counted yet, at least 1."""
    tokens = (len(given) / (CHARACTERS_PER_TOKEN if isinstance(given, str) else 1) for given in work.inputs)
    return max(1.0, sum(tokens))


def estimate_rerank(work: RerankJob, _blob_bytes: int = 0) -> float:
    """Cost of documents, each of which is computed together with the query; at least 1."""
    characters = sum(len(document) + len(work.query) for document in work.documents)
    return max(1.0, characters / CHARACTERS_PER_TOKEN)


def _prompt_tokens(work: TextJob) -> float:
    if work.prompt_tokens is not None:
        return len(work.prompt_tokens)
    if work.prompt is not None:
        return len(work.prompt) / CHARACTERS_PER_TOKEN
    characters = _characters([*(work.messages or ()), *work.tools])
    return len(work.context_tokens) + characters / CHARACTERS_PER_TOKEN


def _media_tokens(work: TextJob, blob_bytes: int) -> float:
    """Tokens of a chat's media, from their number, and of its recordings from the size of all files."""
    kinds = [part["type"] for part in media_parts(work.messages)]
    heard_s = blob_bytes / BYTES_PER_AUDIO_SECOND if "audio" in kinds else 0.0
    return kinds.count("image") * PICTURE_TOKENS + heard_s * HEARD_TOKENS_PER_AUDIO_SECOND


def _characters(values: Sequence[Any]) -> int:
    """Length of all strings in a list of JSON values, at any depth."""
    characters = 0
    left = list(values)
    while left:
        value = left.pop()
        if isinstance(value, str):
            characters += len(value)
        elif isinstance(value, dict):
            left += value.values()
        elif isinstance(value, list):
            left += value
    return characters
