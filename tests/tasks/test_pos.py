from __future__ import annotations

import pytest

from nlpkit.data.features import IGNORE, Feature, Output
from nlpkit.data.rows import TokenRow
from nlpkit.errors import InputError
from nlpkit.tasks.pos import Pos


class Letters:
    """A tokenizer whose sub-words are letters."""

    prefix = (1,)
    suffix = (2,)

    def pieces(self, rows):
        return [[[ord(char) for char in word] for word in row] for row in rows]


def task() -> Pos:
    return Pos(Pos.Options(), ["NOUN", "VERB"])


def test_labels_are_sorted_and_leave_out_the_sign_for_none() -> None:
    rows = [TokenRow("1", ("a", "b"), ("VERB", "_")), TokenRow("2", ("c",), ("NOUN",))]
    assert Pos.find_labels(rows, Pos.Options()) == ["NOUN", "VERB"]
    with pytest.raises(InputError, match="fewer than two tags"):
        Pos.find_labels([TokenRow("1", ("a",), ("_",))], Pos.Options())


def test_a_word_without_an_annotation_is_not_learned() -> None:
    (feature,) = task().encode([TokenRow("1", ("ab", "c"), ("_", "VERB"))], Letters(), 20, learn=True)
    assert feature.labels == [IGNORE, IGNORE, IGNORE, 1, IGNORE]
    assert (feature.places, feature.shown) == ([1, 3], [(1, 3), (3, 4)])


def test_decode_fills_every_word() -> None:
    row = TokenRow("1", ("a", "b"))
    feature = Feature(0, [], None, [], [0, 1], [], 0)
    found = task().decode(row, [(feature, Output([1, 0], [0.5, 0.75], [([1, 0], 0.4), ([0, 0], 0.3)]))])
    assert (found.tags, found.scores) == (("VERB", "NOUN"), (0.5, 0.75))
    assert found.others == [(("VERB", "NOUN"), 0.4), (("NOUN", "NOUN"), 0.3)]
    unsure = task().decode(row, [(feature, Output([1, 0], None))])
    assert (unsure.tags, unsure.scores) == (("VERB", "NOUN"), None)


def test_scores_in_words_tell_known_from_unknown() -> None:
    gold = [TokenRow("1", ("a", "b"), ("NOUN", "VERB"))]
    guess = [TokenRow("1", ("a", "b"), ("NOUN", "NOUN"), scores=(0.9, 0.6))]
    scores = task().score(gold, guess, {"a"}.__contains__)
    lines = Pos.lines(scores)
    assert lines[0] == "1 row, 2 words"
    assert "accuracy 0.5000" in lines[1]
    assert lines[2] == "known words 1.0000  unknown words 0.0000  (50.0 % are unknown)"
    assert scores["ece"] == pytest.approx((0.1 + 0.6) / 2)
    assert task().counts(gold, guess).tolist() == [[1, 2]]
