"""Bodies of image requests at random, and their input pictures."""

from __future__ import annotations

import io
import random
import struct
import zlib
from dataclasses import dataclass
from typing import Any

from PIL import Image

from router.schemas.images.edits import Img2ImgRequest
from router.schemas.images.text_to_image import Txt2ImgRequest
from shared.engines.diffusion_names import SAMPLERS, SCHEDULERS
from shared.wire.jobs import ImageJob
from workers.engine import EngineJob

MAX_SIDE = 128
FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "GIF")
MODES = ("RGB", "RGBA", "L", "LA", "P", "1", "CMYK", "I;16")
WRITABLE = {"PNG": MODES[:6] + MODES[7:], "JPEG": ("RGB", "L", "CMYK"), "BMP": ("RGB", "L", "P", "1"), "GIF": MODES[:6]}

WORDS = ("cat", "a lighthouse at dawn", "Bär", "🏠", "猫", "BREAK", "B", "aBREAKb", "AND", "embd:x", "<", ">")
BRACKETS: tuple[str, ...] = (*"()[]{}\\:,.|'\"", "\\(", "\\)", "\\[", "\\]", "\\\\", "((", "))", "\n", "\t", " ", "  ,")
WEIGHTS = ("1.2", "0", "-1", "+.5", ".", "1.2.3", "9" * 38, "9" * 39, "1" * 60, "0." + "0" * 44 + "1", "--1", "1e9")
BAD_CHARACTERS = ("\0", "\x01", "\x7f", "\u200b", "\u202e", "\ufffd", "\ufeff", "\U0010ffff", "\ud800", "e\u0301" * 9)
DIGITS = "0123456789.+-eE"


@dataclass(frozen=True, slots=True)
class RandomOrder:
    """The body of a request, with input pictures as they would come from a form."""

    body: dict[str, Any]
    blobs: tuple[bytes, ...]

    def job(self) -> EngineJob:
        """The job for the engine.

        Raises:
            ValidationError, ApiError: the router refuses the body.
        """
        fields = Img2ImgRequest if self.blobs else Txt2ImgRequest
        work: ImageJob = fields.model_validate(self.body).to_job(MAX_SIDE)
        if len(self.blobs) > 1:
            work = ImageJob(**{name: getattr(work, name) for name in work.__struct_fields__} | {"mask": 1})
        return EngineJob("order", work, blobs=[memoryview(blob) for blob in self.blobs])


