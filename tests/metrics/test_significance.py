from __future__ import annotations

import numpy as np

from nlpkit.metrics import significance
from nlpkit.metrics.spans import f1_of


def systems(rng: np.random.Generator, rows: int, right: float) -> np.ndarray:
    gold = rng.integers(0, 4, rows)
    correct = rng.binomial(gold, right)
    predicted = correct + rng.binomial(gold - correct, 0.5)
    return np.stack([correct, predicted, gold], axis=1)


def test_permutation_keeps_its_level_where_there_is_no_difference() -> None:
    """400 null comparisons at 5 %: within three standard errors of the level."""
    rng = np.random.default_rng(1)
    low = 0
    for number in range(400):
        gold = rng.integers(0, 4, 80)
        a, b = (np.stack([c := rng.binomial(gold, 0.6), c + rng.integers(0, 2, 80), gold], axis=1) for _ in range(2))
        low += significance.paired_permutation(a, b, f1_of, resamples=99, seed=number) <= 0.05
    assert 0.05 - 0.033 <= low / 400 <= 0.05 + 0.033


def test_permutation_finds_a_real_difference() -> None:
    rng = np.random.default_rng(2)
    gold = rng.integers(1, 4, 300)
    a = np.stack([rng.binomial(gold, 0.6), gold, gold], axis=1)
    b = np.stack([rng.binomial(gold, 0.8), gold, gold], axis=1)
    assert significance.paired_permutation(a, b, f1_of) < 0.01
    assert significance.paired_permutation(a, a, f1_of) == 1.0


def test_interval_covers_the_truth_about_as_often_as_it_says() -> None:
    rng = np.random.default_rng(3)
    inside = 0
    for _ in range(200):
        counts = rng.binomial(1, 0.7, (150, 1))
        low, high = significance.interval(counts, lambda totals: totals[:, 0] / 150, resamples=300)
        inside += low <= 0.7 <= high
    assert 0.89 <= inside / 200 <= 0.99


def test_resampling_is_seeded() -> None:
    counts = np.arange(30).reshape(10, 3)
    assert (significance.resampled(counts, 5) == significance.resampled(counts, 5)).all()
    assert not (significance.resampled(counts, 5) == significance.resampled(counts, 5, seed=1)).all()
