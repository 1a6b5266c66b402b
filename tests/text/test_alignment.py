"""Word alignment: what stands for what is found from sentences alone, and better with a lexicon."""

from __future__ import annotations

import random

import pytest

from nlpkit.text.alignment import Aligner, grow_diagonal, learn, pharaoh

WORDS = {"the": "le", "cat": "chat", "dog": "chien", "red": "rouge", "house": "maison", "sees": "voit", "big": "grand"}


def sentences(count: int) -> list[tuple[list[str], list[str]]]:
    """Word by word, but for the adjective, which stands behind its noun."""
    dice = random.Random(1)
    found = []
    for _ in range(count):
        one, other = dice.choice(["cat", "dog", "house"]), dice.choice(["cat", "dog", "house"])
        adjective = dice.choice(["red", "big"])
        source = ["the", adjective, one, "sees", "the", other]
        target = ["le", WORDS[one], WORDS[adjective], "voit", "le", WORDS[other]]
        found.append((source, target))
    return found


def test_words_that_change_places_are_found() -> None:
    aligner = Aligner.learn(sentences(200))
    source, target = ["the", "big", "cat", "sees", "the", "dog"], ["le", "chat", "grand", "voit", "le", "chien"]
    assert aligner.links(source, target) == [(0, 0), (1, 2), (2, 1), (3, 3), (4, 4), (5, 5)]


def test_the_same_links_every_time_and_no_crash_on_nothing() -> None:
    pairs = sentences(40)
    assert [Aligner.learn(pairs).links(*pair) for pair in pairs] == [
        Aligner.learn(pairs).links(*pair) for pair in pairs
    ]
    empty = Aligner.learn([([], ["x"]), (["y"], [])])
    assert empty.links([], ["x"]) == []
    assert empty.links(["a"], []) == []


def test_a_lexicon_helps_where_sentences_are_few() -> None:
    pairs = [(["a", "b"], ["y", "x"])] * 2
    told = learn(pairs, known=lambda source, target: (source, target) in {("a", "x"), ("b", "y")})
    assert told.best(["a", "b"], ["y", "x"]) == [1, 0]


def test_probabilities_are_at_most_one_a_word() -> None:
    found = learn(sentences(50))
    totals: dict[str, float] = {}
    for (source, _), chance in found.table.items():
        totals[source] = totals.get(source, 0) + chance
    assert all(total <= 1.0 + 1e-6 for total in totals.values())


def test_growing_takes_neighbors_with_a_new_word() -> None:
    one, other = {(0, 0), (1, 1), (1, 2)}, {(0, 0), (1, 1), (3, 3)}
    assert grow_diagonal(one, other) == [(0, 0), (1, 1), (1, 2)]
    assert grow_diagonal(set(), {(0, 0)}) == []


def test_links_as_text() -> None:
    assert pharaoh("0-0 2-1") == [(0, 0), (2, 1)]
    with pytest.raises(ValueError, match="no link"):
        pharaoh("0-0 x")
