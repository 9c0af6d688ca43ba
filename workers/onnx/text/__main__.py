"""``python -m workers.onnx.text FOLDER``: what ``nexa formats`` shows of a model in ONNX."""

from __future__ import annotations

import sys
from pathlib import Path

from shared.errors import ModelError
from workers.chat.model_chat import ModelChat
from workers.chat.report_command import run_report
from workers.chat.template_source import find_template
from workers.engine import EngineLoadError
from workers.onnx.text.chat_template import read_template
from workers.onnx.text.folder_files import model_folder
from workers.onnx.text.vocabulary import read_vocabulary
from workers.text.template_chat import chat_of


def read_chat(path: Path, _bos: str = "", _eos: str = "", given: str = "") -> ModelChat:
    """What the template in a model's folder tells, or the one that is ``given`` instead.

    Raises:
        ModelError: a file in the folder is missing or damaged.
        ValueError: the template's syntax is wrong, or there is no template that is ``given``.
    """
    try:
        vocabulary = read_vocabulary(str(path))
        source = find_template(given, read_template(model_folder(str(path))), vocabulary.is_special)
    except EngineLoadError as error:
        raise ModelError(f"{path}: {error}") from None
    return chat_of(vocabulary, source.texts[-1])


if __name__ == "__main__":
    sys.exit(run_report("workers.onnx.text", read_chat))
