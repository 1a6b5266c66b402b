from __future__ import annotations

import random
import warnings

import pytest

from nlpkit.metrics import spans

TAGS = ["O", "O", "B-PER", "I-PER", "B-LOC", "I-LOC", "B-creative-work", "I-creative-work"]

KEYS = {"precision": "precision", "recall": "recall", "f1": "f1-score", "support": "support"}


def random_corpus(seed: int) -> tuple[list[list[str]], list[list[str]]]:
    rng = random.Random(seed)
    gold = [[rng.choice(TAGS) for _ in range(rng.randint(1, 12))] for _ in range(rng.randint(1, 12))]
    guess = [[tag if rng.random() < 0.7 else rng.choice(TAGS) for tag in row] for row in gold]
    return gold, guess


@pytest.mark.parametrize("seed", range(0, 250, 50))
def test_equals_seqeval_strict_and_lenient(seed: int) -> None:
    """250 random corpora, illegal moves among them."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from seqeval import metrics
        from seqeval.scheme import IOB2

        for number in range(seed, seed + 50):
            gold, guess = random_corpus(number)
            ours = spans.score(gold, guess)
            strict = {"mode": "strict", "scheme": IOB2, "zero_division": 0}
            assert ours["f1"] == pytest.approx(metrics.f1_score(gold, guess, **strict))
            assert ours["precision"] == pytest.approx(metrics.precision_score(gold, guess, **strict))
            assert ours["recall"] == pytest.approx(metrics.recall_score(gold, guess, **strict))
            assert ours["lenient_f1"] == pytest.approx(metrics.f1_score(gold, guess, zero_division=0))
            assert ours["accuracy"] == pytest.approx(metrics.accuracy_score(gold, guess))
            report = metrics.classification_report(gold, guess, output_dict=True, **strict)
            for kind, entry in ours["per_type"].items():
                assert entry == pytest.approx({name: report[kind][key] for name, key in KEYS.items()})
            if ours["per_type"]:
                assert ours["macro_f1"] == pytest.approx(report["macro avg"]["f1-score"])


def test_i_for_b_is_wrong_when_strict_and_right_when_lenient() -> None:
    scores = spans.score([["B-PER", "I-PER"]], [["I-PER", "I-PER"]])
    assert (scores["f1"], scores["lenient_f1"]) == (0.0, 1.0)
    assert "scheme:IOB2|mode:strict" in scores["signature"]


def test_by_hand() -> None:
    gold = [["B-PER", "I-PER", "O", "B-LOC"], ["O", "B-ORG"]]
    guess = [["B-PER", "I-PER", "O", "B-ORG"], ["B-LOC", "B-ORG"]]
    scores = spans.score(gold, guess)  # found 4, right 2, wanted 3
    assert scores["precision"] == 0.5
    assert scores["recall"] == pytest.approx(2 / 3)
    assert scores["f1"] == pytest.approx(4 / 7)
    assert scores["accuracy"] == pytest.approx(4 / 6)
    assert scores["per_type"]["LOC"] == {"precision": 0.0, "recall": 0.0, "f1": 0.0, "support": 1}


def test_nothing_to_find_is_zero_and_no_crash() -> None:
    scores = spans.score([["O", "O"], []], [["O", "O"], []])
    assert scores["f1"] == 0.0
    assert scores["macro_f1"] == 0.0
    assert scores["accuracy"] == 1.0
    assert spans.score([], [])["interval"] == [0.0, 0.0]


def test_rows_of_unlike_length_are_refused() -> None:
    with pytest.raises(ValueError, match="row 2"):
        spans.score([["O"], ["O", "O"]], [["O"], ["O"]])


def test_interval_holds_the_score_and_narrows_with_rows() -> None:
    gold, guess = random_corpus(7)
    few, many = spans.score(gold, guess), spans.score(gold * 30, guess * 30)
    assert few["interval"][0] <= few["f1"] <= few["interval"][1]
    assert many["interval"][1] - many["interval"][0] < few["interval"][1] - few["interval"][0]
