"""Opens graphs with onnxruntime: by which provider, with how many threads, and why one cannot be opened."""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from shared.distribution import how_to_install
from shared.engines.onnx.folders import EXTRA
from shared.engines.onnx.providers import OnnxProvider
from workers.engine import EngineLoadError

try:
    import onnxruntime
except ImportError as missing:
    raise EngineLoadError(f"ONNX models need the package {missing.name}: {how_to_install(EXTRA)}") from missing

CPU = "CPUExecutionProvider"
MIN_VERSION = (1, 24)
"""Earlier ones read weights from any path that a model names. Packages for other providers may bring them."""

_NAMES = {
    OnnxProvider.CPU: CPU,
    OnnxProvider.CUDA: "CUDAExecutionProvider",
    OnnxProvider.TENSORRT: "TensorrtExecutionProvider",
    OnnxProvider.DIRECTML: "DmlExecutionProvider",
    OnnxProvider.OPENVINO: "OpenVINOExecutionProvider",
}
_PACKAGES = {
    OnnxProvider.CPU: "onnxruntime",
    OnnxProvider.CUDA: "onnxruntime-gpu",
    OnnxProvider.TENSORRT: "onnxruntime-gpu",
    OnnxProvider.DIRECTML: "onnxruntime-directml",
    OnnxProvider.OPENVINO: "onnxruntime-openvino",
}
"""The Python packages that have the providers. Only one of them can be installed: they hold the same module."""

NUMBER_TYPES: Mapping[str, type[np.generic]] = {
    "tensor(float)": np.float32,
    "tensor(float16)": np.float16,
    "tensor(double)": np.float64,
    "tensor(int32)": np.int32,
    "tensor(int64)": np.int64,
    "tensor(bool)": np.bool_,
}
"""Types of a graph's inputs and outputs, by onnxruntime's names."""

_FATAL, _ERROR = 4, 3
"""Severities of onnxruntime's log."""

_POINTER = b"version https://git-lfs.github.com/"
_BEFORE_REASON = re.compile(r"^\[ONNXRuntimeError\] : \d+ : \w+ : (?:Load model from .* failed:)?", re.DOTALL)
_SOURCE_PLACE = re.compile(r"\S+\.(?:cc|h|cpp):\d+ [\w:]+(?:\([^)]*\))? ?")

_REASONS = (
    (
        r"INVALID_PROTOBUF|No graph was found|does not have a graph",
        "expected an ONNX file, got one that is damaged or incomplete",
    ),
    (
        r'External data path does not exist: "(?:[^"]*[/\\\\])?(?P<file>[^"]+)"',
        "expected its weights beside it, got no {file}",
    ),
    (
        r"cannot get file size: No such file or directory \[(?:[^\]]*[/\\])?(?P<file>[^\]]+)\]",
        "expected its weights beside it, got no {file}",
    ),
    (
        r"External initializer: (?P<tensor>.*?) offset: .*out of bounds",
        "expected whole files of weights beside it, got one that ends before the weights {tensor}",
    ),
    (
        r'escapes .*?model directory.*?External data path: "(?P<path>[^"]*)"',
        "expected its weights in its own folder, got {path!r}",
    ),
    (
        r'External data path: "(?P<path>[^"]*)" escapes model directory',
        "expected its weights in its own folder, got {path!r}",
    ),
    (r"Absolute path not allowed", "expected its weights in its own folder, got an absolute path"),
    (
        r"Opset (?P<got>\d+) is under development.*for domain (?P<domain>\S+) is till opset (?P<known>\d+)",
        "expected opset {known} of {domain} at most, as onnxruntime {version} has, got {got}; a newer one may open it",
    ),
    (
        r"Unsupported model IR version: (?P<got>\d+), max supported IR version: (?P<known>\d+)",
        "expected IR version {known} at most, as onnxruntime {version} has, got {got}; a newer one may open it",
    ),
    (
        r"(?P<name>[\w.:]+)(?:\(-?\d+\) is not a registered function/op| with domain_version)",
        "expected operations that onnxruntime {version} has, got {name}",
    ),
    (r"bad_alloc|(?i:failed to allocate memory|out of memory)", "not enough memory for the model"),
)
"""What messages of onnxruntime 1.24 to 1.32 have in them, and what operators are told instead."""


