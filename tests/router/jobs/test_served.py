from __future__ import annotations

import pytest

from router.jobs.limits import UserLimits
from router.jobs.refusals import RefusalReason, Refused
from router.jobs.served import allowed_models, find_model
from shared.kinds import JobKind
from shared.settings import ModelSettings

PAINTER = ModelSettings(name="painter", kinds=(JobKind.IMAGE,), engine="echo", path="")
BOTH = ModelSettings(name="both", kinds=(JobKind.TEXT, JobKind.SPEECH), engine="echo", path="", aliases=("other",))


@pytest.mark.parametrize("kind", [JobKind.TEXT, JobKind.SPEECH])
@pytest.mark.parametrize("name", [None, "both", "other"])
def test_a_model_of_two_kinds_is_found_for_each(kind: JobKind, name: str | None) -> None:
    assert find_model((PAINTER, BOTH), name, kind) is BOTH


def served(name: str, path: str = "", *aliases: str) -> ModelSettings:
    return ModelSettings(name=name, kinds=(JobKind.TEXT,), engine="llama", path=path, aliases=aliases)


MODELS = (
    served("smollm2", "/m/SmolLM2-135M-Instruct.Q4_1.gguf", "gpt-4o"),
    served("Llama-3.2-1B-Instruct-Q4_K_M", "/m/Llama-3.2-1B-Instruct-Q4_K_M.gguf"),
    served("owner/repo:Q8_0", "/m/repo-Q8_0.gguf"),
    served("twice-Q8_0", "/m/twice-Q8_0.gguf"),
    served("twice-Q4_0", "/m/twice-Q4_0.gguf"),
)


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("smollm2", 0),
        ("smollm2:latest", 0),
        ("SmolLM2", 0),
        ("smollm2:Q4_1", 0),
        ("smollm2:q4_1", 0),
        ("gpt-4o:latest", 0),
        ("llama3.2:1b-instruct-q4_K_M", 1),
        ("llama-3.2-1b-instruct:Q4_K_M", 1),
        ("llama-3.2-1b-instruct", 1),
        ("llama3.2:1b-instruct", 1),
        ("owner/repo", 2),
        ("owner/repo:q8_0", 2),
        ("hf:owner/repo:Q8_0", 2),
        ("hf:owner/repo", 2),
        ("twice:Q8_0", 3),
        ("twice:q4_0", 4),
    ],
)
def test_names_as_users_type_them(name: str, found: int) -> None:
    assert find_model(MODELS, name, JobKind.TEXT) is MODELS[found]


@pytest.mark.parametrize(
    ("names", "allowed"),
    [
        (("SmolLM2:latest",), [0]),
        (("gpt-4o", "owner/repo"), [0, 2]),
        (("twice-Q8_0",), [3]),
        (("twice",), [3, 4]),  # could mean both
        (("unknown",), []),
        (None, [0, 1, 2, 3, 4]),
    ],
)
def test_names_of_models_that_a_key_may_use(names: tuple[str, ...] | None, allowed: list[int]) -> None:
    assert list(allowed_models(MODELS, UserLimits(models=names))) == [MODELS[index] for index in allowed]


def test_a_name_that_could_mean_two_models_means_the_one_that_the_key_may_use() -> None:
    assert find_model(MODELS, "twice", JobKind.TEXT, limits=UserLimits(models=("twice-Q4_0",))) is MODELS[4]
    with pytest.raises(Refused):
        find_model(MODELS, "twice", JobKind.TEXT)


def test_a_name_of_another_model_never_means_one_that_the_key_may_use() -> None:
    models = (served("twice"), served("twice-Q8_0", "/m/twice-Q8_0.gguf"))
    with pytest.raises(Refused) as refused:
        find_model(models, "twice", JobKind.TEXT, limits=UserLimits(models=("twice-Q8_0",)))
    assert refused.value.reason is RefusalReason.MODEL_NOT_ALLOWED


IN_CATALOG = (
    served("gemma3", "/m/gemma-3-4b-it-Q4_K_M.gguf"),
    served("llama3.1:Q8_0", "/m/Meta-Llama-3.1-8B-Instruct-Q8_0.gguf"),
    served("Qwen2.5-7B-Instruct-Q5_K_M", "/m/Qwen2.5-7B-Instruct-Q5_K_M.gguf"),
    served("qwen2.5-0.5b", "/m/qwen2.5-0.5b-instruct-q4_k_m.gguf"),
)


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("gemma3:4b", 0),
        ("gemma3:4b-it-q4_K_M", 0),
        ("gemma-3-4b-it", 0),
        ("llama3.1:8b", 1),
        ("llama3.1:8b-instruct-q8_0", 1),
        ("meta-llama-3.1-8b-instruct:latest", 1),
        ("qwen2.5:7b", 2),
        ("qwen2.5:7b-instruct-q5_K_M", 2),
        ("Qwen2.5-0.5B-Instruct", 3),
    ],
)
def test_other_names_of_the_catalog_name_the_same_model(name: str, found: int) -> None:
    assert find_model(IN_CATALOG, name, JobKind.TEXT) is IN_CATALOG[found]


