"""Several systems on the same rows."""

from __future__ import annotations

import numpy as np
import pytest

from nlpkit.jobs import systems
from nlpkit.metrics.labels import accuracy_of


def test_holm_worked_by_hand() -> None:
    assert systems.holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert systems.holm([0.5, 0.9]) == [1.0, 1.0]
    assert systems.holm([]) == []


def test_a_corrected_p_is_no_smaller_and_keeps_the_order() -> None:
    values = np.random.default_rng(3).random(40).tolist()
    found = systems.holm(values)
    assert all(a <= b <= 1 for a, b in zip(values, found, strict=True))
    assert np.array_equal(
        np.argsort(values, kind="stable"), np.argsort([f + 1e-9 * v for f, v in zip(found, values, strict=True)])
    )


def counts(right: int, of: int = 100) -> np.ndarray:
    return np.array([[int(at < right), 1] for at in range(of)])


def test_the_best_must_beat_every_other() -> None:
    several = [counts(50), counts(90), counts(88)]
    pairs = systems.pairs(several, accuracy_of)
    values = [0.5, 0.9, 0.88]
    assert systems.best(values, pairs) is None
    assert systems.best(values[:2], systems.pairs(several[:2], accuracy_of)) == 1
    assert systems.best([0.9], []) is None


def test_many_systems_get_enough_permutations_to_tell_them_apart() -> None:
    """A thousand permutations have no p under 1/1001, which 66 pairs make 0.066."""
    several = [counts(right) for right in (99, *range(10, 21))]
    pairs = systems.pairs(several, accuracy_of)
    assert systems.best([0.99, *(at / 100 for at in range(10, 21))], pairs) == 0
