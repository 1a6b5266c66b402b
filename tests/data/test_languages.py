"""Scripts and languages of texts against what they are said to be in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pytest

from nlpkit.data.languages import in_other_language, in_other_script, scripts


@dataclass
class Answer:
    label: str
    score: float = 1.0


class Identify:
    """Says ``swh_Latn`` of texts with "habari", ``arz_Arab`` of Arabic ones, ``und`` of "?", else ``eng_Latn``."""

    labels = ("eng_Latn", "swh_Latn", "arb_Arab", "arz_Arab")

    def __init__(self) -> None:
        self.asked: list[str] = []

    def __call__(self, texts: Sequence[str]) -> list[Answer]:
        self.asked += texts
        return [
            Answer("swh_Latn", 0.6 if "maybe" in text else 0.95) if "habari" in text
            else Answer("und") if "?" in text
            else Answer("arz_Arab") if "ا" in text
            else Answer("eng_Latn")
            for text in texts
        ]  # fmt: skip


LONG = " and so on, long enough to tell"


@pytest.mark.parametrize(
    ("text", "lang", "found"),
    [
        ("Hello" + LONG, "eng", ""), ("habari" + LONG, "eng", "swh_Latn"), ("habari" + LONG, "eng_Latn", "swh_Latn"),
        ("habari" + LONG, "sw", ""), ("habari maybe" + LONG, "eng", ""), ("?" + LONG, "swh", ""), ("habari", "eng", ""),
        ("habari" + LONG, "hin-eng", ""), ("habari" + LONG, "", ""), ("Hello" + LONG, "quh", ""),
        ("ا" * 40, "arb", ""), ("ا" * 40, "ara", ""), ("ا" * 40, "swh_Latn", "arz_Arab"),
    ],
)  # fmt: skip
def test_texts_in_another_language(text: str, lang: str, found: str) -> None:
    assert in_other_language([text], [lang], Identify()) == [found]


def test_only_what_can_be_told_is_asked() -> None:
    identify = Identify()
    texts = ["short", "Hello" + LONG, "habari" + LONG]
    assert in_other_language(texts, ["eng", "hin-eng", "eng"], identify) == ["", "", "swh_Latn"]
    assert identify.asked == ["habari" + LONG]


def test_scripts_of_a_language() -> None:
    assert scripts("hin") == {"Deva", "Latn"}
    assert scripts("hin_Deva") == {"Deva"}
    assert scripts("en") == {"Latn"}
    assert {"Hani", "Hira", "Kana"} <= scripts("jpn")
    assert scripts("hin-eng") == scripts("") == scripts("xyz") == frozenset()


@pytest.mark.parametrize(
    ("text", "lang", "other"),
    [("Hello", "eng", False), ("नमस्ते", "eng", True), ("123", "eng", False), ("नमस्ते jee", "hin_Deva", False),
     ("नमस्ते", "hin-eng", False), ("नमस्ते", "", False), ("日本のカナ", "jpn", False), ("Hello", "jpn", True)],
)  # fmt: skip
def test_texts_in_another_script(text: str, lang: str, other: bool) -> None:
    assert in_other_script(text, lang) == other
