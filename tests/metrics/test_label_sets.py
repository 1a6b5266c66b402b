"""Scores of sets of labels against scikit-learn, and decisions."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn import metrics

from nlpkit.metrics import label_sets, labels
from nlpkit.metrics.decisions import Decision, learn, reliability

NAMES = ["a", "b", "c", "d"]


def test_sets_of_labels_as_scikit_learn_scores_them() -> None:
    random = np.random.default_rng(1)
    for case in range(200):
        right, said = (random.random((12, 4)) < random.uniform(0.1, 0.8) for _ in range(2))
        right[0] = True  # every label stands in the gold rows
        gold, guess = ([[NAMES[i] for i in np.flatnonzero(row)] for row in table] for table in (right, said))
        found = label_sets.score(gold, guess, interval=case == 0)
        for average in ("micro", "macro", "weighted"):
            wanted = metrics.f1_score(right, said, average=average, zero_division=0)
            assert found[f"{average}_f1"] == pytest.approx(wanted)
        assert found["accuracy"] == pytest.approx(metrics.accuracy_score(right, said))
        assert found["hamming"] == pytest.approx(metrics.hamming_loss(right, said))
        assert found["average_recall"] == pytest.approx(metrics.recall_score(right, said, average="macro"))
        wanted = metrics.matthews_corrcoef(right.ravel(), said.ravel())
        assert found["mcc"] == pytest.approx(wanted)


def test_one_label_a_text_as_scikit_learn_scores_it() -> None:
    random = np.random.default_rng(2)
    for _ in range(200):
        gold = [*NAMES, *random.choice(NAMES, 20).tolist()]
        guess = random.choice(NAMES, 24).tolist()
        found = labels.score_texts(gold, guess, interval=False)
        assert found["macro_f1"] == pytest.approx(metrics.f1_score(gold, guess, average="macro", zero_division=0))
        assert found["mcc"] == pytest.approx(metrics.matthews_corrcoef(gold, guess))
        totals = label_sets.row_counts([(x,) for x in gold], [(x,) for x in guess], NAMES).sum(0)
        assert label_sets.macro_f1_of(totals[None])[0] == pytest.approx(found["macro_f1"])


def test_no_rows_and_no_labels() -> None:
    assert label_sets.score([], [])["macro_f1"] == 0.0
    found = label_sets.score([(), ()], [(), ("a",)])
    assert (found["accuracy"], found["micro_f1"]) == (0.5, 0.0)
    assert label_sets.official(found, "f1:zzz") == 0.0


def test_thresholds_of_rare_labels_are_lowered() -> None:
    random = np.random.default_rng(3)
    wanted = random.random((2000, 2)) < [0.1, 0.5]
    logits = random.normal(0, 1, (2000, 2)) + np.where(wanted, 1.0, -1.0) - [3.0, 0.0]
    chances = 1 / (1 + np.exp(-logits))
    plain = Decision().given(chances, multi_label=True)
    decision = learn(chances, wanted, multi_label=True, shifts=True)
    told = decision.chances(chances, multi_label=True)
    said = decision.given(told, multi_label=True)
    score = {"average": "macro", "zero_division": 0}
    assert metrics.f1_score(wanted, said, **score) > metrics.f1_score(wanted, plain, **score) + 0.1
    assert abs(told.mean() - wanted.mean()) < 0.02  # probabilities are true, whatever is given


def test_a_temperature_without_bias_keeps_the_best_label() -> None:
    random = np.random.default_rng(4)
    chances = random.dirichlet([0.3] * 3, 500)
    wanted = np.eye(3)[random.integers(0, 3, 500)]
    decision = learn(chances, wanted, multi_label=False, shifts=False)
    assert decision.shift == ()
    assert decision.temperature > 3  # the answers are noise
    told = decision.chances(chances, multi_label=False)
    assert (told.argmax(1) == chances.argmax(1)).all()
    assert np.allclose(told.sum(1), 1)
    assert learn(chances[:20], wanted[:20], multi_label=False, shifts=True) == Decision()
    assert Decision.from_dict(decision.as_dict(), 3) == decision


def test_reliability_bins() -> None:
    assert reliability([0.05, 0.95, 1.0], [False, True, False]) == [(0.05, 0.0, 1), (pytest.approx(0.975), 0.5, 2)]
