from __future__ import annotations

import math
import random

import pytest

from nlpkit.metrics.calibration import Scaling, ece, fit


def test_ece_by_hand() -> None:
    assert ece([], []) == 0.0
    assert ece([0.95, 0.95], [True, False]) == pytest.approx(0.45)
    assert ece([0.95, 0.15], [True, False]) == pytest.approx((0.05 + 0.15) / 2)
    assert ece([1.0, 1.0], [True, True]) == 0.0


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
