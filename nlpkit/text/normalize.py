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
    return text if unicodedata.is_normalized("NFC", text) else unicodedata.normalize("NFC", text)


def invisible_only(token: str) -> bool:
    """Whether a reader would see nothing at all."""
    return all(char in INVISIBLE or char.isspace() for char in token)
