"""Why a text has its label: the weights of a linear model, or what changes when a word is left out."""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace

from nlpkit.data.explanations import Explanation, Part
from nlpkit.data.rows import SEPARATOR, TextRow
from nlpkit.jobs.predict import Predictor
from nlpkit.tasks.classify import Classify
from nlpkit.text.tokens import words as words_of

_MOST = 200  # stretches of a text left out in turn; of a longer text several words are left out together
_KINDS = ("words", "chars")


def explain(rows: Iterable[TextRow], predictor: Predictor, poll: Callable[[], None]) -> Iterator[Explanation]:
    """An explanation of the first label of each row, in order.

    Weights are in log-odds of the label. A linear model's are its own terms, less the mean of what they add to the
    other labels: their sum is what the text adds to the model's prior. Of any other model a word's weight is the
    log-odds of the label less those without the word (occlusion; Zeiler and Fergus, 2014).
    """
    for row in rows:
        filled = next(iter(predictor([row], poll=poll)))
        if not filled.others:
            yield Explanation(row, None, 0.0, [], [])
            continue
        label, score = (filled.label, filled.score) if filled.label is not None else filled.others[0]
        label, score = str(label), float(score or 0.0)
        words, grams = (
            _linear(row, label, predictor)
            if hasattr(predictor.model, "explain")
            else (_left_out(row, label, score, predictor, poll), [])
        )
        yield Explanation(filled, label, score, words, grams)


def _linear(row: TextRow, label: str, predictor: Predictor) -> tuple[list[Part], list[tuple[str, str, float]]]:
    task = predictor.task
    assert isinstance(task, Classify)
    labels, several, temperature = task.labels, task.multi_label, task.decision.temperature
    number = labels.index(label)
    clean, offsets = predictor.model.words_of(row.whole)
    starts, at = [], 1
    for word in clean:
        starts.append(at)
        at += len(word) + 1
    joined = f" {' '.join(clean)} "
    weights = [0.0] * len(clean)
    grams: dict[tuple[int, str], float] = {}
    for group, start, end, added in predictor.model.explain(row.whole):
        others = 0.0 if several else (float(added.sum()) - float(added[number])) / max(1, len(labels) - 1)
        value = (float(added[number]) - others) / temperature
        key = (group, joined[start:end])
        grams[key] = grams.get(key, 0.0) + value
        # the words that the n-gram touches; it may begin at the blank before the first, and end at that behind the last
        own = range(max(0, bisect_right(starts, start + 1) - 1), bisect_left(starts, end))
        for word in own:
            weights[word] += value / len(own)
    whole = row.whole
    words = [Part(whole[a:b], a, b, weight) for (a, b), weight in zip(offsets, weights, strict=True)]
    order = sorted(grams.items(), key=lambda item: -abs(item[1]))
    return words, [(_KINDS[group], gram, value) for (group, gram), value in order]


def _left_out(row: TextRow, label: str, score: float, predictor: Predictor, poll: Callable[[], None]) -> list[Part]:
    whole = row.whole
    sides = [(0, row.text)] if row.text_b is None else [(0, row.text), (_shift(row), row.text_b)]
    offsets = [[(shift + start, shift + end) for start, end in words_of(text)] for shift, text in sides]
    size = -(-sum(map(len, offsets)) // _MOST) or 1
    stretches = [
        (side[at][0], side[min(at + size, len(side)) - 1][1]) for side in offsets for at in range(0, len(side), size)
    ]
    if len(stretches) < 2:  # nothing would be left
        return [Part(whole[a:b], a, b, 0.0) for a, b in stretches]
    without = [_without(row, start, end) for start, end in stretches]
    full = _log_odds(score)
    found = []
    for (start, end), filled in zip(stretches, predictor(without, poll=poll), strict=True):
        weight = full - _log_odds(dict(filled.others).get(label, 0.5))
        found.append(Part(whole[start:end], start, end, weight))
    return found


def _without(row: TextRow, start: int, end: int) -> TextRow:
    """The row without a stretch of its whole text."""
    shift = _shift(row)
    if row.text_b is None or end <= len(row.text):
        return replace(row, text=row.text[:start] + row.text[end:])
    return replace(row, text_b=row.text_b[: start - shift] + row.text_b[end - shift :])


def _shift(row: TextRow) -> int:
    """Where the second text of a pair begins in the whole."""
    return len(row.text) + len(SEPARATOR) + 2


def _log_odds(chance: float) -> float:
    kept = min(1 - 1e-9, max(1e-9, chance))
    return math.log(kept / (1 - kept))
