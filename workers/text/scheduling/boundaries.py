"""What a text job's client is told at the begin and at the end of its answer."""

from __future__ import annotations

from shared.wire.payloads import Done, FinishReason, Started, Tokens
from workers.text.cache.pseudo_tokens import text_only
from workers.text.sequence import Sequence


def begun(sequence: Sequence) -> list[Started | Tokens]:
    """The start of a sequence, and its prompt for ``echo`` without log probabilities.

    Clients are told of no pseudo tokens: what goes on from the told ones has the text of a chat with pictures only.
    """
    prompt_ids = text_only(sequence.tokens[: sequence.prompt_length]) if sequence.job.tells_prompt else []
    payloads: list[Started | Tokens] = [
        Started(sequence.prompt_length, sequence.cached_tokens, sequence.warnings, prompt_ids)
    ]
    if sequence.echo is not None and sequence.job.top_logprobs is None:
        payloads.append(Tokens(sequence.echo.text, []))
    return payloads


def ended(sequence: Sequence, reason: FinishReason) -> Done:
    """The end of a sequence, with its figures."""
    job, stop = sequence.job, sequence.assembler.stop
    return Done(
        reason,
        sequence.prompt_length,
        sequence.cached_tokens,
        sequence.generated,
        sequence.ttft_s,
        sequence.reasoning_tokens,
        stop if reason is FinishReason.STOP and stop in job.stop else None,  # the model's own are no news
        reason is FinishReason.LENGTH and (job.max_tokens is None or job.max_tokens > sequence.max_tokens),
        sequence.predicted_tokens,
        sequence.mispredicted_tokens,
    )
