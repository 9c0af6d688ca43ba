"""The languages that Whisper knows: codes, English names, and how people write them."""

from __future__ import annotations

import re

_NAMES = """
af afrikaans, am amharic, ar arabic, as assamese, az azerbaijani, ba bashkir, be belarusian, bg bulgarian, bn bengali,
bo tibetan, br breton, bs bosnian, ca catalan, cs czech, cy welsh, da danish, de german, el greek, en english,
es spanish, et estonian, eu basque, fa persian, fi finnish, fo faroese, fr french, gl galician, gu gujarati, ha hausa,
haw hawaiian, he hebrew, hi hindi, hr croatian, ht haitian creole, hu hungarian, hy armenian, id indonesian,
is icelandic, it italian, ja japanese, jw javanese, ka georgian, kk kazakh, km khmer, kn kannada, ko korean, la latin,
lb luxembourgish, ln lingala, lo lao, lt lithuanian, lv latvian, mg malagasy, mi maori, mk macedonian, ml malayalam,
mn mongolian, mr marathi, ms malay, mt maltese, my myanmar, ne nepali, nl dutch, nn nynorsk, no norwegian, oc occitan,
pa punjabi, pl polish, ps pashto, pt portuguese, ro romanian, ru russian, sa sanskrit, sd sindhi, si sinhala, sk slovak,
sl slovenian, sn shona, so somali, sq albanian, sr serbian, su sundanese, sv swedish, sw swahili, ta tamil, te telugu,
tg tajik, th thai, tk turkmen, tl tagalog, tr turkish, tt tatar, uk ukrainian, ur urdu, uz uzbek, vi vietnamese,
yi yiddish, yo yoruba, yue cantonese, zh chinese
"""

_OTHER_NAMES = """
my burmese, ca valencian, nl flemish, ht haitian, lb letzeburgesch, ps pushto, pa panjabi, ro moldavian, ro moldovan,
si sinhalese, es castilian, zh mandarin, tl filipino, fa farsi
"""

_OTHER_CODES = {"jv": "jw", "nb": "no", "iw": "he", "in": "id", "fil": "tl", "cmn": "zh"}
"""Codes of ISO 639 that Whisper knows under another one."""

_CODE = re.compile(r"([a-z]{2,3})([-_][a-z0-9]{2,8})*")

DETECTED = "auto"
"""Asks for the language to be detected, as no language does."""


def _pairs(listing: str) -> list[tuple[str, str]]:
    return [(code, name) for code, _, name in (" ".join(pair.split()).partition(" ") for pair in listing.split(","))]


LANGUAGE_NAMES = dict(_pairs(_NAMES))
"""OpenAI's name of each language, by its code."""

_CODES = {name: code for code, name in [*_pairs(_NAMES), *_pairs(_OTHER_NAMES)]}


def language_code(given: str) -> str | None:
    """The code of a language given by code or English name, in any case; a region is dropped. None for ``auto``.

    Codes of two or three letters are not looked up: the model knows which ones it has.

    Raises:
        ValueError: it is neither.
    """
    written = " ".join(given.lower().split())
    if written == DETECTED:
        return None
    if written in _CODES:
        return _CODES[written]
    match = _CODE.fullmatch(written)
    if match is None:
        raise ValueError("expected a code such as en, a name such as english, or auto")
    return _OTHER_CODES.get(match[1], match[1])
