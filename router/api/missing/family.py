"""The APIs of OpenAI and Anthropic that this server does not have, and what it has instead."""

from __future__ import annotations

from router.api.endpoint_family import EndpointFamily
from router.schemas.missing import MissingApi

_CONVERSATIONS = "POST /v1/responses goes on from an earlier answer (previous_response_id)"
_SEARCH = "POST /v1/embeddings and POST /v1/rerank are there; what they make is kept and searched by the client"
_TRAINING = "models are trained elsewhere and served as files, with `nexa server ./model.gguf`"
_CHAT = "POST /v1/chat/completions"

MISSING = EndpointFamily(
    missing={
        "/v1/moderations": MissingApi("moderation", f"{_CHAT} with a response_format can have a model judge a text"),
        "/v1/fine_tuning": MissingApi("fine-tuning", _TRAINING),
        "/v1/fine-tunes": MissingApi("fine-tuning", _TRAINING),
        "/v1/assistants": MissingApi("assistants", _CONVERSATIONS),
        "/v1/threads": MissingApi("threads", _CONVERSATIONS),
        "/v1/conversations": MissingApi("stored conversations", _CONVERSATIONS),
        "/v1/vector_stores": MissingApi("vector stores", _SEARCH),
        "/v1/realtime": MissingApi("realtime sessions", "POST /v1/audio/transcriptions and POST /v1/responses stream"),
        "/v1/audio/speech": MissingApi("speech synthesis", "POST /v1/audio/transcriptions only hears"),
        "/v1/images/variations": MissingApi("variations of images", "POST /v1/img2img repaints a picture"),
        "/v1/videos": MissingApi("videos", "POST /v1/images/generations makes pictures"),
        "/v1/uploads": MissingApi("uploads in parts", "POST /v1/files takes a file as a whole"),
        "/v1/edits": MissingApi("edits", f"{_CHAT} does what a text says"),
        "/v1/engines": MissingApi("engines", "GET /v1/models lists the models"),
        "/v1/containers": MissingApi("containers", "code runs at the client, through tools of its own"),
        "/v1/evals": MissingApi("evaluations", "programs such as lm-eval use POST /v1/completions"),
        "/v1/organization": MissingApi("organizations", "GET /v1/usage and `nexa key` are about users"),
        "/v1/complete": MissingApi("completions in Anthropic's form", "POST /v1/messages takes chats"),
        "/v1/messages/batches": MissingApi("batches of messages", "POST /v1/batches takes batches of other requests"),
    }
)
