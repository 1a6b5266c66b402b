"""Scores of one label a word: accuracy, precision, recall and F1 of each label, confusions."""

from __future__ import annotations

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
    wanted, given = Counter[str](), Counter[str]()
    for (a, b), count in pairs.items():
        wanted[a] += count
        given[b] += count
    per_tag = {name: prf(pairs[name, name], given[name], wanted[name]) for name in sorted({*wanted, *given})}
    low, high = significance.interval(row_counts(gold, guess), accuracy_of)
    wrong = sorted(((a, b, count) for (a, b), count in pairs.items() if a != b), key=lambda c: (-c[2], c[0], c[1]))
    result: dict[str, Any] = {
        "accuracy": ratio(sum(pairs[name, name] for name in per_tag), wanted.total()),
        "interval": [low, high],
        "macro_f1": ratio(sum(entry["f1"] for entry in per_tag.values()), len(per_tag)),
        "per_tag": per_tag,
        "confusions": [list(found) for found in wrong[:_SHOWN]],
        "support": wanted.total(),
        "rows": len(gold),
        "tokens": sum(len(row) for row in gold),
        "signature": f"labels|unit:word|ci:95|boot:{significance.RESAMPLES}|seed:{significance.SEED}"
        f"|version:{nlpkit.__version__}",
    }
    if seen is not None and words is not None:
        result["accuracy_known"] = ratio(*known)
        result["accuracy_unknown"] = ratio(*new)
        result["unknown"] = ratio(new[1], wanted.total())
    return result
