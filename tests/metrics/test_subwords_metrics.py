"""Measures of sub-words: by hand, against published figures, and what holds for any counts."""

from __future__ import annotations

import math
import random
from fractions import Fraction
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nlpkit.metrics.subwords import (
    Parallel,
    Tally,
    Vocabulary,
    fertility,
    gini,
    renyi_efficiency,
    signature,
    total,
    whole_words,
)

COUNTS = st.lists(st.integers(0, 1000), max_size=20)


def test_fertility() -> None:
    assert fertility(11559, 3847) == pytest.approx(3.00468, abs=1e-5)
    assert fertility(3, 0) == 0


def test_renyi_efficiency_is_that_of_the_authors() -> None:
    # the two examples in the README of zouharvi/tokenization-scorer, whose figures are those of alpha 3
    assert renyi_efficiency([3, 2, 1, 1], 4, 3) == pytest.approx(0.8031528501359657, abs=1e-15)
    assert renyi_efficiency([3, 3, 2, 2, 1], 5, 3) == pytest.approx(0.9105681923824472, abs=1e-15)


def test_renyi_efficiency_by_hand() -> None:
    assert renyi_efficiency([1, 1], 4) == pytest.approx(0.5)  # one of two bits
    assert renyi_efficiency([3, 1], 2, 2) == pytest.approx(-math.log2(10 / 16))
    assert renyi_efficiency([3, 1], 2, 1) == pytest.approx(0.75 * math.log2(4 / 3) + 0.5)
    assert renyi_efficiency([5, 0, 5], 2) == pytest.approx(1)
    for counts, size in (([], 10), ([0, 0], 10), ([7], 10), ([7], 1), ([], 0)):
        assert renyi_efficiency(counts, size) == 0


@given(COUNTS, st.sampled_from([0.5, 1, 2, 2.5, 7]))
def test_renyi_efficiency_is_a_share_that_falls_with_alpha(counts: list[int], alpha: float) -> None:
    size = max(2, len(counts))
    found = renyi_efficiency(counts, size, alpha)
    assert 0 <= found <= 1
    assert renyi_efficiency(counts, size, alpha + 1) <= found + 1e-12
    assert renyi_efficiency([3 * count for count in counts], size, alpha) == pytest.approx(found)


def test_gini_by_hand() -> None:
    assert gini([1, 3]) == pytest.approx(0.25)
    assert gini([0, 0, 0, 8]) == pytest.approx(0.75)
    assert gini([2, 2, 2]) == gini([0, 0]) == gini([]) == gini([5]) == 0


@given(COUNTS)
def test_gini_is_the_mean_difference(values: list[int]) -> None:
    number, sum_ = len(values), sum(values)
    wanted = Fraction(sum(abs(a - b) for a, b in product(values, values)), max(1, 2 * number * sum_))
    assert gini(values) == pytest.approx(float(wanted), abs=1e-12)
    assert gini([value * 7 for value in values]) == pytest.approx(gini(values))


def test_whole_words() -> None:
    words = [(0, 2), (3, 5), (6, 7)]  # of "ab cd e"
    assert whole_words(words, [2, 4, 5, 6, 7]) == [0]  # "c" and "d" are two, and so are a blank and "e"
    assert whole_words(words, [2, 5, 7]) == [0, 1, 2]
    assert whole_words(words, [5, 7]) == [0, 1]  # a piece of two words is the second one's
    assert whole_words(words, []) == []
    assert whole_words([(0, 2)], [2, 4]) == [0]  # blanks at the end are no word's
    assert whole_words([(2, 4)], [1, 4]) == [1]  # nor are all but the last before a word
    assert whole_words([(2, 4)], [2, 4]) == []
    assert whole_words([], [1]) == []


def tally() -> Tally:
    """ "ab cd ef" as ab, c, d, <unk>; "a" as a."""
    found = Tally()
    found.add("ab cd ef", [4, 2, 3, 0], [2, 4, 5, 8], unknown=0)
    found.add("a", [1], [1], unknown=0)
    return found


def test_a_tally() -> None:
    vocabulary = Vocabulary(6, 0, frozenset({1, 2, 3}))
    found = tally().figures(vocabulary)
    assert found.pop("renyi") == pytest.approx(math.log(5) / math.log(6))
    assert found == {
        "lines": 2, "words": 4, "characters": 9, "pieces": 5, "fertility": 1.25, "characters_per_piece": 1.8,
        "unknown": 0.2, "single": 0.6, "whole": 0.5, "used": 5,
    }  # fmt: skip
    both = total([tally(), tally()]).figures(vocabulary)
    assert (both["lines"], both["pieces"], both["whole"]) == (4, 10, 0.5)


def test_nothing_and_one_piece() -> None:
    assert set(Tally().figures(Vocabulary(0)).values()) == {0}
    assert set(total([]).figures(Vocabulary(0)).values()) == {0}
    one = Tally()
    one.add("a", [0], [1])
    assert one.figures(Vocabulary(1))["renyi"] == 0
    blank = Tally()
    blank.add("  ", [0], [2])
    assert (blank.figures(Vocabulary(1))["fertility"], blank.figures(Vocabulary(1))["whole"]) == (0, 0)


def lines() -> Parallel:
    found = Parallel()
    for ident, lang, pieces in (
        ("1", "a", 2),
        ("1", "b", 4),
        ("1", "c", 6),
        ("2", "a", 3),
        ("2", "b", 3),
        ("3", "a", 9),
    ):
        found.add(ident, lang, [pieces, 1])
    return found


def test_parity_by_hand() -> None:
    found = lines()
    assert len(found) == 2
    assert found.parity("a") == {"a": 1, "b": 7 / 5, "c": 3}
    assert found.parity("c") == {"a": 2 / 6, "b": 4 / 6, "c": 1}
    assert found.parity("mean") == pytest.approx({"a": 5 / 7, "b": 1, "c": 6 / 4})
    assert found.parity("a", 1) == {"a": 1, "b": 1, "c": 1}
    assert found.parity("d") == Parallel().parity("mean") == {}
    assert not found.dropped


def test_several_texts_with_one_id_count_as_their_mean() -> None:
    found = Parallel()
    for lang, number in (("a", 2), ("b", 3), ("b", 5)):
        found.add("1", lang, [number])
    assert found.parity("a") == {"a": 1, "b": 2}


def test_lines_without_pieces() -> None:
    found = Parallel()
    found.add("1", "a", [0])
    found.add("1", "b", [3])
    assert found.parity("a") == {}
    assert found.parity("b") == {"a": 0, "b": 1}


@given(st.lists(st.tuples(st.integers(0, 30), st.sampled_from("abc")), unique=True), st.integers(1, 20), st.randoms())
def test_what_is_kept_is_bounded_and_the_same_in_any_order(
    every: list[tuple[int, str]], most: int, chance: random.Random
) -> None:
    found, other, full = Parallel(most), Parallel(most), Parallel()
    mixed = list(every)
    chance.shuffle(mixed)
    for parallel, order in ((found, every), (other, mixed), (full, every)):
        for number, lang in order:
            parallel.add(str(number), lang, [number + ord(lang)])
    assert found._lines == other._lines
    assert found._size == sum(map(len, found._lines.values())) <= most
    assert all(full._lines[ident] == line for ident, line in found._lines.items())  # whole lines only
    assert found.dropped == (len(every) > most)


def test_the_signature_says_what_is_measured() -> None:
    assert "parity" not in signature(None)
    assert "parity:pieces by those of eng" in signature("eng")
    assert "alpha 2.5" in signature(None)
