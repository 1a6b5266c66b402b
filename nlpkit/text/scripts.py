"""Scripts of characters and texts as ISO 15924 codes."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from functools import lru_cache

# first word(s) of a character's Unicode name -> ISO 15924
_NAMES = {
    "LATIN": "Latn", "FULLWIDTH LATIN": "Latn", "CYRILLIC": "Cyrl", "GREEK": "Grek", "COPTIC": "Copt",
    "ARABIC": "Arab", "HEBREW": "Hebr", "SYRIAC": "Syrc", "THAANA": "Thaa", "NKO": "Nkoo", "MANDAIC": "Mand",
    "DEVANAGARI": "Deva", "BENGALI": "Beng", "GURMUKHI": "Guru", "GUJARATI": "Gujr", "ORIYA": "Orya",
    "TAMIL": "Taml", "TELUGU": "Telu", "KANNADA": "Knda", "MALAYALAM": "Mlym", "SINHALA": "Sinh", "THAI": "Thai",
    "LAO": "Laoo", "TIBETAN": "Tibt", "MYANMAR": "Mymr", "GEORGIAN": "Geor", "HANGUL": "Hang",
    "HALFWIDTH HANGUL": "Hang", "ETHIOPIC": "Ethi", "CHEROKEE": "Cher", "CANADIAN": "Cans", "KHMER": "Khmr",
    "MONGOLIAN": "Mong", "HIRAGANA": "Hira", "KATAKANA": "Kana", "KATAKANA-HIRAGANA": "Kana",
    "HALFWIDTH KATAKANA": "Kana", "BOPOMOFO": "Bopo", "CJK": "Hani", "IDEOGRAPHIC": "Hani", "YI": "Yiii",
    "ARMENIAN": "Armn", "TIFINAGH": "Tfng", "VAI": "Vaii", "BAMUM": "Bamu", "SAURASHTRA": "Saur", "KAYAH": "Kali",
    "REJANG": "Rjng", "JAVANESE": "Java", "CHAM": "Cham", "TAI VIET": "Tavt", "MEETEI": "Mtei", "BALINESE": "Bali",
    "SUNDANESE": "Sund", "BATAK": "Batk", "LEPCHA": "Lepc", "OL CHIKI": "Olck", "LIMBU": "Limb", "TAI LE": "Tale",
    "NEW TAI LUE": "Talu", "BUGINESE": "Bugi", "TAI THAM": "Lana", "TAGALOG": "Tglg", "HANUNOO": "Hano",
    "BUHID": "Buhd", "TAGBANWA": "Tagb", "LISU": "Lisu", "OSMANYA": "Osma", "OSAGE": "Osge", "DESERET": "Dsrt",
    "ADLAM": "Adlm", "GOTHIC": "Goth", "CHAKMA": "Cakm", "WARANG": "Wara", "SYLOTI": "Sylo", "PAHAWH": "Hmng",
    "NYIAKENG": "Hmnp", "WANCHO": "Wcho", "MEDEFAIDRIN": "Medf", "HANIFI": "Rohg", "MENDE": "Mend", "BASSA": "Bass",
}  # fmt: skip
# what a label's script may be written with: the scripts of its letters
LETTERS = {
    "Jpan": ("Hani", "Hira", "Kana"), "Hans": ("Hani",), "Hant": ("Hani", "Bopo"), "Hrkt": ("Hira", "Kana"),
    "Kore": ("Hang", "Hani"), "Hang": ("Hang",),
}  # fmt: skip
COMMON, OTHER = "Zyyy", "Zzzz"
_NOT_LATIN = re.compile(r"[^\x00-\u02af\u0300-\u036f\u1e00-\u1eff\u2010-\u2027]")
_known: dict[str, str] = {}


def script_of(char: str) -> str:
    """The script of a character; ``Zyyy`` for what all share (digits, marks), ``Zzzz`` for one not known here."""
    found = _known.get(char)
    if found is None:
        words = unicodedata.name(char, "").split(" ")
        two = " ".join(words[:2])
        found = (
            _NAMES.get(two)
            or (_NAMES.get(words[0]) if words[0] != "CJK" or char.isalpha() else None)
            or (OTHER if unicodedata.category(char) == "Lo" else COMMON)
        )
        _known[char] = found
    return found


@lru_cache(maxsize=1 << 16)
def _scripts(token: str) -> tuple[tuple[str, int], ...]:
    """How many letters of each script."""
    counts = Counter(script_of(char) for char in token if char.isalpha())
    del counts[COMMON]
    return tuple(counts.items())


def written_with(script: str) -> tuple[str, ...]:
    """The scripts of the letters of a language written in ``script``: ``Jpan`` -> Hani, Hira, Kana."""
    return LETTERS.get(script, (script,))


def main_script(text: str) -> str:
    """The script of most letters, ``Zyyy`` where there are none; Han beside Kana is ``Jpan``."""
    if _NOT_LATIN.search(text) is None:
        return "Latn" if any(map(str.isalpha, text)) else COMMON
    counts: Counter[str] = Counter()
    for token in text.split():
        for script, count in _scripts(token):
            counts[script] += count
    if not counts:
        return COMMON
    kana = counts["Hira"] + counts["Kana"]
    if kana:
        counts["Jpan"] = kana + counts.pop("Hani", 0)
        del counts["Hira"], counts["Kana"]
    return max(sorted(counts), key=lambda script: counts[script])
