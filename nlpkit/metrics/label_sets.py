"""Scores of texts with one label or any number of them, from counts of each label a text."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import nlpkit
from nlpkit.metrics import significance
from nlpkit.metrics.labels import Labels
from nlpkit.metrics.significance import Array
from nlpkit.metrics.spans import prf, ratio

OFFICIAL = ("accuracy", "macro_f1", "micro_f1", "weighted_f1", "average_recall", "mcc")  # and f1:LABEL


def row_counts(gold: Sequence[Labels], guess: Sequence[Labels], labels: Sequence[str]) -> Array:
    """(rows, 3 x labels): for each label whether it is rightly given, given, wanted."""
    import numpy as np

    number = {label: at for at, label in enumerate(labels)}
    size = len(labels)
    counts: Array = np.zeros((len(gold), 3 * size), dtype=np.int32)
    for row, (right, said) in enumerate(zip(gold, guess, strict=True)):
        for label in said:
            if (at := number.get(label)) is not None:
                counts[row, size + at] = 1
                counts[row, at] = label in right
        for label in right:
            if (at := number.get(label)) is not None:
                counts[row, 2 * size + at] = 1
    return counts


def exact_counts(gold: Sequence[Labels], guess: Sequence[Labels]) -> Array:
    """(rows, 2): whether all labels of the row are right, and 1."""
    import numpy as np

    right = [set(a) == set(b) for a, b in zip(gold, guess, strict=True)]
    counts: Array = np.stack([np.array(right, np.int32), np.ones(len(right), np.int32)], axis=1)
    return counts


def _parted(totals: Array) -> tuple[Array, Array, Array]:
    """Totals (n, 3 x labels) as rightly given, given and wanted: (n, labels) each."""
    size = totals.shape[1] // 3
    return totals[:, :size], totals[:, size : 2 * size], totals[:, 2 * size :]


def _share(part: Array, whole: Array) -> Array:
    """``part / whole``, 0 where there is nothing."""
    import numpy as np

    found: Array = np.divide(part, whole, out=np.zeros(np.shape(whole)), where=whole > 0)
    return found


def _f1(totals: Array) -> tuple[Array, Array]:
    """F1 of each label, and how many texts have it: (n, labels) each."""
    good, given, wanted = _parted(totals)
    return _share(2.0 * good, (given + wanted) * (wanted > 0)), wanted


def macro_f1_of(totals: Array) -> Array:
    """Macro F1 over the labels that stand in the gold rows, from totals (n, 3 x labels): (n,)."""
    f1, wanted = _f1(totals)
    return _share(f1.sum(1), (wanted > 0).sum(1))


def micro_f1_of(totals: Array) -> Array:
    """Micro F1 from totals (n, 3 x labels): (n,)."""
    good, given, wanted = (part.sum(1) for part in _parted(totals))
    return _share(2.0 * good, given + wanted)


def weighted_f1_of(totals: Array) -> Array:
    """F1 weighted by support, from totals (n, 3 x labels): (n,)."""
    f1, wanted = _f1(totals)
    return _share((f1 * wanted).sum(1), wanted.sum(1))


def average_recall_of(totals: Array) -> Array:
    """Mean recall over the labels that stand in the gold rows, from totals (n, 3 x labels): (n,)."""
    good, _, wanted = _parted(totals)
    return _share(_share(1.0 * good, wanted).sum(1), (wanted > 0).sum(1))


def mcc_of(totals: Array) -> Array:
    """Matthews correlation of one label a text (Gorodkin, 2004), from totals (n, 3 x labels): (n,).

    The columns must be those of all labels, given or right. Texts without an answer are those that miss from the sum
    of the labels given.
    """
    import numpy as np

    good, given, wanted = _parted(totals.astype(np.float64))
    texts = wanted.sum(1)
    none = texts - given.sum(1)
    spread = (texts**2 - (given**2).sum(1) - none**2) * (texts**2 - (wanted**2).sum(1))
    return _share(good.sum(1) * texts - (given * wanted).sum(1), np.sqrt(np.maximum(spread, 0)))


def score(gold: Sequence[Labels], guess: Sequence[Labels], *, interval: bool = True) -> dict[str, Any]:
    """Scores of any number of labels a text.

    Keys: accuracy (all labels of the text right), micro_f1, macro_f1 (over the labels in ``gold``), weighted_f1 (by
    their support), average_recall, mcc (over all decisions), hamming (share of wrong decisions), interval (of macro_f1:
    95 %, bootstrap over texts), per_label, rows, support, classes, signature.
    """
    names = sorted({label for row in (*gold, *guess) for label in row})
    counts = row_counts(gold, guess, names)
    size = len(names)
    totals = counts.sum(0).tolist()
    per_label = {name: prf(totals[at], totals[size + at], totals[2 * size + at]) for at, name in enumerate(names)}
    table = [entry for entry in per_label.values() if entry["support"]]
    good, given, wanted = (sum(totals[part * size : (part + 1) * size]) for part in range(3))
    decisions = len(gold) * size
    low, high = significance.interval(counts, macro_f1_of) if interval and size else (0.0, 0.0)
    return {
        "accuracy": ratio(sum(set(a) == set(b) for a, b in zip(gold, guess, strict=True)), len(gold)),
        "micro_f1": ratio(2 * good, given + wanted),
        "macro_f1": ratio(sum(entry["f1"] for entry in table), len(table)),
        "weighted_f1": ratio(sum(entry["f1"] * entry["support"] for entry in table), wanted),
        "average_recall": ratio(sum(entry["recall"] for entry in table), len(table)),
        "mcc": _phi(good, given - good, wanted - good, decisions - given - wanted + good),
        "hamming": ratio(given + wanted - 2 * good, decisions),
        "interval": [low, high],
        "per_label": per_label,
        "rows": len(gold),
        "support": wanted,
        "classes": len(table),
        "signature": f"label sets|unit:text|macro:gold|ci:95|boot:{significance.RESAMPLES}|seed:{significance.SEED}"
        f"|version:{nlpkit.__version__}",
    }


def _phi(good: int, too_much: int, missing: int, rest: int) -> float:
    """Matthews correlation (1975) of yes-or-no decisions; 0 where one answer stands alone."""
    spread = (good + too_much) * (good + missing) * (rest + too_much) * (rest + missing)
    return (good * rest - too_much * missing) / math.sqrt(spread) if spread else 0.0


def official(scores: dict[str, Any], name: str) -> float:
    """A metric by name: one of ``OFFICIAL``, or ``f1:LABEL``. A label that does not stand in the rows has 0."""
    if name.startswith("f1:"):
        return float(scores["per_label"].get(name.removeprefix("f1:"), {"f1": 0.0})["f1"])
    return float(scores[name])
