from __future__ import annotations

import random
import warnings

import pytest
from sklearn import metrics

from nlpkit.metrics import labels

TAGS = ["NOUN", "VERB", "ADJ", "X"]
KEYS = {"f1-score": "f1"}  # what scikit-learn calls otherwise


@pytest.mark.parametrize("seed", range(200))
def test_equals_scikit_learn(seed: int) -> None:
    rng = random.Random(seed)
    gold = [[rng.choice([*TAGS, labels.NONE]) for _ in range(rng.randint(0, 9))] for _ in range(rng.randint(1, 6))]
    guess = [
        [tag if tag in TAGS and rng.random() < 0.6 else rng.choice(TAGS) for tag in row] for row in gold
    ]  # also where nobody annotated: that does not count
    found = labels.score(gold, guess)
    pairs = [pair for rows in zip(gold, guess, strict=True) for pair in zip(*rows, strict=True)]
    flat = tuple([pair[side] for pair in pairs if pair[0] != labels.NONE] for side in (0, 1))
    if not flat[0]:
        assert found["accuracy"] == found["macro_f1"] == 0.0
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert found["accuracy"] == pytest.approx(metrics.accuracy_score(*flat))
        assert found["macro_f1"] == pytest.approx(metrics.f1_score(*flat, average="macro", zero_division=0))
        names = sorted(set(flat[0]) | set(flat[1]))
        p, r, f, n = metrics.precision_recall_fscore_support(*flat, labels=names, zero_division=0)
    for at, name in enumerate(names):
        assert found["per_tag"][name] == pytest.approx(
            {"precision": p[at], "recall": r[at], "f1": f[at], "support": n[at]}
        )
    totals = labels.row_counts(gold, guess).sum(0)
    assert labels.accuracy_of(totals[None])[0] == pytest.approx(found["accuracy"])
    low, high = found["interval"]
    assert 0 <= low <= high <= 1
    wrong = sum(a != b for a, b in zip(*flat, strict=True))
    assert sum(count for _, _, count in found["confusions"]) == wrong


def test_words_nobody_annotated_do_not_count() -> None:
    found = labels.score([["NOUN", "_", "VERB"]], [["NOUN", "X", "NOUN"]])
    assert (found["accuracy"], found["support"], found["tokens"]) == (0.5, 2, 3)
    assert found["confusions"] == [["VERB", "NOUN", 1]]


def test_known_and_unknown_words_are_told_apart() -> None:
    words, gold, guess = [["a", "b", "c", "d"]], [["X", "X", "X", "_"]], [["X", "NOUN", "X", "X"]]
    found = labels.score(gold, guess, words, {"a", "b"}.__contains__)
    assert found["accuracy_known"] == 0.5
    assert found["accuracy_unknown"] == 1.0
    assert found["unknown"] == pytest.approx(1 / 3)


def test_rows_of_different_lengths_are_refused() -> None:
    with pytest.raises(ValueError, match="row 2: 1 labels for 2 words"):
        labels.score([["X"], ["X", "X"]], [["X"], ["X"]])


def test_scores_of_texts_are_those_of_scikit_learn() -> None:
    """Means are over the labels in the gold rows: scikit-learn takes those of the answers too, unless told so."""
    rng = random.Random(5)
    for case in range(200):
        names = "abcdefg"[: rng.randint(1, 7)]
        gold = [rng.choice(names) for _ in range(rng.randint(1, 60))]
        guess = [right if rng.random() < 0.6 else rng.choice(names) for right in gold]
        own = sorted(set(gold))
        found = labels.score_texts(gold, guess, interval=False)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of a single label, and of answers that are no gold label
            report = metrics.classification_report(gold, guess, labels=own, output_dict=True, zero_division=0)
            wanted = {
                "accuracy": metrics.accuracy_score(gold, guess),
                "macro_f1": report["macro avg"]["f1-score"],
                "weighted_f1": report["weighted avg"]["f1-score"],
                "average_recall": metrics.balanced_accuracy_score(gold, guess),
                "mcc": metrics.matthews_corrcoef(gold, guess),
            }
        assert {name: found[name] for name in wanted} == pytest.approx(wanted), case
        for name in own:
            entry = {KEYS.get(key, key): value for key, value in report[name].items()}
            assert found["per_label"][name] == pytest.approx(entry), case


def test_no_answer_is_wrong_and_no_label() -> None:
    found = labels.score_texts(["a", "a", "b"], ["a", "", "b"])
    assert found["accuracy"] == pytest.approx(2 / 3)
    assert set(found["per_label"]) == {"a", "b"}
    assert found["classes"] == 2
    low, high = found["interval"]
    assert 0 <= low <= found["macro_f1"] <= high <= 1
    assert labels.score_texts([], [])["macro_f1"] == 0
