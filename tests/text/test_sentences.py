"""Cutting texts: nothing is lost, everything fits, and joining gives the text again."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nlpkit.text.sentences import parts


def cut(text: str, size: int) -> list[tuple[str, str]]:
    return list(parts(text, lambda part: len(part) <= size))


@given(st.text(alphabet="ab .,!?।。\n\u00a0é", max_size=200), st.integers(1, 30))
def test_joined_parts_are_the_text(text: str, size: int) -> None:
    found = cut(text, size)
    assert "".join(before + part for before, part in found) == text.strip()
    assert all(part.strip() == part and part and len(part) <= max(size, 1) for _, part in found)


@pytest.mark.parametrize(
    ("text", "size", "expected"),
    [
        ("One is short. Two is, too! Three?", 14, ["One is short.", "Two is, too!", "Three?"]),
        ('He said "no." Then he left.', 20, ['He said "no."', "Then he left."]),
        ("यह एक है। वह दो है।", 12, ["यह एक है।", "वह दो है।"]),
        ("今天很好。明天呢？后天。", 6, ["今天很好。", "明天呢？", "后天。"]),
        ("هل أنت هنا؟ نعم.", 12, ["هل أنت هنا؟", "نعم."]),
        ("a line\nanother line", 50, ["a line", "another line"]),
        ("version 3.11 is out", 50, ["version 3.11 is out"]),
        ("no stops here, but a comma is", 20, ["no stops here,", "but a comma is"]),
    ],
)
def test_where_texts_are_cut(text: str, size: int, expected: list[str]) -> None:
    assert [part for _, part in cut(text, size)] == expected


def test_three_thousand_words_without_a_stop_are_cut_at_blanks() -> None:
    text = " ".join(f"word{number}" for number in range(3000))
    found = cut(text, 120)
    assert " ".join(part for _, part in found) == text
    assert all(part.split()[0].startswith("word") for _, part in found)


def test_paragraphs_stay_apart() -> None:
    assert cut("first\n\nsecond\nthird", 50) == [("", "first"), ("\n\n", "second"), ("\n", "third")]
    assert cut("   \n ", 50) == []
