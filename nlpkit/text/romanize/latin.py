"""Whole texts into Latin letters: Devanagari as typed, other scripts by plain rules."""

from __future__ import annotations

import importlib
import random
import re
import unicodedata
from functools import lru_cache
from typing import Any

from nlpkit.text.romanize.letters import CONSONANTS, DIGITS, STOPS, VIRAMA, plain, plain_form
from nlpkit.text.romanize.typists import Spellings, shipped
from nlpkit.text.scripts import script_of

_WORD = re.compile("[\u0900-\u0963\u0971-\u097f][\u0900-\u0963\u0971-\u097f\u200c\u200d]*")
_SIGN = str.maketrans({**STOPS, **DIGITS})
# English words of everyday Hindi, which are typed as in English
LOANS = {
    "अमेरिका": "america", "इंटरनेट": "internet", "इंडिया": "india", "ईमेल": "email", "ऑटो": "auto",
    "ऑनलाइन": "online", "ऑफिस": "office", "ऑर्डर": "order", "कंपनी": "company", "कंप्यूटर": "computer",
    "कप": "cup", "कमेंट": "comment", "कार": "car", "कार्ड": "card", "कॉफी": "coffee", "कॉल": "call",
    "कॉलेज": "college", "कैमरा": "camera", "क्रिकेट": "cricket", "क्लास": "class", "गेम": "game",
    "ग्रुप": "group", "चैनल": "channel", "चैनलों": "channels", "जॉब": "job", "ट्रेन": "train", "टाइम": "time",
    "टिकट": "ticket", "टीचर": "teacher", "टीम": "team", "टीवी": "tv", "टेबल": "table", "टेस्ट": "test",
    "टैक्सी": "taxi", "डॉक्टर": "doctor", "डॉलर": "dollar", "ड्राइवर": "driver", "नंबर": "number",
    "नर्स": "nurse", "न्यूज": "news", "पार्क": "park", "पार्टी": "party", "पासवर्ड": "password",
    "पुलिस": "police", "पेन": "pen", "पेपर": "paper", "पैंट": "pant", "प्लान": "plan", "प्लीज": "please",
    "प्रोग्राम": "program", "फिल्म": "film", "फिल्में": "films", "फिल्मों": "films", "फेसबुक": "facebook",
    "फोटो": "photo", "फोन": "phone", "बजट": "budget", "बैंक": "bank", "बैग": "bag", "बॉल": "ball",
    "ब्लॉग": "blog", "मिनट": "minute", "मीटिंग": "meeting", "मूवी": "movie", "मैच": "match", "मैसेज": "message",
    "मोबाइल": "mobile", "म्यूजिक": "music", "रिपोर्ट": "report", "रेडियो": "radio", "रूम": "room",
    "रोड": "road", "लंच": "lunch", "लाइट": "light", "लैपटॉप": "laptop", "लिस्ट": "list", "वीडियो": "video",
    "वेबसाइट": "website", "शर्ट": "shirt", "सर्विस": "service", "सिनेमा": "cinema", "सिस्टम": "system",
    "सीन": "scene", "सॉरी": "sorry", "स्कूल": "school", "स्टार": "star", "स्टेशन": "station", "स्टोरी": "story",
    "हैलो": "hello", "हॉस्पिटल": "hospital", "होटल": "hotel",
}  # fmt: skip
# blocks laid out as Devanagari: start, whether the inherent vowel can be silent
_BLOCKS = {
    "Beng": (0x980, True), "Guru": (0xA00, True), "Gujr": (0xA80, True), "Orya": (0xB00, False), "Taml": (0xB80, False),
    "Telu": (0xC00, False), "Knda": (0xC80, False), "Mlym": (0xD00, False),
}  # fmt: skip
_OWN = {  # letters the layout does not share; the rest of a word is Devanagari by then
    "ৎ": "त" + VIRAMA, "ৰ": "र", "ৱ": "व", "ੰ": "ं", "ୱ": "व", "ൺ": "ण" + VIRAMA, "ൻ": "न" + VIRAMA, "ർ": "र" + VIRAMA,
    "ൽ": "ल" + VIRAMA, "ൾ": "ळ" + VIRAMA, "ൿ": "क" + VIRAMA, "ള": "ळ", "ൗ": "ौ", "ௗ": "ौ",
}  # fmt: skip
_ADDAK = "ੱ"  # doubles the consonant after it
_ARABIC = {
    "ء": "", "ا": "a", "ب": "b", "ت": "t", "ث": "th", "ج": "j", "ح": "h", "خ": "kh", "د": "d", "ذ": "z",
    "ر": "r", "ز": "z", "س": "s", "ش": "sh", "ص": "s", "ض": "d", "ط": "t", "ظ": "z", "ع": "a", "غ": "gh",
    "ف": "f", "ق": "q", "ك": "k", "ل": "l", "م": "m", "ن": "n", "ه": "h", "و": "w", "ي": "y", "ى": "a",
    "ة": "a", "پ": "p", "چ": "ch", "ژ": "zh", "گ": "g", "ک": "k", "ی": "y", "ے": "e", "ٹ": "t", "ڈ": "d",
    "ڑ": "r", "ں": "n", "ھ": "h", "ہ": "h", "ۃ": "h", "أ": "a", "إ": "i", "آ": "aa", "ؤ": "o", "ئ": "e",
    "ٱ": "a", "ـ": "", "۔": ".", "،": ",", "؟": "?", "؛": ";",
}  # fmt: skip
_ARABIC |= dict(
    zip(
        "\u064e\u0650\u064f\u064b\u064d\u064c\u0652\u0651\u0670",
        ("a", "i", "u", "an", "in", "un", "", "", "a"),
        strict=True,
    )
)
_ARABIC |= {chr(start + value): str(value) for start in (0x660, 0x6F0) for value in range(10)}
_ARABIC_RUN = re.compile("[\u0600-\u06ff]+")


