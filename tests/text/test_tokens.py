from __future__ import annotations

import unicodedata
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from nlpkit.text.tokens import words


def cut(text: str) -> list[str]:
    return [text[start:end] for start, end in words(text)]


def test_punctuation_numbers_links_and_handles() -> None:
    assert cut("Amina's bus (at 7.30, see https://x.org/a?b=1) @ali #furaha 😢!") == [
        "Amina's", "bus", "(", "at", "7.30", ",", "see", "https://x.org/a?b=1", ")", "@ali", "#furaha", "😢", "!",
    ]  # fmt: skip


def test_no_script_is_cut_at_its_marks() -> None:
    for text in ("हिन्दी", "ગુજરાતી", "தமிழ்", "العَرَبِيَّة", "Ọlọ́run", unicodedata.normalize("NFD", "Ọlọ́run")):
        assert cut(text) == [text]


def test_numbers_are_not_cut_before_letters() -> None:
    assert cut("the 12th of 3.14abc, 5km") == ["the", "12th", "of", "3", ".", "14abc", ",", "5km"]


def test_joiners_stay_inside() -> None:
    assert cut("می\u200cخواهم را") == ["می\u200cخواهم", "را"]


def test_han_is_cut_by_character() -> None:
    assert cut("我愛Python，好") == ["我", "愛", "Python", "，", "好"]


@given(st.text(max_size=60))
def test_offsets_cover_all_but_blanks(text: str) -> None:
    found = words(text)
    assert all(start < end for start, end in found)
    assert all(a[1] <= b[0] for a, b in pairwise(found))
    covered = {position for start, end in found for position in range(start, end)}
    assert all(char.isspace() for position, char in enumerate(text) if position not in covered)


@given(st.text(max_size=30), st.lists(st.integers(0, 30), max_size=4))
def test_cuts_are_kept(text: str, cuts: list[int]) -> None:
    for start, end in words(text, tuple(cuts)):
        assert not any(start < edge < end for edge in cuts)
