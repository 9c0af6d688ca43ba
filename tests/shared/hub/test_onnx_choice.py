"""Which files of a repository belong to one ONNX model. The listings are those of real repositories, shortened."""

from __future__ import annotations

import pytest

from shared.engines.files import HubFile
from shared.errors import ModelError
from shared.hub.choice import choose_files
from shared.models.source import HubSource

SETTINGS = ("config.json", "special_tokens_map.json", "tokenizer.json", "tokenizer_config.json")

WHISPER_TINY = (
    *(".gitattributes", "README.md", "added_tokens.json", "generation_config.json", "merges.txt", "normalizer.json"),
    *("preprocessor_config.json", "quantize_config.json", "vocab.json", *SETTINGS),
    *(f"onnx/decoder_model{variant}.onnx" for variant in ("", "_merged", "_merged_fp16", "_merged_q4", "_quantized")),
    *("onnx/decoder_with_past_model.onnx", "onnx/decoder_model_merged_quantized.onnx"),
    *(f"onnx/encoder_model{variant}.onnx" for variant in ("", "_fp16", "_q4", "_quantized", "_uint8")),
)
WHISPER_LARGE = (*WHISPER_TINY, "onnx/encoder_model.onnx_data", "onnx/decoder_model_merged_q4.onnx_data")
MINILM = (
    *(
        "1_Pooling/config.json",
        "README.md",
        "config_sentence_transformers.json",
        "data_config.json",
        "model.safetensors",
    ),
    *("modules.json", "pytorch_model.bin", "sentence_bert_config.json", "vocab.txt", *SETTINGS),
    *(f"onnx/model{variant}.onnx" for variant in ("", "_O1", "_O4", "_qint8_arm64", "_qint8_avx512_vnni")),
    *("openvino/openvino_model.bin", "openvino/openvino_model.xml"),
)
BGE_M3 = (
    *("1_Pooling/config.json", "colbert_linear.pt", "modules.json", "pytorch_model.bin", "sentencepiece.bpe.model"),
    *("config_sentence_transformers.json", "sentence_bert_config.json", *SETTINGS),
    *("onnx/Constant_7_attr__value", "onnx/config.json", "onnx/model.onnx", "onnx/model.onnx_data"),
    *("onnx/sentencepiece.bpe.model", "onnx/tokenizer.json"),
)
RERANKER = (
    *("README.md", "generation_config.json.md", "model.safetensors", *SETTINGS),
    *(f"onnx/model{variant}.onnx" for variant in ("", "_bnb4", "_fp16", "_int8", "_q4", "_quantized", "_uint8")),
)
TEXT = ("genai_config.json", "model.onnx", "model.onnx.data", "tokenizer.json", "tokenizer_config.json")
PHI4 = (
    *("LICENSE", "README.md", "config.json"),
    *(f"cpu_and_mobile/cpu-int4-rtn-block-32-acc-level-4/{name}" for name in (*TEXT, "configuration_phi3.py")),
    *(f"gpu/gpu-int4-rtn-block-32/{name}" for name in TEXT),
)
DEEPSEEK = tuple(
    f"deepseek-r1-distill-qwen-{size}/{kind}/{name}"
    for size in ("1.5B", "14B", "7B")
    for kind in ("cpu_and_mobile/cpu-int4-rtn-block-32-acc-level-4", "gpu/gpu-int4-rtn-block-32")
    for name in TEXT
)
QWEN3 = (
    *("README.md", "generation_config.json", *SETTINGS, "onnx/model.onnx", "onnx/model_q4.onnx"),
    *(f"onnxruntime/cpu_and_mobile/cpu-int4-kld-block-128/{name}" for name in (*TEXT, "chat_template.jinja")),
    *(f"onnxruntime/cuda/cuda-int4-kld-block-128/{name}" for name in TEXT),
)
SMOLLM2 = (
    *("README.md", "all_results.json", "generation_config.json", "merges.txt", "model.safetensors", "vocab.json"),
    *("runs/Oct31_11-38-13/events.out", *SETTINGS),
    *(f"onnx/model{variant}.onnx" for variant in ("", "_fp16", "_q4", "_q4f16")),
)
LLAMA32 = (
    *("LICENSE.txt", "USE_POLICY.md", "generation_config.json", "quantize_config.json", *SETTINGS),
    *("onnx/model.onnx", "onnx/model.onnx_data", "onnx/model_bnb4.onnx", "onnx/model_fp16.onnx"),
    *("onnx/model_fp16.onnx_data", "onnx/model_int8.onnx", "onnx/model_q4f16.onnx", "onnx/model_quantized.onnx"),
)
OLDER_TEXT = (
    *("generation_config.json", *SETTINGS, "onnx/decoder_model.onnx", "onnx/decoder_with_past_model.onnx"),
    *("onnx/decoder_model_merged.onnx", "onnx/decoder_model_merged_quantized.onnx"),
)
SD15 = (
    *("README.md", "feature_extractor/preprocessor_config.json", "model_index.json", "safety_checker/model.onnx"),
    *("scheduler/scheduler_config.json", "text_encoder/model.onnx", "tokenizer/merges.txt", "tokenizer/vocab.json"),
    *("unet/model.onnx", "unet/weights.pb", "unet/diffusion_pytorch_model.safetensors", "vae_decoder/model.onnx"),
    *("vae_encoder/model.onnx",),
)


