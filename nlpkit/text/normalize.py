"""Unicode care: normal forms and characters nobody sees."""

from __future__ import annotations

import unicodedata

REPLACEMENT = "\ufffd"
# what a reader cannot see and a copy-paste leaves behind; ZWJ and ZWNJ are left out: scripts need them
INVISIBLE = frozenset(
    "\u200b\u2060\ufeff\u00ad\u200e\u200f\u061c\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
)
LINE_BREAKS = frozenset("\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029")


def nfc(text: str) -> str:
    """``text`` in Unicode Normalization Form C."""
    return text if text.isascii() or unicodedata.is_normalized("NFC", text) else unicodedata.normalize("NFC", text)


def nfd(text: str) -> str:
    """``text`` in Unicode Normalization Form D."""
    return unicodedata.normalize("NFD", text)


def bare(text: str) -> str:
    """Without diacritics: what a hurried typist writes."""
    return "".join(char for char in unicodedata.normalize("NFD", text) if not unicodedata.combining(char))


def shape(word: str) -> str:
    """``Dodoma2`` -> ``Xxd``: kinds of characters, runs made short, at most eight; a lone character is marked by 1."""
    kinds = [
        "X" if c.isupper() else "x" if c.isalpha() else "d" if c.isdigit() else "m" if unicodedata.combining(c) else c
        for c in word
    ]
    runs = [kind for at, kind in enumerate(kinds) if at == 0 or kinds[at - 1] != kind]
    return "".join(runs)[:8] + ("1" if len(word) == 1 else "")


def invisible_only(token: str) -> bool:
    """Whether a reader would see nothing at all."""
    return all(char in INVISIBLE or char.isspace() for char in token)
