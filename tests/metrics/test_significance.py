from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest
from scipy.stats import binom

from nlpkit.metrics import significance
from nlpkit.metrics.labels import accuracy_of
from nlpkit.metrics.spans import f1_of
from nlpkit.metrics.translation import bleu_of

COMPARISONS, ROWS, RESAMPLES = 200, 120, 199


def equal_systems(rng: np.random.Generator, kind: str) -> tuple[Any, Any]:
    """Counts of two systems that are as good as each other, and mostly right and wrong on the same words."""
    sizes = rng.integers(4, 9, ROWS)
    there = np.arange(8) < sizes[:, None]
    hard = rng.normal(size=(ROWS, 1)) + rng.normal(size=(ROWS, 8))

    def system() -> Any:
        right = there & (hard + rng.normal(size=(ROWS, 8)) < 1.2)
        correct = right.sum(1)
        if kind == "accuracy":
            return np.stack([correct, sizes], axis=1)
        if kind == "f1":
            return np.stack([correct, correct + rng.binomial(sizes - correct, 0.5), sizes], axis=1)
        runs = [np.logical_and.reduce([right[:, at : 8 - n + at] for at in range(n + 1)]).sum(1) for n in range(4)]
        return np.stack([sizes, sizes, *runs, *(sizes - n for n in range(4))], axis=1)

    return system(), system()


@pytest.mark.parametrize(("kind", "statistic"), [("f1", f1_of), ("accuracy", accuracy_of), ("bleu", bleu_of)])
def test_equal_systems_differ_about_as_often_as_the_level_says(
    monkeypatch: pytest.MonkeyPatch, kind: str, statistic: Callable[[Any], Any]
) -> None:
    """5 % of null comparisons, within what a binomial has in 999 of 1,000 cases; none where pairs are torn apart.

    p is even between 0 and 1: its mean is 0.5, and half of that where the test has one side by mistake.
    """
    for name in ("interval", "paired_permutation"):
        monkeypatch.setattr(significance, name, partial(getattr(significance, name), resamples=RESAMPLES))
    rng = np.random.default_rng(1)
    found = [significance.paired(*equal_systems(rng, kind), statistic) for _ in range(COMPARISONS)]
    p = np.array([one["p"] for one in found])
    least, most = binom.interval(0.999, COMPARISONS, 0.05)
    assert 1 <= least <= (p <= 0.05).sum() <= most
    assert least <= sum(not one["low"] <= 0 <= one["high"] for one in found) <= most
    assert abs(p.mean() - 0.5) <= 4 * (1 / 12 / COMPARISONS) ** 0.5


def test_the_other_way_round_everything_is_mirrored() -> None:
    rng = np.random.default_rng(4)
    first, second = equal_systems(rng, "f1")
    one, other = significance.paired(first, second, f1_of), significance.paired(second, first, f1_of)
    assert (one["difference"], one["low"], one["high"]) == pytest.approx(
        (-other["difference"], -other["high"], -other["low"])
    )
    assert one["p"] == other["p"]


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