class OrderMaker:
    """Makes the same orders from the same ``seed``; ``loras`` are the names of files in the LoRA folder."""

    def __init__(self, seed: int, loras: tuple[str, ...]) -> None:
        self._random = random.Random(seed)
        self._loras = loras

    def order(self) -> RandomOrder:
        """The next order: usually small and quick."""
        pick = self._random
        body: dict[str, Any] = {"prompt": self._prompt(), "width": 64, "height": 64, "sample_steps": 1, "cfg_scale": 1}
        if pick.random() < 0.1:
            body |= {"stream": True, "previews": pick.choice((1, 2, 3))}
        for name, values in self._fields().items():
            if pick.random() < 0.15:
                good, bad = values
                body[name] = pick.choice(good if pick.random() < 0.9 else bad)
        if pick.random() < 0.2:
            body["negative_prompt"] = self._prompt()
        blobs: tuple[bytes, ...] = ()
        if pick.random() < 0.3:
            body["strength"] = pick.choice((*(1, 0.75, 0.5, 1e-9, 5e-324, 0.999999999) * 4, 0, -1, 2, float("nan")))
            size = (pick.choice((1, 3, 64, 65, 200)), pick.choice((1, 7, 64, 100, 300)))
            blobs = (self._picture(size),)
            if pick.random() < 0.5:
                blobs += (self._picture(size if pick.random() < 0.8 else (64, 65)),)
        return RandomOrder(body, blobs)

    def _fields(self) -> dict[str, tuple[tuple[Any, ...], tuple[Any, ...]]]:
        """Of all fields, values that are accepted and such that are not."""
        numbers: tuple[Any, ...] = (float("nan"), float("inf"), -(2**63), 2**64, 1e308, 1e-320, "1", True, [], {})
        return {
            "width": ((64, 128, None), (0, -64, 65, 192, *numbers)),
            "height": ((64, 128, None), (0, -64, 63, 192, *numbers)),
            "size": (("64x64", "auto", "64X64", None), ("0x0", "64x", "999999x999999", "")),
            "n": ((1, 2, None), (0, 11, *numbers)),
            "sample_steps": ((1, 2, 3), (0, 151, *numbers)),
            "cfg_scale": ((0, 1, 1.0000001, 7, 30, 1e-30, -0.0, None), (-1, 30.1, *numbers)),
            "seed": ((0, -1, 2**31, 2**32 - 1, 2**62, 2**63 - 20, None), (-2, 2**63 - 1, *numbers)),
            "sampler": ((*SAMPLERS, None), ("no", "", 3)),
            "scheduler": ((*SCHEDULERS, None), ("no", "", 3)),
            "clip_skip": ((*range(13), None), (-1, 13, *numbers)),
            "previews": ((0, None), (4, *numbers)),
            "stream": ((True,), ("yes", 3)),
            "image_path": (("",), ("x",)),
            "unknown": (({"a": [1]},), (float("nan"),)),
        }

    def _prompt(self) -> str:
        pick = self._random
        kinds = (self._word, self._weight, self._bracket, self._lora, self._character)
        weights = (6, 2, 5, 1, 0.05)
        length = pick.choice((0, 1, 2, 3, 5, 9, 20))
        text = "".join(make() for make in pick.choices(kinds, weights, k=length))
        if pick.random() < 0.01:
            text = (text or pick.choice(BRACKETS)) * 3000
            return text[: pick.choice((2000, 3000, 10_001))]
        return text

    def _word(self) -> str:
        return self._random.choice(WORDS) + self._random.choice(("", " ", ", "))

    def _bracket(self) -> str:
        return self._random.choice(BRACKETS)

    def _character(self) -> str:
        return self._random.choice(BAD_CHARACTERS)

    def _weight(self) -> str:
        pick = self._random
        digits = "".join(pick.choices(DIGITS, k=pick.choice((0, 1, 1, 2, 3, 5))))
        weight = pick.choice((digits, pick.choice(WEIGHTS), "1.2", "0.8", "-1"))
        return f"{pick.choice(('(', '((', '[', ''))}{pick.choice(WORDS)}:{weight}{pick.choice((')', '))', ']', ''))}"

    def _lora(self) -> str:
        pick = self._random
        name = pick.choice((*self._loras, "no", "..", "", "a:b"))
        weight = pick.choice(("", ":1", ":0.5", ":-10", ":0", ":11", ":nan", ":x", ":1:2", ":1e-40"))
        return f"<lora:{name}{weight}>"

    def _picture(self, size: tuple[int, int]) -> bytes:
        pick = self._random
        kind = pick.choice(FORMATS)
        mode = pick.choice(WRITABLE.get(kind, ("RGB", "RGBA")))
        image = Image.frombytes("RGB", size, pick.randbytes(3 * size[0] * size[1]))
        target = io.BytesIO()
        (image.convert("L").convert("I").convert(mode) if mode == "I;16" else image.convert(mode)).save(target, kind)
        data = target.getvalue()
        if kind == "PNG" and pick.random() < 0.3:
            data = self._with_text(data)
        if pick.random() < 0.2:
            data = self._damaged(data)
        return data

    def _with_text(self, png: bytes) -> bytes:
        content = self._random.randbytes(self._random.choice((0, 5, 300)))
        crc = zlib.crc32(b"tEXt" + content) ^ self._random.getrandbits(1)
        return png[:33] + struct.pack(">I", len(content)) + b"tEXt" + content + struct.pack(">I", crc) + png[33:]

    def _damaged(self, data: bytes) -> bytes:
        pick = self._random
        changed = bytearray(data)
        for _ in range(pick.choice((1, 2, 20))):
            changed[pick.randrange(len(changed))] = pick.getrandbits(8)
        return bytes(changed[: pick.choice((len(changed), len(changed), pick.randrange(len(changed) + 1)))])
