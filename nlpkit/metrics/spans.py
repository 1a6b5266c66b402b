"""Precision, recall and F1 of entities: exact match of type and both ends (Tjong Kim Sang and De Meulder, 2003).

Strict IOB2 is the figure reported (equal to seqeval with ``mode="strict", scheme=IOB2``); the lenient one of
conlleval, where an I- may open an entity, stands beside it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import nlpkit
from nlpkit.metrics import significance
from nlpkit.metrics.significance import Array
from nlpkit.text.spans import Span, to_spans

Tags = Sequence[str]


def f1_of(totals: Array) -> Array:
    """F1 from totals (n, 3): correct, predicted, gold. Zero where there is nothing to find and nothing found."""
    import numpy as np

    correct, predicted, gold = totals[:, 0], totals[:, 1], totals[:, 2]
    return np.divide(2 * correct, predicted + gold, out=np.zeros(len(totals)), where=predicted + gold > 0)


def ratio(part: float, whole: float) -> float:
    return part / whole if whole else 0.0


def prf(correct: int, predicted: int, gold: int) -> dict[str, float]:
    """Precision, recall, F1 and the number of gold entities."""
    return {
        "precision": ratio(correct, predicted),
        "recall": ratio(correct, gold),
        "f1": ratio(2 * correct, predicted + gold),
        "support": gold,
    }


def row_counts(gold: Sequence[Tags], guess: Sequence[Tags], *, strict: bool = True) -> Array:
    """(rows, 3) counts of correct, predicted and gold entities."""
    import numpy as np

    counts: Array = np.zeros((len(gold), 3), dtype=np.int64)
    for number, (right, said) in enumerate(zip(gold, guess, strict=True)):
        a, b = set(to_spans(right, strict=strict)), set(to_spans(said, strict=strict))
        counts[number] = len(a & b), len(b), len(a)
    return counts


def score(gold: Sequence[Tags], guess: Sequence[Tags]) -> dict[str, Any]:
    """Scores of IOB2 tags. Raises ValueError where a row's lengths differ.

    Keys: f1 precision recall (micro, strict), interval (95 %, bootstrap over rows), macro_f1, lenient_f1,
    accuracy (tokens), per_type, support, rows, tokens, signature.
    """
    correct, predicted, wanted = Counter[str](), Counter[str](), Counter[str]()
    right_tokens = tokens = 0
    for number, (right, said) in enumerate(zip(gold, guess, strict=True)):
        if len(right) != len(said):
            raise ValueError(f"row {number + 1}: {len(said)} tags for {len(right)} tokens")
        a: set[Span] = set(to_spans(right))
        b: set[Span] = set(to_spans(said))
        correct.update(span.label for span in a & b)
        predicted.update(span.label for span in b)
        wanted.update(span.label for span in a)
        right_tokens += sum(x == y for x, y in zip(right, said, strict=True))
        tokens += len(right)
    types = sorted(set(wanted) | set(predicted))
    per_type = {name: prf(correct[name], predicted[name], wanted[name]) for name in types}
    counts = row_counts(gold, guess)
    lenient = row_counts(gold, guess, strict=False).sum(0)
    low, high = significance.interval(counts, f1_of)
    return {
        **prf(correct.total(), predicted.total(), wanted.total()),
        "interval": [low, high],
        "macro_f1": ratio(sum(entry["f1"] for entry in per_type.values()), len(per_type)),
        "lenient_f1": prf(*(int(value) for value in lenient))["f1"],
        "accuracy": ratio(right_tokens, tokens),
        "per_type": per_type,
        "rows": len(gold),
        "tokens": tokens,
        "signature": f"spans|scheme:IOB2|mode:strict|avg:micro|ci:95|boot:{significance.RESAMPLES}"
        f"|seed:{significance.SEED}|version:{nlpkit.__version__}",
    }
