from __future__ import annotations

import pytest

from shared.engines.files import HubFile
from shared.errors import ModelError
from shared.hub.choice import choose_files
from shared.models.source import HubSource


@pytest.mark.parametrize(
    ("names", "pattern", "chosen"),
    [
        (["m-Q8_0.gguf:9", "m-Q4_K_M.gguf:5", "m-Q2_K.gguf:2"], "", "m-Q4_K_M.gguf"),
        (["m-Q8_0.gguf:9", "m-Q5_0.gguf:6", "m-Q2_K.gguf:2", "m-IQ3_M.gguf:3"], "", "m-Q5_0.gguf"),
        (["m-Q2_K.gguf:2", "m-IQ1_S.gguf:1"], "", "m-IQ1_S.gguf"),
        (["mmproj-m-Q4_K_M.gguf:1", "m-Q8_0.gguf:9"], "", "m-Q8_0.gguf"),
        (["m-Q8_0.gguf:9", "m-Q4_K_M.gguf:5"], "Q8_0", "m-Q8_0.gguf"),
        (["m-Q8_0.gguf:9", "m-Q4_K_M.gguf:5"], "*q8*.gguf", "m-Q8_0.gguf"),
        (["q8/m.gguf:9", "q4/m.gguf:5"], "q8/m.gguf", "q8/m.gguf"),
        (["mmproj-m-Q8_0.gguf:1", "m-Q8_0.gguf:9"], "Q8_0", "m-Q8_0.gguf"),
        (["m-Q8_0.gguf:9", "mmproj-m-Q8_0.gguf:1"], "q8_0", "m-Q8_0.gguf"),
        (["m.mmproj-Q8_0.gguf:1", "m.Q8_0.gguf:9"], "*Q8_0.gguf", "m.Q8_0.gguf"),
        (["m.imatrix.gguf:1", "m.Q2_K.gguf:9", "MTP/m-Q8_0.gguf:1", "m-lora-f16.gguf:1"], "", "m.Q2_K.gguf"),
        (["m-Q4_0_4_4.gguf:1", "m-Q4_0.gguf:2"], "Q4_0", "m-Q4_0.gguf"),
        (["m-Q8_0.gguf:8", "m-f16.gguf:16", "m-bf16.gguf:16"], "FP16", "m-f16.gguf"),
        (["m-Q8_0.gguf:8", "m-BF16.gguf:16"], "fp16", "m-BF16.gguf"),
        (["m-F16.gguf:16", "m-fp16.gguf:17"], "fp16", "m-fp16.gguf"),
        (["m-Q5_K_M.gguf:6", "m-Q4_K_S.gguf:4", "m-Q4_K_M.gguf:5"], "q4", "m-Q4_K_M.gguf"),
        (["m-draft-Q8_0.gguf:1"], "Q8_0", "m-draft-Q8_0.gguf"),
        (["my-lora-Q8_0.gguf:1", "m-Q8_0.gguf:9"], "my-lora-Q8_0.gguf", "my-lora-Q8_0.gguf"),
        (["vae/x-fp16.safetensors:1", "sd-fp16.safetensors:9"], "fp16", "sd-fp16.safetensors"),
        (["sd.safetensors:9", "unet/x.safetensors:1"], "", "sd.safetensors"),
    ],
)
def test_which_files_are_chosen(names: list[str], pattern: str, chosen: str) -> None:
    files = [HubFile(name.partition(":")[0], int(name.partition(":")[2])) for name in names]
    assert choose_files(HubSource("o/r", pattern), files)[0].path == chosen


@pytest.mark.parametrize(
    ("names", "pattern", "what"),
    [
        (["m.gguf"], "Q9", r"hf:o/r: expected a model file that matches 'Q9', got m\.gguf"),
        (["LICENSE", "m-Q8_0.gguf", "x.md"], "Q9", r"hf:o/r: expected one of its quantizations \(Q8_0\), got 'Q9'$"),
        (
            [
                "m-Q2_K.gguf",
                "m-Q8_0.gguf",
                "m-F16.gguf",
                "m.Q4_K_M.gguf",
                "mmproj-F32.gguf",
                "q6/m-Q6_K-00001-of-00001.gguf",
            ],
            "Q5_K_M",
            r"quantizations \(Q4_K_M, Q6_K, Q2_K, Q8_0, F16\), got 'Q5_K_M'$",
        ),
        (
            [
                f"m-{quant}.gguf"
                for quant in ("Q8_0", "IQ1_S", "IQ2_M", "Q6_K", "Q4_K_M", "MXFP4", "UD-Q4_K_XL", "Q4_K_S")
            ],
            "Q3_K_M",
            r"quantizations \(Q4_K_M, Q4_K_S, IQ2_M, UD-Q4_K_XL, MXFP4, IQ1_S, \.\.\.\), got",
        ),
        (["mmproj-m-f16.gguf", "m.gguf"], "f16", r"hf:o/r: .* 'f16', got mmproj-m-f16\.gguf, the projector"),
        (["mmproj-m-f16.gguf", "README.md"], "", r"expected a model that can be served, got mmproj-m-f16\.gguf"),
        (["README.md"], "", r"expected a model that can be served, got README\.md"),
        (["config.json", "model.safetensors"], "", "expected a model that can be served, got config"),
        (["a.safetensors", "b.safetensors"], "", "name one of them"),
        (["m-00001-of-00002.gguf"], "", "expected all parts of .*, got none called m-00002-of-00002"),
    ],
)
def test_a_repository_without_a_fitting_model_is_refused(names: list[str], pattern: str, what: str) -> None:
    with pytest.raises(ModelError, match=what):
        choose_files(HubSource("o/r", pattern), [HubFile(name, 1) for name in names])