def open_session(path: Path, provider: str = OnnxProvider.CPU, threads: int = 0) -> onnxruntime.InferenceSession:
    """Open the graph in the file ``path``, whose weights may be in further files of its folder.

    Nodes that ``provider`` cannot compute are computed by the CPU. ``threads`` (0: as many as there are cores) sleep
    when there is nothing to do: spinning takes the cores from other workers, and time from their steps.

    Raises:
        EngineLoadError: the file cannot be read, needs another onnxruntime, or the provider is not there.
    """
    wanted = OnnxProvider(provider)
    check_provider(wanted)
    _check_file(path)
    try:
        session = onnxruntime.InferenceSession(
            str(path), _options(wanted, threads), providers=_chain(wanted), enable_fallback=0
        )
    except Exception as error:  # onnxruntime's own errors have no common class
        raise EngineLoadError(explain(path, str(error))) from None
    if _NAMES[wanted] not in session.get_providers():
        found = _listed(session.get_providers())
        raise EngineLoadError(
            f"onnx_provider: {wanted} does not work here, only {found}: its driver or a library is missing; see above"
        )
    return session


def giving_back() -> onnxruntime.RunOptions:
    """Options of a computation that gives the main memory back that it took beyond the weights."""
    options = onnxruntime.RunOptions()
    options.add_run_config_entry("memory.enable_memory_arena_shrinkage", "cpu:0")
    return options


def check_provider(provider: OnnxProvider) -> None:
    """Check that the installed onnxruntime has a provider, and is not too old.

    Raises:
        EngineLoadError: it has not, and the message names the package that has it; or it is.
    """
    version = tuple(int(number) for number in onnxruntime.__version__.split(".")[:2])
    if version < MIN_VERSION:
        expected = ".".join(map(str, MIN_VERSION))
        raise EngineLoadError(f"onnxruntime: expected version {expected} or later, got {onnxruntime.__version__}")
    available = onnxruntime.get_available_providers()
    if _NAMES[provider] not in available:
        package = _PACKAGES[provider]
        remedy = f"install {package} instead of onnxruntime: pip uninstall -y onnxruntime && pip install {package}"
        if provider is OnnxProvider.DIRECTML and sys.platform != "win32":
            remedy = f"{package} is for Windows only"
        found = _listed(available)
        raise EngineLoadError(
            f"onnx_provider: expected {found}, which the installed onnxruntime has, got {provider}; {remedy}"
        )


def explain(path: Path, reason: str) -> str:
    """One line for the operator that says why onnxruntime refused the file ``path``, from its message ``reason``."""
    name, version = f"{path.parent.name}/{path.name}", onnxruntime.__version__
    for pattern, words in _REASONS:
        found = re.search(pattern, reason, re.DOTALL)
        if found:
            return f"{name}: {words.format(version=version, **found.groupdict())}"
    shown = " ".join(_SOURCE_PLACE.sub("", _BEFORE_REASON.sub("", reason)).split())
    return f"{name}: onnxruntime {version} cannot open it: {shown or 'no reason given'}"


def _check_file(path: Path) -> None:
    """Check what onnxruntime says nothing useful about: a file that cannot be read, or is only a pointer to one."""
    if path.exists() and not (path.is_file() or path.is_dir()):  # a pipe would be waited for
        raise EngineLoadError(f"{path}: expected a file, got something else")
    try:
        with path.open("rb") as file:
            begin = file.read(len(_POINTER))
    except OSError as error:
        raise EngineLoadError(f"{path}: cannot be read: {error.strerror or error}") from None
    except ValueError:  # no file can have such a name
        raise EngineLoadError(f"expected the name of a file of a model, got {str(path)!r}") from None
    if begin == _POINTER:
        raise EngineLoadError(f"{path}: expected an ONNX file, got a pointer of Git LFS; fetch it with: git lfs pull")


def _options(provider: OnnxProvider, threads: int) -> onnxruntime.SessionOptions:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.log_severity_level = _FATAL if provider is OnnxProvider.CPU else _ERROR
    if provider is OnnxProvider.DIRECTML:  # it allows neither memory patterns nor parallel nodes
        options.enable_mem_pattern = False
        options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
    return options


def _chain(provider: OnnxProvider) -> list[Any]:
    """The providers, in the order in which they are asked for each node."""
    if provider is OnnxProvider.CPU:
        return [CPU]
    between = [_NAMES[OnnxProvider.CUDA]] if provider is OnnxProvider.TENSORRT else []
    return [_NAMES[provider], *between, CPU]


def _listed(names: list[str]) -> str:
    """The providers with these names, as users write them."""
    known = [str(provider) for provider, name in _NAMES.items() if name in names]
    return " or ".join(known)
