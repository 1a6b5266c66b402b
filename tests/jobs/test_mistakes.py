"""Mistakes to be looked at: the surest first, with what is wrong in them."""

from __future__ import annotations

import math

from nlpkit.data.rows import PairRow, TextRow, TokenRow
from nlpkit.jobs.mistakes import changes, lines, worst


def test_tagged_sentences() -> None:
    words = ["we", "saw", "Lake", "Nam", "and", "then", "walked", *["on", "and"] * 2, "on", "till", "Achieng", "came"]
    right = ["O", "O", "B-LOC", "I-LOC", *["O"] * 9, "B-PER", "O"]
    said = ["O", "O", "B-LOC", "B-LOC", *["O"] * 9, "B-ORG", "O"]
    scores = [0.9] * 13 + [0.7, 0.9]
    scores[3] = 0.6
    gold = [TokenRow("1", words, right), TokenRow("2", ["a"], ["O"]), TokenRow("3", ["b"], ["B-PER"], line=9)]
    guess = [TokenRow("1", words, said, scores=scores), gold[1].with_scores([0.99]), TokenRow("3", ["b"], ["O"])]
    found = worst(gold, guess, 5)
    assert [(m.gold.id, m.sure) for m in found] == [("1", 0.7), ("3", None)]
    assert found[0].wrong == [3, 13]
    assert list(lines(found[0])) == [
        "row 1  0.70",
        "  we saw Lake [Nam: B-LOC, not I-LOC] and then walked on and on and on till [Achieng: B-ORG, not B-PER] came",
    ]
    assert next(lines(found[1])) == "row 3 (line 9)"
    assert [m.gold.id for m in worst(gold, guess, 1)] == ["1"]


def test_words_far_from_a_mistake_are_left_out() -> None:
    words = [str(at) for at in range(30)]
    gold = TokenRow("1", words, ["O"] * 30)
    guess = TokenRow("1", words, ["O"] * 15 + ["B-X"] + ["O"] * 14)
    text = list(lines(worst([gold], [guess], 1)[0]))[1]
    assert text == "  ... 9 10 11 12 13 14 [15: B-X, not O] 16 17 18 19 20 21 ..."


def test_labels() -> None:
    gold = [TextRow("1", "a\nb", ("good",)), TextRow("2", "c", ("bad", "sad")), TextRow("3", "d", ("bad",))]
    guess = [TextRow("1", "a\nb", ("bad",), scores=(0.8,)), TextRow("2", "c", ()), gold[2].with_scores([0.9])]
    found = worst(gold, guess, 9)
    assert [list(lines(m)) for m in found] == [
        ["row 1  0.80", "  a b", "  said   bad", "  right  good"],
        ["row 2", "  c", "  said   none", "  right  bad, sad"],
    ]


def test_translations_count_as_wrong_where_they_are_least_like_the_reference() -> None:
    gold = [PairRow(str(n), "x", text) for n, text in enumerate(["one two three", "four five", "six seven", "eight"])]
    answers = [("one two three", -0.1), ("nothing alike", -0.2), ("six seventy", -0.05), ("zzz", -3.0)]
    guess = [PairRow(row.id, "x", text, score=score) for row, (text, score) in zip(gold, answers, strict=True)]
    found = worst(gold, guess, 9)
    assert [m.gold.id for m in found] == ["1", "3"]
    assert found[0].sure == math.exp(-0.2)
    assert list(lines(found[0]))[2:] == ["  said   nothing alike", "  right  four five"]


def test_changes() -> None:
    assert changes("a b c d", "a x c d e") == [
        ("same", "a"), ("said", "b"), ("right", "x"), ("same", "c d"), ("right", "e"),
    ]  # fmt: skip
    assert changes("", "") == []
