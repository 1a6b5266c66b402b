from __future__ import annotations

import random
import warnings

import pytest
from sklearn import metrics

from nlpkit.metrics import labels

TAGS = ["NOUN", "VERB", "ADJ", "X"]


@pytest.mark.parametrize("seed", range(200))
def test_equals_scikit_learn(seed: int) -> None:
    rng = random.Random(seed)
    gold = [[rng.choice(TAGS) for _ in range(rng.randint(0, 9))] for _ in range(rng.randint(1, 6))]
    guess = [[tag if rng.random() < 0.6 else rng.choice(TAGS) for tag in row] for row in gold]
    found = labels.score(gold, guess)
    flat = [tag for row in gold for tag in row], [tag for row in guess for tag in row]
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
