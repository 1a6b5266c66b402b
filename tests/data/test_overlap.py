"""Rows of a test set that also stand in the training set."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nlpkit.data.overlap import key, shared
from nlpkit.data.rows import TokenRow


def row(text: str, ident: str = "1") -> TokenRow:
    return TokenRow(ident, tuple(text.split(" ")))


def test_shared_rows_are_those_of_the_test_set_in_order() -> None:
    train = [row("the cat sat down", "t1"), row("a dog ran off", "t2")]
    test = [
        row("a bird flew by", "a"),
        row("a dog ran off", "b"),
        row("the cat sat down", "c"),
        row("a dog ran off", "d"),
    ]
    assert [found.id for found in shared(train, test)] == ["b", "c", "d"]


def test_tags_do_not_matter() -> None:
    train = TokenRow("1", ("a", "b", "c", "d"), ("O",) * 4)
    assert len(shared([train], [TokenRow("2", train.tokens, ("B-X",) * 4), TokenRow("3", train.tokens, None)])) == 2


@pytest.mark.parametrize("other", ["Le CAFÉ est loin", "le cafe\u0301 est loin", "LE CAFE\u0301 EST LOIN"])
def test_case_and_normal_form_do_not_hide_a_copy(other: str) -> None:
    assert shared([row("le café est loin")], [row(other)])


@pytest.mark.parametrize("other", ["le cafe est loin", "le café est loin .", "est loin le café", "lecafé est loin x"])
def test_other_words_are_no_copy(other: str) -> None:
    assert shared([row("le café est loin")], [row(other)]) == []


def test_short_rows_do_not_count() -> None:
    assert shared([row("oui merci bien")], [row("oui merci bien")]) == []


def test_training_rows_may_be_a_stream() -> None:
    assert len(shared((row("a b c d") for _ in range(3)), [row("a b c d")])) == 1
    assert shared([], [row("a b c d")]) == []


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=5), min_size=1, max_size=5))
def test_the_key_is_that_of_either_normal_form(tokens: list[str]) -> None:
    forms = {key([unicodedata.normalize(form, token) for token in tokens]) for form in ("NFC", "NFD")}
    assert forms == {key(tokens)}
