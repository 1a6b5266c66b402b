"""Code-mixed sentences: what is replaced, what is protected, what stays where."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nlpkit.text import mixing
from nlpkit.text.mixing import FIRST, SECOND, cut, insert, joined, segments, substitute, switch
from nlpkit.text.romanize import romanize

TABLE = {
    "it": [("ye", 0.9), ("vah", 0.5)],
    "was": [("tha", 0.8)],
    "good": [("achchha", 0.9)],
    "so good": [("kitna achchha", 0.7)],
}


@given(st.text(max_size=80))
def test_a_text_that_is_cut_and_joined_has_the_same_letters(text: str) -> None:
    words = cut(text)
    again = joined([word.text for word in words], [word.spaced for word in words])
    assert "".join(again.split()) == "".join(text.split())
    assert [word.text for word in words if word.plain and word.text.isdigit()] == []


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("I met Amina at 7:30.", ["I", "met", "at"]), ("see https://a.b/c @you #tag", ["see"]),
        ("don't stop", ["don't", "stop"]), ("Fine. We go.", ["Fine", "We", "go"]), ("यह अच्छा है।", ["यह", "अच्छा", "है"]),
    ],
)  # fmt: skip
def test_names_numbers_and_links_are_protected(text: str, plain: list[str]) -> None:
    assert [word.text for word in cut(text) if word.plain] == plain


def test_one_after_the_other_until_the_rate_is_reached() -> None:
    mixed = substitute("It was so good!", TABLE, random.Random(0), rate=1.0, longest=2, steps=True)
    assert mixed is not None
    assert mixed.text == "ye tha kitna achchha!"
    assert mixed.languages == [SECOND, SECOND, SECOND, SECOND, None]
    assert len(mixed.steps) == 3
    assert mixed.steps[-1].text == mixed.text
    half = substitute("It was so good!", TABLE, random.Random(0), rate=0.34, order="score")
    assert half is not None
    assert (half.text, half.languages[:2]) == ("ye was so good!", [SECOND, FIRST])
    assert substitute("nothing here", TABLE, random.Random(0), rate=1.0) is None


def test_rare_words_first_and_draws_with_a_temperature() -> None:
    rare = substitute(
        "it was good", TABLE, random.Random(0), rate=0.3, order="freq", rarity=lambda gram: float(gram == "good")
    )
    assert rare is not None
    assert rare.text == "it was achchha"
    drawn = {
        substitute("it", {"it": TABLE["it"]}, random.Random(seed), rate=1.0, temperature=2.0).text for seed in range(30)
    }
    assert drawn == {"ye", "vah"}


def test_words_of_the_first_in_the_order_of_the_second() -> None:
    links = [(0, 0), (1, 3), (2, 3), (3, 1), (4, 4)]
    mixed = insert("I am watching movies .", "मैं फ़िल्में देख रहा ।", links, random.Random(0), rate=1.0)
    assert mixed is not None
    assert mixed.text == "I movies देख रहा ।"
    assert mixed.languages == [FIRST, FIRST, SECOND, SECOND, None]
    assert insert("a b", "x y", [(0, 0), (0, 1), (1, 0)], random.Random(0), rate=1.0) is None  # no one-to-one link


@given(st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6)), max_size=12), st.integers(1, 7), st.integers(1, 7))
def test_no_link_crosses_between_segments(links: list[tuple[int, int]], first: int, second: int) -> None:
    links = [(i, j) for i, j in links if i < first and j < second]
    parts = segments(links, first, second)
    assert [i for left, _ in parts for i in left] == list(range(first))
    assert [j for _, right in parts for j in right] == list(range(second))
    for i, j in links:
        assert any(i in left and j in right for left, right in parts)


def test_segments_are_said_in_either_language() -> None:
    links = [(0, 0), (1, 2), (2, 1), (3, 3)]
    assert [(list(left), list(right)) for left, right in segments(links, 4, 4)] == [
        ([0], [0]),
        ([1, 2], [1, 2]),
        ([3], [3]),
    ]
    seen = set()
    for seed in range(40):
        mixed = switch("we see stars now", "ham taare dekhte abhi", links, random.Random(seed), rate=0.5)
        assert mixed is not None
        assert {FIRST, SECOND} <= {*mixed.languages}
        seen.add(mixed.text)
    assert "we taare dekhte now" in seen
    assert "ham see stars now" in seen
    assert all("stars dekhte" not in text and "see taare" not in text for text in seen)
    assert switch("one", "ek", [(0, 0)], random.Random(0), rate=0.5) is None


def test_the_whole_text_rewritten() -> None:
    mixed = mixing.rewritten(mixing.alone("यह २ है।"), romanize)
    assert mixed.text.split()[1:] == ["2", "hai."]
    assert mixed.languages == [SECOND, None, SECOND, None]
