"""What the identifier sees of a text: the same words whatever the spelling of signs that nobody sees."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nlpkit.text.noise import is_code, without_language
from nlpkit.text.scripts import main_script, script_of, written_with
from nlpkit.text.units import clean, fold, units


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Habari ya ASUBUHI!", ["habari", "ya", "asubuhi"]),
        ("Ọ̀rọ̀ Yorùbá", ["ọ̀rọ̀", "yorùbá"]),
        ("see https://a.b/c?d=1 or me@a.org, @you #tag www.x.y", ["see", "or"]),
        ("go to example.com now", ["go", "to", "now"]),
        ("ng’ombe ngʼombe ng'ombe", ["ng'ombe"] * 3),
        ("he said 'stop'", ["he", "said", "stop"]),
        ("zero\u200bwidth so\u00adft", ["zerowidth", "soft"]),
        ("كِتَاب كتـــاب", ["كتاب", "كتاب"]),
        ("ﻼ ﷲ Ａｂ", ["لا", "الله", "ab"]),
        ("我们的", ["我们", "们的"]),
        ("我", ["我"]),
        ("a1b2", ["a", "b"]),
        ("", []),
        ("12 %& 😀", []),
    ],
)
def test_units(text: str, words: list[str]) -> None:
    assert units(text) == [unicodedata.normalize("NFC", word) for word in words]


def test_nfd_and_case_change_nothing() -> None:
    text = "Ẹ káàárọ̀ o, Ìyá ÀGBÀ"
    assert units(unicodedata.normalize("NFD", text)) == units(text) == units(text.lower())


def test_long_words_are_cut_and_nothing_is_lost() -> None:
    for text in ("x" * 100_001, "ส" * 1001, "ẹ" * 999):
        assert "".join(units(text)) == text
        assert max(map(len, units(text))) <= 40


@given(st.text())
def test_any_text_gives_words_of_letters_and_folding_twice_is_folding_once(text: str) -> None:
    assert all(word and not word.isspace() for word in units(text))
    assert fold(fold(text)) == fold(text)
    assert main_script(text)


def test_clean_leaves_prose_alone() -> None:
    assert clean("No links here. Not one; e g this") == "No links here. Not one; e g this"


@pytest.mark.parametrize(
    ("text", "script"),
    [("Habari", "Latn"), ("東京へ行く", "Jpan"), ("中文", "Hani"), ("한국어", "Hang"), ("Здраво abc", "Cyrl"),
     ("አማርኛ", "Ethi"),
     ("12 😀", "Zyyy"), ("", "Zyyy"), ("ߒߞߏ", "Nkoo"), ("𞤀𞤣𞤤𞤢𞤥", "Adlm"), ("ⵜⴰⵎⴰⵣⵉⵖⵜ", "Tfng"), ("ꦧꦱꦗꦮ", "Java")],
)  # fmt: skip
def test_scripts(text: str, script: str) -> None:
    assert main_script(text) == script


def test_signs_of_all_scripts_have_none_of_their_own() -> None:
    assert [script_of(char) for char in "1 .\u0301😀"] == ["Zyyy"] * 5
    assert written_with("Jpan") == ("Hani", "Hira", "Kana")
    assert written_with("Latn") == ("Latn",)


CODE = [
    "for (int i = 0; i < n; i++) {", "def foo(x):", "    return x + 1", "    return", "    raise", "while True:",
    "import numpy as np", "print('hello')",
    "SELECT * FROM users WHERE id = 3;", "<div class=\"a\">", "if state is not None:", "}", "const x = 5;",
    "#include <stdio.h>", "x = foo(bar)", "self.value = value", "git commit --amend -m x", "        pass",
    "from os import path", "std::cout << x << std::endl;", "a && b || c", "$ pip install x --upgrade",
]  # fmt: skip
PROSE = [
    "He left (at noon) and came back; it rained.", "Je suis né en 1990, à Paris.", "Nadi (Fiji) iko mbali.",
    "She asked: what now?", "50% off!", "Return to the village.", "From here we go on.",
    "If you go there, tell me:",
    "Dr. Otieno alifika saa 3.30 asubuhi.",
    "AT&T na Google", "\"Ndiyo\", alisema.", "C'est-à-dire...", "import duties rose",
    "for example:", "with best wishes from all of us:", "case study", "return home", "raise money",
    "from Paris import taxes",
    "C++ is good", "pass", "continue", "if you want to know more, read the following:", "Hello :-) -->",
    "Rais (wa Kenya) = Rais wa nchi",
]  # fmt: skip


@pytest.mark.parametrize("text", CODE)
def test_code_is_code(text: str) -> None:
    assert is_code(text)


@pytest.mark.parametrize("text", PROSE)
def test_prose_is_not(text: str) -> None:
    assert not without_language(text)


@pytest.mark.parametrize(
    "text", ["", " ", "12345", "😀😀", "http://a.b/c?d=1", "me@a.org", "@you #tag", "--- ... !!", "٣٤"]
)
def test_what_is_in_no_language(text: str) -> None:
    assert without_language(text)


@pytest.mark.parametrize(
    ("text", "none"),
    [
        ("a." * 200_000, True), ("a-" * 100_000 + " b.c", False), ("@" * 100_000, True), ("x@" * 100_000, False),
        ("(" * 100_000, True),
    ],
)  # fmt: skip
@pytest.mark.timeout(60)  # a pattern that looks back at each place would take hours
def test_a_nasty_line_is_read_once(text: str, none: bool) -> None:
    words = units(text)
    assert set("".join(words)) <= set("abcx")
    assert without_language(text) is none