@pytest.mark.parametrize("name", ["gemma3:4b-it-q8_0", "llama3.1:8b-q4_K_M", "gemma3:12b", "qwen2.5:7b-q8_0"])
def test_another_quantization_or_size_of_the_catalog_is_refused(name: str) -> None:
    with pytest.raises(Refused, match=f"model: expected one of gemma3 .*; got '{name}'"):
        find_model(IN_CATALOG, name, JobKind.TEXT)


@pytest.mark.parametrize("name", ["twice", "twice:latest", "smollm2:Q8_0", "twice:Q5_K_M", "other", "Q8_0", ":latest"])
def test_a_name_of_no_model_or_of_several_is_refused(name: str) -> None:
    with pytest.raises(Refused, match=f"model: expected one of smollm2 .*; got '{name}'"):
        find_model(MODELS, name, JobKind.TEXT)


def test_an_exact_name_goes_first() -> None:
    models = (served("a-b"), served("ab"), served("x", "", "a.b"))
    assert [find_model(models, name, JobKind.TEXT).name for name in ("a-b", "ab", "a.b")] == ["a-b", "ab", "x"]


def test_the_nearest_name_is_suggested() -> None:
    with pytest.raises(Refused, match=r"got 'smolm2' \(did you mean smollm2\?\)$"):
        find_model(MODELS, "smolm2", JobKind.TEXT)


def test_a_model_of_other_kinds_is_refused_with_its_kinds() -> None:
    with pytest.raises(Refused, match="expected one of kind image, got 'both' of kind text, speech"):
        find_model((PAINTER, BOTH), "both", JobKind.IMAGE)


HEARER = ModelSettings(name="hearer", kinds=(JobKind.SPEECH,), engine="echo", path="")
EMBEDDER = ModelSettings(name="embedder", kinds=(JobKind.EMBEDDING,), engine="echo", path="")
ALL_KINDS = (PAINTER, HEARER, EMBEDDER, served("first"), served("second"))


@pytest.mark.parametrize(
    ("name", "kind", "found"),
    [
        ("gpt-4o", JobKind.TEXT, "first"),
        ("claude-sonnet-4-5", JobKind.TEXT, "first"),
        ("whisper-1", JobKind.SPEECH, "hearer"),
        ("gpt-4o-transcribe", JobKind.SPEECH, "hearer"),
        ("gpt-image-1", JobKind.IMAGE, "painter"),
        ("text-embedding-3-small", JobKind.EMBEDDING, "embedder"),
    ],
)
def test_a_name_that_clients_have_built_in_means_the_first_model_of_its_kind(
    name: str, kind: JobKind, found: str
) -> None:
    assert find_model(ALL_KINDS, name, kind).name == found
    with pytest.raises(Refused, match=f"got '{name}'"):
        find_model(ALL_KINDS, name, kind, strict_names=True)


def test_a_served_model_of_such_a_name_goes_first() -> None:
    models = (served("first"), served("second", "", "gpt-4o"), served("claude-x"))
    assert [find_model(models, name, JobKind.TEXT).name for name in ("gpt-4o", "GPT-4o:latest", "claude-x")] == [
        "second",
        "second",
        "claude-x",
    ]


@pytest.mark.parametrize(
    ("name", "kind"), [("whisper-1", JobKind.TEXT), ("gpt-4o", JobKind.IMAGE), ("gpt-oss", JobKind.TEXT)]
)
def test_such_a_name_means_no_model_of_another_kind(name: str, kind: JobKind) -> None:
    with pytest.raises(Refused, match=f"got '{name}'"):
        find_model(ALL_KINDS, name, kind)


def onnx(name: str, path: str = "") -> ModelSettings:
    return ModelSettings(name=name, kinds=(JobKind.TEXT,), engine="onnx-text", path=path)


BESIDE_GGUF = (served("smollm2"), onnx("smollm2-onnx"))
ALONE = (onnx("smollm2"), served("gemma3"))


@pytest.mark.parametrize(
    ("models", "name", "found"),
    [
        (BESIDE_GGUF, "smollm2", 0),
        (BESIDE_GGUF, "SmolLM2", 0),
        (BESIDE_GGUF, "smollm2-onnx", 1),
        (BESIDE_GGUF, "SmolLM2:onnx", 1),
        (BESIDE_GGUF, "onnx:smollm2", 1),
        (BESIDE_GGUF, "onnx:SmolLM2:latest", 1),
        (ALONE, "smollm2", 0),
        (ALONE, "smollm2-onnx", 0),
        (ALONE, "onnx:smollm2", 0),
    ],
)
def test_onnx_models_have_the_same_names_beside_others_and_alone(
    models: tuple[ModelSettings, ...], name: str, found: int
) -> None:
    assert find_model(models, name, JobKind.TEXT) is models[found]


@pytest.mark.parametrize("name", ["onnx:gemma3", "gemma3-onnx"])
def test_a_mark_never_means_a_model_of_another_format(name: str) -> None:
    with pytest.raises(Refused, match=f"got '{name}'"):
        find_model(ALONE, name, JobKind.TEXT)


def test_what_to_serve_as_well_has_the_mark() -> None:
    with pytest.raises(Refused, match="`nexa server onnx:smollm2 gemma3 "):
        find_model(ALONE, None, JobKind.SPEECH)
