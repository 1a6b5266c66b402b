"""Scores of one label a word or a text: accuracy, precision, recall and F1 of each label, confusions."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import nlpkit
from nlpkit.metrics import significance
from nlpkit.metrics.significance import Array
from nlpkit.metrics.spans import prf, ratio

Labels = Sequence[str]
NONE = "_"  # a word that nobody annotated; it is not scored
_SHOWN = 20  # confusions kept


def accuracy_of(totals: Array) -> Array:
    """Accuracy from totals (n, 2): right, all. Zero where there is nothing."""
    import numpy as np

    found: Array = np.divide(totals[:, 0], totals[:, 1], out=np.zeros(len(totals)), where=totals[:, 1] > 0)
    return found


def row_counts(gold: Sequence[Labels], guess: Sequence[Labels]) -> Array:
    """(rows, 2) counts of right and of all annotated words."""
    import numpy as np

    counts: Array = np.zeros((len(gold), 2), dtype=np.int64)
    for number, (right, said) in enumerate(zip(gold, guess, strict=True)):
        pairs = [(a, b) for a, b in zip(right, said, strict=True) if a != NONE]
        counts[number] = sum(a == b for a, b in pairs), len(pairs)
    return counts


def macro_interval(gold: Sequence[str], guess: Sequence[str]) -> tuple[float, float]:
    """95 % percentile interval of macro F1 over the gold labels under resampling of the rows (Efron, 1979)."""
    import numpy as np

    if not gold:
        return (0.0, 0.0)
    names = sorted(set(gold))
    number = {name: at for at, name in enumerate(names)}
    right = np.array([number[name] for name in gold])
    said = np.array([number.get(name, len(names)) for name in guess])
    random = np.random.default_rng(significance.SEED)
    values = np.empty(significance.RESAMPLES)
    for at in range(significance.RESAMPLES):
        drawn = random.integers(0, len(right), len(right))
        a, b = right[drawn], said[drawn]
        wanted = np.bincount(a, minlength=len(names))
        given = np.bincount(b, minlength=len(names) + 1)[:-1]
        good = np.bincount(a[a == b], minlength=len(names))
        there = wanted > 0
        values[at] = np.mean(2 * good[there] / (wanted + given)[there])
    ends: list[float] = np.quantile(values, [0.025, 0.975]).tolist()
    return (ends[0], ends[1])


def score_texts(gold: Sequence[str], guess: Sequence[str], *, interval: bool = True) -> dict[str, Any]:
    """Scores of one label a text; the empty label is an answer not given, and wrong.

    Keys: accuracy, macro_f1 and average_recall (means over the labels in ``gold``), weighted_f1 (by their support),
    mcc, interval (of macro_f1: 95 %, bootstrap over texts), per_label, confusions, rows, support, classes, signature.
    """
    pairs = Counter(zip(gold, guess, strict=True))
    found = _table(pairs)
    table = [entry for entry in found["per_label"].values() if entry["support"]]
    own = [entry["f1"] for entry in table]
    low, high = macro_interval(gold, guess) if interval else (0.0, 0.0)
    return {
        **found,
        "macro_f1": ratio(sum(own), len(own)),
        "average_recall": ratio(sum(entry["recall"] for entry in table), len(table)),
        "weighted_f1": ratio(sum(entry["f1"] * entry["support"] for entry in table), len(gold)),
        "mcc": matthews(pairs),
        "interval": [low, high],
        "rows": len(gold),
        "classes": len(own),
        "signature": f"labels|unit:text|macro:gold|ci:95|boot:{significance.RESAMPLES}|seed:{significance.SEED}"
        f"|version:{nlpkit.__version__}",
    }


def matthews(pairs: Counter[tuple[str, str]]) -> float:
    """Matthews correlation of counted (gold, guess) pairs, for any number of labels (Gorodkin, 2004); -1 to 1.

    0 where gold or guess holds one label only.
    """
    wanted, given = Counter[str](), Counter[str]()
    for (a, b), count in pairs.items():
        wanted[a] += count
        given[b] += count
    total, right = pairs.total(), sum(count for (a, b), count in pairs.items() if a == b)
    both = sum(wanted[name] * given[name] for name in wanted)
    spread = (total**2 - sum(count**2 for count in given.values())) * (
        total**2 - sum(count**2 for count in wanted.values())
    )
    return (right * total - both) / math.sqrt(spread) if spread else 0.0


def _table(pairs: Counter[tuple[str, str]]) -> dict[str, Any]:
    """accuracy, per_label, confusions and support of counted (gold, guess) pairs."""
    wanted, given = Counter[str](), Counter[str]()
    for (a, b), count in pairs.items():
        wanted[a] += count
        given[b] += count
    names = sorted({*wanted, *given} - {""})
    wrong = sorted(((a, b, count) for (a, b), count in pairs.items() if a != b), key=lambda c: (-c[2], c[0], c[1]))
    return {
        "accuracy": ratio(sum(pairs[name, name] for name in names), wanted.total()),
        "per_label": {name: prf(pairs[name, name], given[name], wanted[name]) for name in names},
        "confusions": [list(entry) for entry in wrong[:_SHOWN]],
        "support": wanted.total(),
    }


def score(
    gold: Sequence[Labels],
    guess: Sequence[Labels],
    words: Sequence[Sequence[str]] | None = None,
    seen: Callable[[str], bool] | None = None,
) -> dict[str, Any]:
    """Scores of labels. Raises ValueError where a row's lengths differ. Words whose gold label is ``_`` do not count.

    Keys: accuracy, interval (95 %, bootstrap over rows), macro_f1 (over labels), per_tag, confusions (gold, guess,
    count; the most frequent first), rows, tokens, support, signature; with ``words`` and ``seen`` (did this word
    stand in the training rows?) also accuracy_known, accuracy_unknown and unknown (share of the words).
    """
    pairs: Counter[tuple[str, str]] = Counter()
    known, new = [0, 0], [0, 0]  # right, all
    for number, (right, said) in enumerate(zip(gold, guess, strict=True)):
        if len(right) != len(said):
            raise ValueError(f"row {number + 1}: {len(said)} labels for {len(right)} words")
        pairs.update((a, b) for a, b in zip(right, said, strict=True) if a != NONE)
        if words is not None and seen is not None:
            for word, a, b in zip(words[number], right, said, strict=True):
                group = known if seen(word) else new
                group[0] += a == b and a != NONE
                group[1] += a != NONE
    table = _table(pairs)
    per_tag = table.pop("per_label")
    low, high = significance.interval(row_counts(gold, guess), accuracy_of)
    result: dict[str, Any] = {
        **table,
        "interval": [low, high],
        "macro_f1": ratio(sum(entry["f1"] for entry in per_tag.values()), len(per_tag)),
        "per_tag": per_tag,
        "rows": len(gold),
        "tokens": sum(len(row) for row in gold),
        "signature": f"labels|unit:word|ci:95|boot:{significance.RESAMPLES}|seed:{significance.SEED}"
        f"|version:{nlpkit.__version__}",
    }
    if seen is not None and words is not None:
        result["accuracy_known"] = ratio(*known)
        result["accuracy_unknown"] = ratio(*new)
        result["unknown"] = ratio(new[1], table["support"])
    return result
