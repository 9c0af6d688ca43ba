"""Texts of many lengths and languages."""

from __future__ import annotations

_WORDS = {
    "English": "the morning sun rose over a quiet harbour while fishermen mended their nets and told old stories",
    "German": "die Straßenbahn fährt jeden Morgen über die Brücke, und große Schiffe ziehen langsam vorbei",
    "French": "l'été dernier, nous avons mangé des crêpes près du château où tout était déjà très calme",
    "Spanish": "mañana por la noche los niños cantarán canciones junto al río y después dormirán",
    "Russian": "старый дом стоял у самой реки, и никто не помнил, кто его построил",  # noqa: RUF001
    "Greek": "η θάλασσα ήταν ήρεμη και το φως έπεφτε πάνω στα νησιά",
    "Chinese": "春天来了,公园里的花都开了,孩子们在草地上跑来跑去。",
    "Japanese": "昨日は雨が降っていましたが、今日はとても良い天気です。",
    "Korean": "아침에 일어나서 커피를 마시고 신문을 읽었습니다",
    "Arabic": "كان الطريق طويلا لكن الرحلة كانت جميلة جدا",
    "Hindi": "बच्चे नदी के किनारे खेल रहे थे और सूरज डूब रहा था",
    "code": "def total(rows): return sum(row['price'] * row.count for row in rows if row is not None)  # EUR",
    "odd": "¿¡ \u200b naïve café №5 — “quotes” … 🙂👩‍👩‍👧 ﬁ Å A\u030a 12,345.67 e-mail@host.tld C++ [MASK] ##s",
}
LENGTHS = (1, 2, 3, 5, 9, 17, 33, 70, 140, 300)
"""Words of the texts of each language."""


def texts() -> list[str]:
    """Texts of many lengths and languages."""
    found = []
    for sentence in _WORDS.values():
        words = sentence.split()
        found += [" ".join(words[index % len(words)] for index in range(length)) for length in LENGTHS]
    return found
