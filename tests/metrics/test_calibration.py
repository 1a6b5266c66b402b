from __future__ import annotations

import math
import random

import numpy as np
import pytest
from sklearn.calibration import calibration_curve

from nlpkit.metrics.calibration import Scaling, ece, fit
from nlpkit.metrics.decisions import reliability


def test_ece_by_hand() -> None:
    assert ece([], []) == 0.0
    assert ece([0.95, 0.95], [True, False]) == pytest.approx(0.45)
    assert ece([0.95, 0.15], [True, False]) == pytest.approx((0.05 + 0.15) / 2)
    assert ece([1.0, 1.0], [True, True]) == 0.0


def test_bins_are_those_of_scikit_learn() -> None:
    """The calibration curve, and the mean distance of its two sides."""
    rng = np.random.default_rng(4)
    for _ in range(200):
        size, bins = int(rng.integers(1, 80)), int(rng.integers(1, 16))
        scores = rng.choice([0.0, 1.0, *rng.random(size)], size)  # no other score is where bins meet
        right = rng.random(size) < 0.1 + 0.8 * scores ** rng.uniform(0.3, 3)
        accuracy, confidence = calibration_curve(right, scores, n_bins=bins, pos_label=True)
        number = np.histogram(scores, bins, (0, 1))[0]
        number = number[number > 0]
        wanted = (number * abs(accuracy - confidence)).sum() / size
        assert ece(scores.tolist(), right.tolist(), bins) == pytest.approx(wanted)
        found = np.array(reliability(scores.tolist(), right.tolist(), bins))
        assert found == pytest.approx(np.stack([confidence, accuracy, number], axis=1))


@pytest.mark.parametrize(("slope", "shift"), [(0.5, 0.0), (1.0, -1.0), (2.0, 0.5)])
def test_fit_finds_how_the_scores_were_bent(slope: float, shift: float) -> None:
    rng = random.Random(1)
    logits = [rng.gauss(1, 2) for _ in range(4000)]
    right = [rng.random() < 1 / (1 + math.exp(-(slope * x + shift))) for x in logits]
    scores = [1 / (1 + math.exp(-x)) for x in logits]
    found = fit(scores, right)
    assert found is not None
    assert found.slope == pytest.approx(slope, rel=0.15)
    assert found.shift == pytest.approx(shift, abs=0.15)
    assert ece(found(scores), right) < 0.03
    assert ece(found(scores), right) <= ece(scores, right) + 0.005


@pytest.mark.parametrize(
    ("scores", "right"),
    [([0.9] * 10, [True] * 5 + [False] * 5), ([0.9] * 99, [True] * 99), ([0.1, 0.9] * 50, [1, 0] * 50)],
)
def test_too_little_to_learn_from_gives_no_scaling(scores: list[float], right: list[bool]) -> None:
    assert fit(scores, [bool(value) for value in right]) is None


def test_a_scaling_keeps_the_order_and_the_range() -> None:
    found = Scaling(3.0, -2.0)([0.0, 1e-9, 0.3, 0.9, 1.0])
    assert list(found) == sorted(found)
    assert all(0 <= score <= 1 for score in found)
