"""Pairs that are dropped, each under its first reason."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nlpkit.config.recipe import Filter
from nlpkit.data import filters
from nlpkit.data.rows import PairRow
from nlpkit.errors import InputError

from .test_languages import LONG, Identify


def rows(*pairs: tuple[str, str | None], lang: str = "", target_lang: str = "") -> list[PairRow]:
    return [PairRow(str(n), text, target, lang, target_lang, line=n) for n, (text, target) in enumerate(pairs, 1)]


def kept(pairs: list[PairRow], **spec: object) -> tuple[list[int], dict[str, int]]:
    found, counts = filters.apply(pairs, Filter.model_validate(spec), Identify())
    assert len(found) + sum(counts.values()) == len(pairs)
    return [row.line for row in found], counts


def test_words_a_side() -> None:
    pairs = rows(("a b", "c d"), ("a", "c d"), ("a b", ""), ("a b", None), ("a b c", "d e"), (" ", "d e"))
    assert kept(pairs, shortest=1) == ([1, 2, 5], {"shortest": 3})
    assert kept(pairs, shortest=2) == ([1, 5], {"shortest": 4})
    assert kept(pairs, longest=2) == ([1, 2, 3, 4, 6], {"longest": 1})


def test_the_ratio_holds_either_way() -> None:
    pairs = rows(("abcd", "ab"), ("ab", "abcde"), ("abcde", "ab"), ("", "a"), ("", None))
    assert kept(pairs, ratio=2) == ([1, 5], {"ratio": 3})


def test_copies_html_script_and_duplicates() -> None:
    texts = [
        ("Jos", " jos "),
        ("a &amp; b", "c"),
        ("a", "<b>c</b>"),
        ("a", "नमस्ते"),
        ("a", "b"),
        ("a ", "b"),
        ("A", "b"),
    ]
    pairs = rows(*texts, target_lang="eng")
    assert kept(pairs, copies=True)[0] == [2, 3, 4, 5, 6, 7]
    assert kept(pairs, html=True)[0] == [1, 4, 5, 6, 7]
    assert kept(pairs, script=True)[0] == [1, 2, 3, 5, 6, 7]
    assert kept(pairs, duplicates=True)[0] == [1, 2, 3, 4, 5, 7]
    other = [PairRow("8", "a", "b", target_lang="swh", line=8)]
    assert kept([*pairs, *other], duplicates=True)[0][-1] == 8


@pytest.mark.parametrize("text", ["a&#39;b", "<br>", "<br />", "x</P>", '<a href="x">', "<font color=red>", "&#x1F;"])
def test_html_is_found(text: str) -> None:
    assert filters.html(text) in text
    assert filters.html(text)


@pytest.mark.parametrize("text", ["a < b", "x <y> z", "AT&T", "<3", "if a<b and c>d"])
def test_signs_that_are_no_html_stay(text: str) -> None:
    assert filters.html(text) == ""


def test_sides_in_another_language() -> None:
    pairs = rows(("Hello" + LONG, "habari" + LONG), ("habari" + LONG, "habari" + LONG), lang="eng", target_lang="swh")
    assert kept(pairs, lang=True) == ([1], {"lang": 1})
    with pytest.raises(InputError, match="needs a model that names languages"):
        filters.apply(pairs, Filter.model_validate({"lang": True}))


def test_each_pair_counts_under_its_first_reason() -> None:
    pairs = rows(
        ("a", ""), ("a b c", "d"), ("ab", "abcdef"), ("x", "x"), ("x", "x"), ("<b>", "y y"), ("q", "r"), ("q", "r")
    )
    spec = {"shortest": 1, "longest": 2, "ratio": 2, "copies": True, "html": True, "script": True, "duplicates": True}
    assert kept(pairs, **spec) == (
        [7], {"shortest": 1, "longest": 1, "ratio": 1, "copies": 2, "html": 1, "duplicates": 1},
    )  # fmt: skip


def test_sources_alone_are_judged_alone() -> None:
    pairs = rows(("a b", None), ("", None), ("a b", None), ("<b>", None))
    assert kept(pairs, shortest=1, ratio=2, html=True, duplicates=True) == (
        [1], {"shortest": 1, "html": 1, "duplicates": 1},
    )  # fmt: skip
    assert kept([], shortest=1) == ([], {})


@given(
    pairs=st.lists(st.tuples(st.text("ab <>&", max_size=6), st.none() | st.text("ab <>&", max_size=6)), max_size=8),
    shortest=st.none() | st.integers(1, 2),
    ratio=st.none() | st.floats(1, 3),
    copies=st.booleans(),
    duplicates=st.booleans(),
)
def test_what_was_kept_is_kept_again(
    pairs: list[tuple[str, str | None]], shortest: int | None, ratio: float | None, copies: bool, duplicates: bool
) -> None:
    spec = Filter.model_validate({"shortest": shortest, "ratio": ratio, "copies": copies, "duplicates": duplicates})
    given_rows = rows(*pairs)
    first, counts = filters.apply(given_rows, spec)
    assert len(first) + sum(counts.values()) == len(given_rows)
    if any(row.target is not None for row in first):
        assert filters.apply(first, spec) == (first, {})
