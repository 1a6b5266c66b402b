"""Do probabilities mean what they say? Expected calibration error, and a scaling that repairs them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from nlpkit.metrics.significance import Array

BINS = 10
_LEAST = 50  # answers to learn a scaling from
_EDGE = 1e-6


def ece(scores: Sequence[float], right: Sequence[bool], bins: int = BINS) -> float:
    """Expected calibration error (Naeini et al., 2015): mean distance of confidence and accuracy in even bins."""
    sums = [[0, 0.0, 0.0] for _ in range(bins)]
    for score, good in zip(scores, right, strict=True):
        entry = sums[min(bins - 1, int(score * bins))]
        entry[0] += 1
        entry[1] += score
        entry[2] += good
    total = len(scores)
    return sum(abs(confidence - good) for _, confidence, good in sums) / total if total else 0.0


@dataclass(frozen=True, slots=True)
class Scaling:
    """Platt's scaling (1999) of the log-odds of a probability: sigmoid(``slope`` x logit + ``shift``)."""

    slope: float
    shift: float

    def __call__(self, scores: Sequence[float]) -> tuple[float, ...]:
        return tuple(_sigmoid(self.slope * _logit(score) + self.shift) for score in scores)


def _sigmoid(value: float) -> float:
    return 1 / (1 + math.exp(-min(60.0, max(-60.0, value))))


def _logit(score: float) -> float:
    kept = min(1 - _EDGE, max(_EDGE, score))
    return math.log(kept / (1 - kept))


def fit(scores: Sequence[float], right: Sequence[bool]) -> Scaling | None:
    """The scaling of least cross-entropy, by Newton's method on Platt's smoothed targets.

    None where there are fewer than 50 answers, where all are right or wrong, or where higher scores are not better.
    """
    good = sum(right)
    bad = len(right) - good
    if len(scores) < _LEAST or not good or not bad:
        return None
    high, low = (good + 1) / (good + 2), 1 / (bad + 2)
    points = [(_logit(score), high if yes else low) for score, yes in zip(scores, right, strict=True)]
    slope, shift = 1.0, 0.0
    for _ in range(50):
        g1 = g0 = h11 = h10 = 0.0
        h00 = 1e-9
        for x, target in points:
            p = _sigmoid(slope * x + shift)
            weight = p * (1 - p)
            g1, g0 = g1 + (p - target) * x, g0 + (p - target)
            h11, h10, h00 = h11 + weight * x * x, h10 + weight * x, h00 + weight
        h11 += 1e-9
        determinant = h11 * h00 - h10 * h10
        if determinant < 1e-12:
            break
        step1, step0 = (h00 * g1 - h10 * g0) / determinant, (h11 * g0 - h10 * g1) / determinant
        # Newton may overshoot where the curve is flat
        scale = min(1.0, 2.0 / max(abs(step1), abs(step0), 1e-9))
        slope, shift = slope - scale * step1, shift - scale * step0
        if abs(step1) + abs(step0) < 1e-9:
            break
    return Scaling(round(slope, 6), round(shift, 6)) if slope > 0 else None


def logistic(features: Array, right: Array, weights: Array | None = None, ridge: float = 1e-3) -> tuple[float, ...]:
    """Weights of the logistic regression of ``right`` (n) on ``features`` (n, k), by Newton's method.

    ``weights`` (n) say how much each answer counts.
    """
    import numpy as np

    count = np.ones(len(right)) if weights is None else np.asarray(weights, np.float64)
    found = np.zeros(features.shape[1])
    for _ in range(50):
        chance = 1 / (1 + np.exp(-np.clip(features @ found, -30, 30)))
        slope = features.T @ (count * (chance - right)) + ridge * found
        curve = (features * (count * chance * (1 - chance))[:, None]).T @ features + ridge * np.eye(len(found))
        step = np.linalg.solve(curve, slope)
        found -= step * min(1.0, 3.0 / max(1e-9, float(np.abs(step).max())))
        if float(np.abs(step).max()) < 1e-8:
            break
    return tuple(round(float(weight), 6) for weight in found)
