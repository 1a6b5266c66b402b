"""Text as a language identifier sees it: lower-case words in NFC, without links, names of accounts and odd signs."""

from __future__ import annotations

import re
import unicodedata

import regex

from nlpkit.text.normalize import nfc

_LINKS = regex.compile(
    r"https?://\S++|www\.\S++|(?<![^\s@])[^\s@]++@[^\s@.]++\.\S++|[@#][\p{L}\p{M}\p{N}_]++"
    # possessive, and only from where a name begins: a line of a million dots must not take a minute
    r"|(?<![\w.\-])(?:(?!(?:com|org|net|io|html?|php)\b)[\w\-]++\.)++(?:com|org|net|io|html?|php)\b\S*+"
)
# spellings of one sign; the apostrophe is a letter in many orthographies, so it stays
_SAME = {
    **dict.fromkeys(map(ord, "’ʼʻ‘`´ʾʿ＇ꞌ"), "'"),
    **dict.fromkeys(map(ord, "\u0640\u00ad"), None),  # tatweel, soft hyphen
    **dict.fromkeys(range(0x64B, 0x653), None),  # Arabic vowel signs, written by few
    **dict.fromkeys(range(0x591, 0x5BE), None),  # Hebrew accents and points
}  # fmt: skip
_DOTTED = re.compile(r"\w\.\w")  # what most text has not, found at once
_INVISIBLE = regex.compile(r"\p{Cf}+")
# what the two above change, and astral signs, some of which are invisible
_ODD = re.compile(
    "["
    + "".join(map(chr, _SAME))
    + r"\u0600-\u0605\u061c\u06dd\u070f\u0890-\u0891\u08e2\u180e\u200b-\u200f\u202a-\u202e"
    + r"\u2060-\u206f\ufeff\ufff9-\ufffb\U00010000-\U0010ffff]"
)
_WORD = regex.compile(r"'?[\p{L}\p{M}]+(?:'[\p{L}\p{M}]+)*'?")
_HAN = regex.compile(r"[\p{Han}\p{Hiragana}\p{Katakana}]")
_UNSPACED = regex.compile(r"[\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}]")
_FORMS = re.compile(r"[\ufb00-\ufdff\ufe70-\ufefc\uff00-\uffef]")  # ligatures, Arabic and full-width forms
_LONGEST, _PIECE = 40, 12
_THAI = "\u0e00"  # no script before it is written without blanks


def clean(text: str) -> str:
    """``text`` without links, addresses, @names and #tags."""
    return _LINKS.sub(" ", text) if "@" in text or "#" in text or "//" in text or _DOTTED.search(text) else text


def fold(text: str) -> str:
    """NFC, lower case, presentation forms and invisible signs resolved. What differs only so is the same text."""
    if text.isascii():
        return text.lower()
    if _FORMS.search(text):
        text = unicodedata.normalize("NFKC", text)
    text = nfc(text).lower()
    if _ODD.search(text):
        text = _INVISIBLE.sub("", text.translate(_SAME))
    return nfc(text)


def units(text: str) -> list[str]:
    """The words of a text. Han and Kana, which have no blanks, give pairs of neighbors; Thai and the like, pieces."""
    return [word for token in text.split() for word in units_of(token)]


def units_of(token: str) -> list[str]:
    """The words of what stands between two blanks."""
    found: list[str] = []
    for word in _WORD.findall(fold(clean(token))):
        if word[0] == "'" == word[-1] and len(word) > 2:  # quoted
            word = word[1:-1]
        if word.isascii() or word[0] < _THAI:
            found += [word] if len(word) <= _LONGEST else _cut(word, _LONGEST)
        elif _HAN.match(word):
            found += [word[at : at + 2] for at in range(max(1, len(word) - 1))]
        else:
            size = _PIECE if _UNSPACED.match(word) else _LONGEST
            found += [word] if len(word) <= size else _cut(word, size)
    return found


def _cut(word: str, size: int) -> list[str]:
    return [word[at : at + size] for at in range(0, len(word), size)]