def chosen(names: tuple[str, ...], pattern: str = "") -> list[str]:
    files = [HubFile(name, 9) for name in names]
    return [file.path for file in choose_files(HubSource("o/r", pattern, onnx=True), files)]


@pytest.mark.parametrize(
    ("names", "pattern", "graphs"),
    [
        (WHISPER_TINY, "", ["encoder_model.onnx", "decoder_model_merged.onnx"]),
        (WHISPER_TINY, "q4", ["encoder_model_q4.onnx", "decoder_model_merged_q4.onnx"]),
        (WHISPER_TINY, "Q4", ["encoder_model_q4.onnx", "decoder_model_merged_q4.onnx"]),
        (WHISPER_TINY, "quantized", ["encoder_model_quantized.onnx", "decoder_model_merged_quantized.onnx"]),
        (WHISPER_TINY, "onnx/encoder_model_fp16.onnx", ["encoder_model_fp16.onnx", "decoder_model_merged_fp16.onnx"]),
        (WHISPER_LARGE, "", ["encoder_model.onnx", "encoder_model.onnx_data", "decoder_model_merged.onnx"]),
        (MINILM, "", ["model.onnx"]),
        (MINILM, "qint8_avx512_vnni", ["model_qint8_avx512_vnni.onnx"]),
        (MINILM, "*O4*", ["model_O4.onnx"]),
        (SMOLLM2, "", ["model_q4.onnx"]),
        (SMOLLM2, "fp16", ["model_fp16.onnx"]),
        (SMOLLM2, "onnx/model.onnx", ["model.onnx"]),
        (LLAMA32, "", ["model_quantized.onnx"]),
        (LLAMA32, "model.onnx", ["model.onnx", "model.onnx_data"]),
        (OLDER_TEXT, "", ["decoder_model_merged_quantized.onnx"]),
        (QWEN3, "q4", ["model_q4.onnx"]),
        ((*SMOLLM2, "genai_config.json"), "q4f16", ["model_q4f16.onnx"]),
        (BGE_M3, "", ["Constant_7_attr__value", "model.onnx", "model.onnx_data"]),
        (RERANKER, "", ["model.onnx"]),
        (RERANKER, "int8", ["model_int8.onnx"]),
    ],
)
def test_a_variant_is_chosen_with_its_weights(names: tuple[str, ...], pattern: str, graphs: list[str]) -> None:
    found = chosen(names, pattern)
    assert [path.removeprefix("onnx/") for path in found if path.startswith("onnx/")] == graphs
    assert found[0] == "config.json"
    assert set(SETTINGS) <= set(found)


