"""Several systems on the same rows: which differences between them are more than chance."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import combinations
from typing import Any

from nlpkit.metrics import significance
from nlpkit.metrics.significance import Array

SURE = 0.05  # a difference with a smaller p value is marked
_EACH = 100  # permutations for each pair: the smallest p, corrected for their number, is then 0.01


def holm(values: Sequence[float]) -> list[float]:
    """p values of several tests, so that the chance of even one false alarm stays what it says (Holm, 1979)."""
    order = sorted(range(len(values)), key=values.__getitem__)
    found, most = [0.0] * len(values), 0.0
    for rank, at in enumerate(order):
        most = max(most, min(1.0, values[at] * (len(values) - rank)))
        found[at] = most
    return found


def pairs(counts: Sequence[Array], statistic: Callable[[Array], Array]) -> list[dict[str, Any]]:
    """Each two of the systems, from the (rows, n) counts of each.

    Keys: first and second (numbers of the systems, from 0), difference (second - first), low, high and p as in
    ``significance.paired``, p_holm.
    """
    both = list(combinations(range(len(counts)), 2))
    enough = max(significance.RESAMPLES, _EACH * len(both))
    found = [{"first": a, "second": b, **significance.paired(counts[b], counts[a], statistic, enough)} for a, b in both]
    for entry, p in zip(found, holm([entry["p"] for entry in found]), strict=True):
        entry["p_holm"] = p
    return found


def best(values: Sequence[float], compared: Sequence[dict[str, Any]]) -> int | None:
    """The number of the system that beats each other one by more than chance (``p_holm``); None where none does."""
    top = max(range(len(values)), key=values.__getitem__)
    tests = [entry["p_holm"] for entry in compared if top in (entry["first"], entry["second"])]
    return top if tests and max(tests) < SURE else None


def matrix(compared: Sequence[dict[str, Any]], count: int) -> list[list[str]]:
    """The p values (Holm) as cells: a row for each system but the last, a column for each but the first."""
    cells = [[""] * (count - 1) for _ in range(count - 1)]
    for entry in compared:
        cells[entry["first"]][entry["second"] - 1] = f"{entry['p_holm']:.4f}"
    return cells
