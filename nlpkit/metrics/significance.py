"""Intervals and tests over sentences, computed on counts so that a thousand resamples take a moment."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Array = Any  # numpy.ndarray; numpy itself is imported on use only

SEED = 12345
RESAMPLES = 1000


def resampled(counts: Array, resamples: int = RESAMPLES, seed: int = SEED) -> Array:
    """Bootstrap totals (Efron, 1979): ``counts`` (rows, columns) -> (resamples, columns).

    Each resample draws as many rows as there are, with replacement.
    """
    import numpy as np

    random = np.random.default_rng(seed)
    rows = len(counts)
    table = counts.astype(np.float64)
    totals = np.empty((resamples, counts.shape[1]))
    for number in range(resamples):
        drawn = np.bincount(random.integers(0, rows, rows), minlength=rows)
        totals[number] = drawn @ table
    return totals


def interval(
    counts: Array, statistic: Callable[[Array], Array], level: float = 0.95, resamples: int = RESAMPLES
) -> tuple[float, float]:
    """Percentile interval of ``statistic`` (totals (n, columns) -> (n,)) under resampling of the rows."""
    import numpy as np

    if len(counts) == 0:
        return (0.0, 0.0)
    values = statistic(resampled(counts, resamples))
    ends: list[float] = np.quantile(values, [(1 - level) / 2, (1 + level) / 2]).tolist()
    return (ends[0], ends[1])


def paired_permutation(
    first: Array, second: Array, statistic: Callable[[Array], Array], resamples: int = RESAMPLES, seed: int = SEED
) -> float:
    """Two-sided p value of ``statistic(second) - statistic(first)`` under swapping of rows (Noreen, 1989).

    ``first`` and ``second`` are (rows, columns) counts of two systems on the same rows.
    """
    import numpy as np

    random = np.random.default_rng(seed)
    a, b = first.astype(np.float64), second.astype(np.float64)
    total_a, total_b, change = a.sum(0), b.sum(0), b - a
    observed = abs(float(statistic(total_b[None])[0] - statistic(total_a[None])[0]))
    moved = np.empty((resamples, a.shape[1]))  # sums of the rows that change sides
    for number in range(resamples):
        moved[number] = random.integers(0, 2, len(a)) @ change
    difference = np.abs(statistic(total_b - moved) - statistic(total_a + moved))
    # the difference as it is counts as one of the resamples, so p is never 0 (Davison and Hinkley, 1997)
    return float((difference >= observed - 1e-12).sum() + 1) / (resamples + 1)


def paired(
    ours: Array, theirs: Array, statistic: Callable[[Array], Array], permutations: int | None = None
) -> dict[str, float]:
    """Gain of one system over another on the same rows, from the counts of each, (rows, n).

    ``difference``, its 95 % interval ``low`` to ``high`` (paired bootstrap; Koehn, 2004), ``p`` (paired permutation).
    """
    import numpy as np

    both, width = np.concatenate([ours, theirs], axis=1), ours.shape[1]

    def gain(totals: Array) -> Array:
        found: Array = statistic(totals[:, :width]) - statistic(totals[:, width:])
        return found

    low, high = interval(both, gain)
    more = {} if permutations is None else {"resamples": permutations}
    return {
        "difference": float(gain(both.sum(0)[None].astype(float))[0]),
        "low": low,
        "high": high,
        "p": paired_permutation(theirs, ours, statistic, **more),
    }
