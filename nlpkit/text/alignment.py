"""Which word of a sentence stands for which of its translation: a small statistical aligner.

IBM model 1 (Brown et al., 1993) with a prior that prefers the diagonal, as fast_align has it (Dyer et al., 2013),
learned both ways and joined by grow-diag (Och and Ney, 2003). Of the maintained aligners one is under the GPL and must
be compiled (eflomal), the others need pretrained weights; this one needs numpy and scipy.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

Array = Any
Words = Sequence[str]
Links = list[tuple[int, int]]
_TENSION, _NULL = 4.0, 0.08  # as fast_align begins
_FLOOR, _LEAST = 1e-9, 1e-5
_ALPHA, _TOLD = 0.01, 1.0  # pseudo-counts of a pair of words, and of one that a lexicon has


@dataclass
class Direction:
    """Probabilities of target words given source words, and of a target word that no source word stands for."""

    table: dict[tuple[str, str], float] = field(default_factory=dict)
    null: dict[str, float] = field(default_factory=dict)

    def best(self, source: Words, target: Words) -> list[int | None]:
        """For each target word the place of its source word, or None."""
        found: list[int | None] = []
        size, others = len(source), len(target)
        for at, word in enumerate(target):
            prior = _prior(at, others, size)
            chances = [self.table.get((own, word), _FLOOR) * chance for own, chance in zip(source, prior, strict=True)]
            best = max(range(size), key=chances.__getitem__) if size else None
            empty = self.null.get(word, _FLOOR) * _NULL
            found.append(None if best is None or chances[best] < empty else best)
        return found


def _prior(at: int, others: int, size: int) -> list[float]:
    """(size) chances of the places of a source for the target word ``at``, 1 - _NULL together."""
    place = (at + 1) / others
    raw = [math.exp(-_TENSION * abs(place - (number + 1) / size)) for number in range(size)]
    total = sum(raw) or 1.0
    return [(1 - _NULL) * value / total for value in raw]


def learn(
    pairs: Sequence[tuple[Words, Words]],
    iterations: int = 5,
    known: Callable[[str, str], bool] = lambda source, target: False,
) -> Direction:
    """Learn one direction from (source, target) words of sentences; ``known`` tells of pairs that a lexicon has.

    By variational Bayes (Riley and Gildea, 2012), which keeps rare words from standing for all that is left over.
    """
    import numpy as np
    from scipy.special import digamma

    sources: dict[str, int] = {"": 0}  # 0 is no word
    targets: dict[str, int] = {}
    mine: list[Array] = []
    yours: list[Array] = []
    priors: list[Array] = []
    slots: list[Array] = []
    slot = 0
    for source, target in pairs:
        if not source or not target:
            continue
        ids = np.array([0, *(sources.setdefault(word, len(sources)) for word in source)])
        others = np.array([targets.setdefault(word, len(targets)) for word in target])
        size, count = len(source), len(target)
        places = np.abs((np.arange(count)[:, None] + 1) / count - (np.arange(size)[None] + 1) / size)
        prior = np.exp(-_TENSION * places)
        prior *= (1 - _NULL) / prior.sum(1, keepdims=True)
        mine.append(np.tile(ids, count))
        yours.append(np.repeat(others, size + 1))
        priors.append(np.concatenate([np.full((count, 1), _NULL), prior], 1).ravel())
        slots.append(np.repeat(np.arange(slot, slot + count), size + 1))
        slot += count
    if not mine:
        return Direction()
    keys = np.concatenate(mine) * len(targets) + np.concatenate(yours)
    cells, entry = np.unique(keys, return_inverse=True)
    prior, place = np.concatenate(priors), np.concatenate(slots)
    owner = cells // len(targets)
    own, other = list(sources), list(targets)
    told = np.array([known(own[key // len(targets)], other[key % len(targets)]) for key in cells.tolist()])
    pseudo = _ALPHA + _TOLD * told
    totals = np.bincount(owner, pseudo, len(sources))
    chance = np.where(told, 1.0, 0.03)
    for _ in range(iterations):
        expected = chance[entry] * prior
        expected /= np.bincount(place, expected, slot)[place]
        counts = np.bincount(entry, expected, len(cells))
        chance = np.exp(digamma(counts + pseudo) - digamma(np.bincount(owner, counts, len(sources)) + totals)[owner])
    result = Direction()
    for key, value in zip(cells.tolist(), chance.tolist(), strict=True):
        source, target = own[key // len(targets)], other[key % len(targets)]
        if not source:
            result.null[target] = value
        elif value > _LEAST:
            result.table[source, target] = value
    return result


@dataclass
class Aligner:
    """Both directions."""

    forward: Direction
    backward: Direction

    @classmethod
    def learn(
        cls,
        pairs: Sequence[tuple[Words, Words]],
        iterations: int = 5,
        known: Callable[[str, str], bool] = lambda source, target: False,
    ) -> Aligner:
        turned = [(target, source) for source, target in pairs]
        return cls(learn(pairs, iterations, known), learn(turned, iterations, lambda a, b: known(b, a)))

    def links(self, source: Words, target: Words) -> Links:
        """(place in source, place in target) of words that stand for each other, in order."""
        one = {(i, j) for j, i in enumerate(self.forward.best(source, target)) if i is not None}
        other = {(i, j) for i, j in enumerate(self.backward.best(target, source)) if j is not None}
        return grow_diagonal(one, other)


_NEAR = ((-1, 0), (0, -1), (1, 0), (0, 1), (-1, -1), (-1, 1), (1, -1), (1, 1))


def grow_diagonal(one: set[tuple[int, int]], other: set[tuple[int, int]]) -> Links:
    """The links of both directions, and those of either that touch them and bring in a word that has none."""
    found, union = one & other, one | other
    grown = True
    while grown:
        grown = False
        rows, columns = {i for i, _ in found}, {j for _, j in found}
        for i, j in sorted(found):
            for down, right in _NEAR:
                new = (i + down, j + right)
                if new in union and new not in found and (new[0] not in rows or new[1] not in columns):
                    found.add(new)
                    rows.add(new[0])
                    columns.add(new[1])
                    grown = True
    return sorted(found)


def pharaoh(text: str) -> Links:
    """``0-0 1-2`` -> [(0, 0), (1, 2)]. Raises ValueError for anything else."""
    links = []
    for part in text.split():
        left, sign, right = part.partition("-")
        if not (sign and left.isdecimal() and right.isdecimal()):
            raise ValueError(f"`{part}` is no link such as 0-1")
        links.append((int(left), int(right)))
    return links
