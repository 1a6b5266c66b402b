"""Devanagari to Latin letters by rule: a letter table and the deletion of the vowel that is written but not said.

The inherent vowel is dropped at the end of a word and, from right to left, between a syllable with a vowel and a
consonant with one: Ohala (1983), "Aspects of Hindi Phonology", schwa deletion /ə/ -> 0 / VC_CV.
"""

from __future__ import annotations

import unicodedata

VIRAMA, NUKTA, JOINERS = "\u094d", "\u093c", ("\u200c", "\u200d")
KEPT, SILENT = "a+", "a-"  # the inherent vowel, said or not
CONSONANTS = {
    "क": "k", "ख": "kh", "ग": "g", "घ": "gh", "ङ": "n", "च": "ch", "छ": "chh", "ज": "j", "झ": "jh", "ञ": "n",
    "ट": "t", "ठ": "th", "ड": "d", "ढ": "dh", "ण": "n", "त": "t", "थ": "th", "द": "d", "ध": "dh", "न": "n",
    "प": "p", "फ": "ph", "ब": "b", "भ": "bh", "म": "m", "य": "y", "र": "r", "ल": "l", "व": "v", "श": "sh",
    "ष": "sh", "स": "s", "ह": "h", "ळ": "l",
}  # fmt: skip
WITH_NUKTA = {"क": "q", "ख": "kh", "ग": "g", "ज": "z", "ड": "d", "ढ": "dh", "फ": "f", "य": "y"}
SIGNS = {
    "ा": "a", "ि": "i", "ी": "i", "ु": "u", "ू": "u", "ृ": "ri", "ॄ": "ri", "े": "e", "ै": "ai", "ो": "o",
    "ौ": "au", "ॅ": "e", "ॉ": "o", "ॆ": "e", "ॊ": "o", "ॢ": "lri", "ॣ": "lri",
}  # fmt: skip
VOWELS = {
    "अ": "a", "आ": "aa", "इ": "i", "ई": "ee", "उ": "u", "ऊ": "oo", "ऋ": "ri", "ए": "e", "ऐ": "ai", "ओ": "o",
    "औ": "au", "ऍ": "e", "ऑ": "o", "ऄ": "a", "ऌ": "lri", "ॠ": "ri", "ॡ": "lri", "ॲ": "e", "ऎ": "e", "ऒ": "o",
}  # fmt: skip
NASALS = "ंँ"
GY = "ज्ञ"
STOPS = {"।": ".", "॥": ".", "॰": "."}
DIGITS = {chr(0x966 + value): str(value) for value in range(10)}


def plain_form(word: str) -> str:
    """The one form of a word: decomposed, so that a nukta is a sign of its own, and without joiners."""
    word = unicodedata.normalize("NFD", word)
    for joiner in JOINERS:
        word = word.replace(joiner, "")
    return word


def _vowel(unit: str) -> bool:
    return unit in SIGNS or unit in VOWELS or unit in (KEPT, "a")


def _consonant(unit: str) -> bool:
    return unit[0] in CONSONANTS


def _split(word: str) -> list[str]:
    """Consonants with their nukta, vowels, other signs; ``a`` for each inherent vowel."""
    found: list[str] = []
    at = 0
    while at < len(word):
        char, at = word[at], at + 1
        if char not in CONSONANTS:
            if char not in (VIRAMA, NUKTA, "ऽ"):
                found.append(char)
            continue
        if word.startswith(GY, at - 1):
            char, at = GY, at + 2
        elif word.startswith(NUKTA, at):
            char, at = char + (NUKTA if char in WITH_NUKTA else ""), at + 1
        found.append(char)
        follower = word[at : at + 1]
        if follower == VIRAMA:
            at += 1
        elif follower and follower in SIGNS:
            found.append(follower)
            at += 1
        else:
            found.append("a")
    return found


def units(word: str, silent: bool = True) -> list[str]:
    """What of a word is spelled one after the other; the inherent vowel is ``a+`` where it is said, else ``a-``.

    ``silent=False`` is for scripts whose inherent vowel is always said.
    """
    found = _split(plain_form(word))
    if silent and found and found[-1] == "a" and sum(map(_vowel, found)) > 1:
        before, letter = found[-3], found[-2]
        glide = _consonant(before) and letter in "यरवल"  # mitra, anya
        found[-1] = KEPT if glide or (letter == "य" and before in "िी") else SILENT  # priya
    for at in range(len(found) - 1, -1, -1):
        if found[at] == "a":
            drops = (
                silent
                and 2 <= at < len(found) - 2
                and _consonant(found[at + 1])
                and _vowel(found[at + 2])
                and (_vowel(found[at - 2]) or found[at - 2] in NASALS)
            )
            found[at] = SILENT if drops else KEPT
    return found


def letter(word: list[str], at: int) -> str:
    """The Latin letters of unit ``at`` by rule."""
    unit = word[at]
    follower = word[at + 1] if at + 1 < len(word) else ""
    if unit in (KEPT, SILENT):
        return "a" if unit == KEPT else ""
    if unit in NASALS:
        return "m" if follower[:1] and follower[0] in "पफबभम" else "n"
    if unit == GY:
        return "gy"
    if len(unit) == 2:
        return WITH_NUKTA[unit[0]]
    if unit == "च" and follower and follower in "चछ":
        return "c"
    if unit == "छ" and at and word[at - 1] == "च":
        return "ch"
    return CONSONANTS.get(unit) or SIGNS.get(unit) or VOWELS.get(unit) or ("h" if unit == "ः" else unit)


def plain(word: str, silent: bool = True) -> str:
    """A Devanagari word by rule alone: ``धन्यवाद`` -> ``dhanyavad``."""
    found = units(word, silent)
    return "".join(letter(found, at) for at in range(len(found)))
