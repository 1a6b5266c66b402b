"""From probabilities to labels: a temperature that makes them true, thresholds that make macro F1 good."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from nlpkit.metrics.significance import Array

_LEAST = 30  # texts to learn from
_TINY = 1e-12
_WIDEST = 1.5  # how far a label's log-probability may be moved


@dataclass(frozen=True, slots=True)
class Decision:
    """How probabilities become labels.

    ``temperature`` divides log-probabilities, or log-odds where a text has any number of labels (Guo et al., 2017);
    to the latter ``bias`` is added. ``shift`` is added to each label's before the best is taken; with any number of
    labels those above 0 are given. The probabilities told are those before the shift.
    """

    temperature: float = 1.0
    shift: tuple[float, ...] = ()
    bias: tuple[float, ...] = ()

    def chances(self, raw: Array, *, multi_label: bool) -> Array:
        """(texts, labels) probabilities at the temperature, from raw ones."""
        import numpy as np

        if self.temperature == 1.0 and not self.bias:
            return raw
        found = _logs(raw, multi_label) / self.temperature
        if multi_label:
            return 1 / (1 + np.exp(-(found + np.array(self.bias or 0.0))))
        found = np.exp(found - found.max(1, keepdims=True))
        return found / found.sum(1, keepdims=True)

    def given(self, chances: Array, *, multi_label: bool) -> Array:
        """(texts, labels) True for the labels given."""
        import numpy as np

        found = _logs(chances, multi_label)
        if self.shift:
            found = found + np.array(self.shift)
        if multi_label:
            return found > 0
        return np.arange(found.shape[1]) == found.argmax(1)[:, None]

    def as_dict(self) -> dict[str, Any]:
        return {"temperature": self.temperature, "shift": list(self.shift), "bias": list(self.bias)}

    @classmethod
    def from_dict(cls, facts: dict[str, Any], labels: int) -> Decision:
        """What ``as_dict`` gave. Raises ValueError, TypeError or KeyError for what no decision on ``labels`` can be."""
        numbers = [facts["temperature"], *facts["shift"], *facts.get("bias", ())]
        if not all(math.isfinite(float(number)) for number in numbers) or float(numbers[0]) <= 0:
            raise ValueError("a number that is none")
        if any(len(part) not in (0, labels) for part in (facts["shift"], facts.get("bias", ()))):
            raise ValueError("not as many numbers as labels")
        return cls(float(facts["temperature"]), tuple(facts["shift"]), tuple(facts.get("bias", ())))


def _logs(chances: Array, multi_label: bool) -> Array:
    """Log-probabilities, or log-odds of any number of labels."""
    import numpy as np

    kept = np.clip(chances, _TINY, 1 - _TINY) if multi_label else np.maximum(chances, _TINY)
    return np.log(kept) - np.log1p(-kept) if multi_label else np.log(kept)


def learn(chances: Array, wanted: Array, *, multi_label: bool, shifts: bool) -> Decision:
    """The decision for raw (texts, labels) probabilities of texts whose labels ``wanted`` (0 or 1) are known.

    Temperature and bias have the least cross-entropy. Shifts (where ``shifts``) have the best macro F1; those of one
    label a text are no larger than 1.5. Fewer than 30 texts teach nothing.
    """
    import numpy as np

    if len(chances) < _LEAST:
        return Decision()
    logs = _logs(chances, multi_label)
    truth = wanted > 0
    # Platt's (1999) smoothed targets: answers that are all right do not make a model endlessly sure
    doubt = 1 / (len(logs) + 2)
    target = np.where(truth, 1 - doubt, doubt / (1 if multi_label else max(1, logs.shape[1] - 1)))

    bias = np.zeros(logs.shape[1])

    def loss(log_temperature: float) -> float:
        scaled = logs / np.exp(log_temperature) + bias
        if multi_label:
            return _yes_or_no(scaled, target)
        total = np.logaddexp.reduce(scaled, axis=1)
        return float((total - (scaled * target).sum(1)).mean())

    temperature = 1.0
    for _ in range(4 if multi_label else 1):
        temperature = round(float(np.exp(_least(loss, -3.0, 3.0))), 4)
        for label in range(len(bias) if multi_label else 0):
            bias[label] = _bias(logs[:, label] / temperature, target[:, label])
    told = tuple(bias.tolist()) if multi_label else ()
    scaled = logs / temperature + bias
    if not multi_label:
        scaled = scaled - np.logaddexp.reduce(scaled, axis=1)[:, None]
    if not shifts:
        return Decision(temperature, bias=told)
    found = _thresholds(scaled, truth) if multi_label else _offsets(scaled, truth)
    return Decision(temperature, tuple(round(float(value), 4) for value in found), told)


def _bias(logits: Array, target: Array) -> float:
    """What is best added to the log-odds of one label."""
    return round(_least(lambda moved: _yes_or_no(logits + moved, target), -5.0, 5.0), 4)


def _yes_or_no(logits: Array, target: Array) -> float:
    """Mean cross-entropy of decisions from their log-odds."""
    import numpy as np

    return float((np.logaddexp(0, logits) - target * logits).mean())


def _least(loss: Any, low: float, high: float) -> float:
    """Where a function with one valley is least, by golden section (Kiefer, 1953)."""
    ratio = (5**0.5 - 1) / 2
    for _ in range(40):
        a, b = high - ratio * (high - low), low + ratio * (high - low)
        if loss(a) < loss(b):
            high = b
        else:
            low = a
    return (low + high) / 2


def _thresholds(logs: Array, truth: Array) -> Array:
    """For each label the shift of the best F1: a threshold half way between two texts, smoothed over its neighbors."""
    import numpy as np

    found = np.zeros(logs.shape[1])
    for label in range(logs.shape[1]):
        order = np.argsort(-logs[:, label])
        good = np.cumsum(truth[order, label])
        total = truth[:, label].sum()
        if not total:
            continue
        f1 = 2 * good / (np.arange(1, len(order) + 1) + total)
        width = max(1, len(order) // 100)  # a single lucky text is no reason for a threshold
        smooth = np.convolve(np.pad(f1, width, mode="edge"), np.ones(2 * width + 1) / (2 * width + 1), "valid")
        at = int(smooth.argmax())
        after = min(at + 1, len(order) - 1)
        found[label] = -(logs[order[at], label] + logs[order[after], label]) / 2
    return found


def _offsets(logs: Array, truth: Array) -> Array:
    """Shifts of all labels by coordinate ascent on macro F1."""
    import numpy as np

    gold = truth.argmax(1)
    size = logs.shape[1]
    found = np.zeros(size)

    def macro(shift: Array) -> float:
        said = (logs + shift).argmax(1)
        good = np.bincount(gold[gold == said], minlength=size)
        both = np.bincount(gold, minlength=size) + np.bincount(said, minlength=size)
        there = np.bincount(gold, minlength=size) > 0
        return float((2 * good[there] / both[there]).mean())

    best = macro(found)
    for step in (0.25, 0.1, 0.05):
        for _ in range(2):
            for label in range(size if size > 2 else 1):
                for moved in (-3, -2, -1, 1, 2, 3):
                    tried = found.copy()
                    tried[label] = np.clip(tried[label] + moved * step, -_WIDEST, _WIDEST)
                    if (value := macro(tried)) > best + 1e-9:
                        best, found = value, tried
    return found


def reliability(scores: Sequence[float], right: Sequence[bool], bins: int = 10) -> list[tuple[float, float, int]]:
    """(mean probability, share that is right, answers) of each even bin that holds answers."""
    groups: list[list[tuple[float, bool]]] = [[] for _ in range(bins)]
    for score, good in zip(scores, right, strict=True):
        groups[min(bins - 1, int(score * bins))].append((score, good))
    return [
        (sum(score for score, _ in group) / len(group), sum(good for _, good in group) / len(group), len(group))
        for group in groups
        if group
    ]
