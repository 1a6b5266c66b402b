"""Beam search whose answers hold given words (Post and Vilar, 2018), one row at a time.

A hypothesis knows how much of which phrase it has written. At each step it may take its best pieces, or the next piece
of a phrase; the beam is shared out among hypotheses that have written different numbers of required pieces, and none
may end before all are written.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch

from nlpkit.config.decoding import Decoding
from nlpkit.engine.hypotheses import Hypothesis, Vocabulary, begun, limited, repeats, scored, together


@dataclass(frozen=True)
class _State:
    """What one hypothesis has written, and what it still must: the phrases left, and that which it is within."""

    written: tuple[int, ...]
    total: float
    left: tuple[tuple[int, ...], ...]
    within: tuple[int, ...] = ()
    at: int = 0  # pieces of that one written

    @property
    def wanting(self) -> int:
        """Required pieces still to be written."""
        return sum(map(len, self.left)) + len(self.within) - self.at

    def after(self, piece: int, chance: float) -> _State:
        """One more piece. Within a phrase its next piece goes on; another one breaks it off, and it is left to do."""
        made = replace(self, written=(*self.written, piece), total=self.total + chance)
        if self.within:
            if piece == self.within[self.at]:
                return made._on(made.within, made.at + 1)
            made = replace(made, left=(*made.left, made.within), within=(), at=0)
        for number, phrase in enumerate(made.left):
            if piece == phrase[0]:
                return replace(made, left=made.left[:number] + made.left[number + 1 :])._on(phrase, 1)
        return made

    def _on(self, phrase: tuple[int, ...], at: int) -> _State:
        return replace(self, within=phrase, at=at) if at < len(phrase) else replace(self, within=(), at=0)

    def next_pieces(self) -> list[int]:
        """Pieces that bring it on."""
        return [self.within[self.at]] if self.within else [phrase[0] for phrase in self.left]


def search(
    models: Sequence[Any],
    ids: torch.Tensor,
    mask: torch.Tensor,
    begin: list[int],
    limit: int,
    vocabulary: Vocabulary,
    decoding: Decoding,
    force: Sequence[Sequence[int]],
) -> list[Hypothesis]:
    """The best answers to one row, (1, source), that hold all phrases of ``force``; at least one.

    Where the limit comes first, what is missing is written at the end.
    """
    phrases = tuple(tuple(phrase) for phrase in force)
    wanted = sum(map(len, phrases))
    limit = max(limit, wanted + 2)
    beam = max(decoding.beam, wanted + 1)
    opened, tokens = begun(models, ids, mask, [begin], beam)
    states: list[_State | None] = [_State((), 0.0, phrases)] + [None] * (beam - 1)
    done: list[Hypothesis] = []
    for length in range(1, limit + 1):
        chances = limited(together(opened, tokens), vocabulary, length, decoding)
        if decoding.no_repeat_ngram:
            for at, state in enumerate(states):
                if state is not None:
                    chances[at, repeats(state.written, decoding.no_repeat_ngram)] = -math.inf
        best = chances.topk(min(beam + 1, chances.shape[1]))
        offered: dict[tuple[int, ...], tuple[_State, int]] = {}
        for at, state in enumerate(states):
            if state is None:
                continue
            hurry = state.wanting >= limit - length
            pieces = [] if hurry and state.wanting else best.indices[at].tolist()
            for piece in dict.fromkeys([*pieces, *state.next_pieces()]):
                chance = float(chances[at, piece])
                if piece == vocabulary.end:
                    if not state.wanting and math.isfinite(chance):
                        done.append((list(state.written), scored(state.total + chance, length, decoding)))
                elif math.isfinite(chance):
                    made = state.after(piece, chance)
                    offered.setdefault(made.written, (made, at))
        kept = _shared(list(offered.values()), beam)
        if not kept or (len(done) >= decoding.beam and _over(done, kept, length, decoding)):
            break
        states = [*(state for state, _ in kept), *[None] * (beam - len(kept))]
        parents = [at for _, at in kept] + [0] * (beam - len(kept))
        tokens = torch.tensor([state.written[-1] if state else vocabulary.end for state in states], device=ids.device)
        for one in opened:
            one.select(torch.tensor(parents, device=ids.device), None)
    else:
        done += [
            (list(state.written), scored(state.total, limit, decoding))
            for state in states
            if state is not None and not state.wanting
        ]
    return sorted(done, key=lambda entry: -entry[1])


def _over(done: list[Hypothesis], kept: list[tuple[_State, int]], length: int, decoding: Decoding) -> bool:
    """Whether no hypothesis that goes on scores better than those that are done."""
    least = sorted(score for _, score in done)[-decoding.beam]
    return all(scored(state.total, length, decoding) <= least for state, _ in kept)


def _shared(offered: list[tuple[_State, int]], beam: int) -> list[tuple[_State, int]]:
    """The beam shared out: each number of pieces still wanted has a place in turn, the best of it first."""
    banks: dict[int, list[tuple[_State, int]]] = {}
    for entry in sorted(offered, key=lambda entry: -entry[0].total):
        banks.setdefault(entry[0].wanting, []).append(entry)
    kept: list[tuple[_State, int]] = []
    while len(kept) < beam and banks:
        for wanting in sorted(banks):
            if len(kept) < beam:
                kept.append(banks[wanting].pop(0))
            if not banks[wanting]:
                del banks[wanting]
    return kept