def test_what_sentence_transformers_say_of_a_model_is_fetched_and_other_formats_are_not() -> None:
    found = chosen(MINILM)
    assert {"1_Pooling/config.json", "modules.json", "sentence_bert_config.json", "vocab.txt"} <= set(found)
    assert not {"pytorch_model.bin", "model.safetensors", "openvino/openvino_model.bin"} & set(found)


@pytest.mark.parametrize(
    ("names", "pattern", "folder"),
    [
        (TEXT, "", ""),
        (PHI4, "", "cpu_and_mobile/cpu-int4-rtn-block-32-acc-level-4/"),
        (PHI4, "gpu", "gpu/gpu-int4-rtn-block-32/"),
        (PHI4, "gpu/*", "gpu/gpu-int4-rtn-block-32/"),
        (PHI4, "gpu/gpu-int4-rtn-block-32", "gpu/gpu-int4-rtn-block-32/"),
        (
            DEEPSEEK,
            "deepseek-r1-distill-qwen-1.5B",
            "deepseek-r1-distill-qwen-1.5B/cpu_and_mobile/cpu-int4-rtn-block-32-acc-level-4/",
        ),
        (DEEPSEEK, "deepseek-r1-distill-qwen-7B/gpu", "deepseek-r1-distill-qwen-7B/gpu/gpu-int4-rtn-block-32/"),
        (QWEN3, "", "onnxruntime/cpu_and_mobile/cpu-int4-kld-block-128/"),
        (QWEN3, "cuda", "onnxruntime/cuda/cuda-int4-kld-block-128/"),
    ],
)
def test_a_text_model_is_one_folder_by_default_that_for_the_cpu_in_4_bits(
    names: tuple[str, ...], pattern: str, folder: str
) -> None:
    found = chosen(names, pattern)
    assert found[0] == f"{folder}genai_config.json"
    assert set(found) >= {f"{folder}{name}" for name in TEXT}
    assert all(path.startswith(folder) and not path.endswith((".py", ".md")) for path in found)


def test_a_pipeline_is_fetched_without_its_checker_and_other_formats() -> None:
    found = chosen(SD15)
    assert found[0] == "model_index.json"
    left_out = {"README.md", "feature_extractor/preprocessor_config.json", "safety_checker/model.onnx"}
    assert set(found) == set(SD15) - left_out - {"unet/diffusion_pytorch_model.safetensors"}


@pytest.mark.parametrize(
    ("names", "pattern", "onnx", "message"),
    [
        (
            MINILM,
            "",
            False,
            r"^hf:o/r: expected a model that can be served, got an ONNX model; put the word onnx before",
        ),
        (("m.gguf",), "", True, r"^onnx:hf:o/r: .* got GGUF models; leave out the word onnx before it$"),
        (MINILM, "q4", True, r"^onnx:hf:o/r: expected a model file that matches 'q4', got onnx/model\.onnx, "),
        (
            ("config.json", "model.onnx"),
            "",
            True,
            r"^hf:o/r: expected tokenizer\.json beside the ONNX model, got none$",
        ),
        (
            ("config.json", "generation_config.json", "model.onnx"),
            "",
            True,
            r"^hf:o/r: expected tokenizer\.json beside the ONNX model, got none$",
        ),
        (("README.md",), "", True, r"^onnx:hf:o/r: expected a model that can be served, got README\.md$"),
    ],
)
def test_a_repository_without_the_wanted_model_says_so(
    names: tuple[str, ...], pattern: str, onnx: bool, message: str
) -> None:
    with pytest.raises(ModelError, match=message):
        choose_files(HubSource("o/r", pattern, onnx), [HubFile(name, 9) for name in names])


def test_a_text_model_that_writes_is_fetched_with_how_it_ends() -> None:
    found = chosen(SMOLLM2)
    assert {"generation_config.json", "merges.txt", "vocab.json"} <= set(found)
    assert not {"model.safetensors", "README.md", "all_results.json"} & set(found)
