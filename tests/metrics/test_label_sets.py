"""Scores of sets of labels against scikit-learn, and decisions."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from sklearn import metrics

from nlpkit.metrics import label_sets, labels, significance
from nlpkit.metrics.decisions import Decision, learn, reliability

NAMES = ["a", "b", "c", "d"]
STATISTICS = {
    "macro_f1": label_sets.macro_f1_of,
    "weighted_f1": label_sets.weighted_f1_of,
    "average_recall": label_sets.average_recall_of,
}


def test_sets_of_labels_as_scikit_learn_scores_them() -> None:
    """Means are over the labels in the gold rows (``own``); a label that stands nowhere is none (``kept``)."""
    random = np.random.default_rng(1)
    for case in range(200):
        shape = random.integers(2, 13), random.integers(2, 5)
        right, said = (random.random(shape) < random.uniform(0.05, 0.8) for _ in range(2))
        right[0, :2] = True  # scikit-learn takes a single label for the answers of one yes-or-no question
        kept, own = np.flatnonzero((right | said).any(0)), np.flatnonzero(right.any(0))
        gold, guess = ([[NAMES[i] for i in np.flatnonzero(row)] for row in table] for table in (right, said))
        found = label_sets.score(gold, guess, interval=case == 0)
        report = metrics.classification_report(right, said, labels=own, output_dict=True, zero_division=0)
        wanted = {
            "micro_f1": metrics.f1_score(right, said, average="micro", zero_division=0),
            "macro_f1": report["macro avg"]["f1-score"],
            "weighted_f1": report["weighted avg"]["f1-score"],
            "average_recall": report["macro avg"]["recall"],
            "accuracy": metrics.accuracy_score(right, said),
            "hamming": metrics.hamming_loss(right[:, kept], said[:, kept]),
        }
        counts = label_sets.row_counts(gold, guess, NAMES)
        for name, statistic in {**STATISTICS, "micro_f1": label_sets.micro_f1_of}.items():
            assert statistic(counts.sum(0)[None])[0] == pytest.approx(wanted[name]), (case, name)
        hits, texts = label_sets.exact_counts(gold, guess).sum(0)
        assert hits / texts == pytest.approx(wanted["accuracy"])
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of decisions that are all alike
            wanted["mcc"] = metrics.matthews_corrcoef(right[:, kept].ravel(), said[:, kept].ravel())
        assert {name: found[name] for name in wanted} == pytest.approx(wanted), case
        for at in own:
            entry = {"f1" if key == "f1-score" else key: value for key, value in report[str(at)].items()}
            assert found["per_label"][NAMES[at]] == pytest.approx(entry), case


def test_scores_of_totals_are_those_of_single_labels() -> None:
    """Answers not given and labels that are no gold ones among them."""
    random = np.random.default_rng(2)
    every = [*NAMES, "e", "f"]
    for case in range(200):
        gold = random.choice(NAMES[: case % 4 + 1], 20).tolist()
        guess = random.choice([*every, ""], 20).tolist()
        wanted = labels.score_texts(gold, guess, interval=False)
        totals = label_sets.row_counts([(x,) for x in gold], [(x,) if x else () for x in guess], every).sum(0)
        for name, statistic in STATISTICS.items():
            assert statistic(totals[None])[0] == pytest.approx(wanted[name]), (case, name)
        assert label_sets.mcc_of(totals[None])[0] == pytest.approx(wanted["mcc"]), case


def test_both_ways_to_the_interval_of_one_label_a_text_agree() -> None:
    random = np.random.default_rng(6)
    for size in (1, 7, 60):
        gold, guess = (random.choice(NAMES, size).tolist() for _ in range(2))
        counts = label_sets.row_counts([(x,) for x in gold], [(x,) for x in guess], NAMES)
        assert labels.macro_interval(gold, guess) == pytest.approx(
            significance.interval(counts, label_sets.macro_f1_of)
        )


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