def romanize(
    text: str, spellings: Spellings | None = None, rng: random.Random | None = None, style: str = "typed"
) -> str:
    """``text`` with its Devanagari written in Latin letters and all else as it was.

    ``style="typed"``: as one typist would, with the shipped ``spellings`` where none are given; the same text gives the
    same spellings, or, with ``rng``, a typist drawn for the text and spellings drawn as that typist varies.
    ``style="plain"``: by rule alone.
    """
    if style not in ("typed", "plain"):
        raise ValueError(f"style is `typed` or `plain`, not `{style}`")
    words = _WORD.findall(text)
    if not words:
        return text.translate(_SIGN)
    if style == "plain":
        written = iter([plain(word) for word in words])
    else:
        known = shipped() if spellings is None else spellings
        loans = [LOANS.get(plain_form(word)) if word not in known else None for word in words]
        spelt = known.spell(words, rng)
        written = iter([loan or typed for loan, typed in zip(loans, spelt, strict=True)])
    return _WORD.sub(lambda _: next(written), text).translate(_SIGN)


def variants(word: str, n: int = 5, spellings: Spellings | None = None) -> list[tuple[str, float]]:
    """The ``n`` most probable ways to type a Devanagari word, with their probabilities."""
    return (shipped() if spellings is None else spellings).variants(word, n)


def _brahmic(word: str, start: int, silent: bool) -> str:
    """A word of a script of India, letter by letter into Devanagari and from there by rule."""
    moved = []
    double = False
    for char in unicodedata.normalize("NFD", word):
        if char == _ADDAK:
            double = True
            continue
        own = _OWN.get(char)
        into = own or (chr(ord(char) - start + 0x900) if start <= ord(char) < start + 0x80 else char)
        if double and into in CONSONANTS:
            moved.append(into + VIRAMA)
        double = False
        moved.append(into)
    if not silent and moved[-1] == "ं":
        moved[-1] = "म" + VIRAMA  # malayalam
    return plain("".join(moved), silent).translate(_SIGN)


def _arabic(match: re.Match[str]) -> str:
    letters = [_ARABIC.get(char, char) for char in match.group()]
    return "".join(
        "o"
        if char == "و" and at and letters[at - 1][-1:] not in ("a", "")
        else "i"
        if _inner_y(match.group(), at)
        else new
        for at, (char, new) in enumerate(zip(match.group(), letters, strict=True))
    )


def _inner_y(word: str, at: int) -> bool:
    """Whether a ya stands for a vowel: after a consonant."""
    return word[at] in "يی" and at > 0 and word[at - 1] not in "اآوأ"


@lru_cache(maxsize=1)
def _uroman() -> Any:
    """The universal romanizer (Hermjakob et al. 2018), where it is installed."""
    try:
        return importlib.import_module("uroman").Uroman()
    except ImportError:
        return None


_BRAHMIC = {
    script: re.compile(f"[{chr(s)}-{chr(s + 0x7F)}][{chr(s)}-{chr(s + 0x7F)}\u200c\u200d]*")
    for script, (s, _) in _BLOCKS.items()
}


def to_latin(text: str, spellings: Spellings | None = None, rng: random.Random | None = None) -> tuple[str, int]:
    """``text`` in Latin letters as far as possible, and how many letters of other scripts are left in it.

    Devanagari as ``romanize`` does, other scripts of India and Arabic by plain rules (vowels that Arabic does not write
    stay unwritten), the rest by ``uroman`` where that is installed.
    """
    text = romanize(text, spellings, rng)
    if not text.isascii():
        for script, (start, silent) in _BLOCKS.items():
            text = _BRAHMIC[script].sub(lambda found, s=start, q=silent: _brahmic(found.group(), s, q), text)  # type: ignore[misc]
        text = _ARABIC_RUN.sub(_arabic, text)
    left = _foreign(text)
    if left and (tool := _uroman()) is not None:
        text = str(tool.romanize_string(text))
        left = _foreign(text)
    return text, left


def _foreign(text: str) -> int:
    return 0 if text.isascii() else sum(char.isalpha() and script_of(char) not in ("Latn", "Zyyy") for char in text)
