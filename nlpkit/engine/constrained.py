"""Beam search whose answers hold given words (Post and Vilar, 2018), one row at a time.

A hypothesis knows how much of which phrase it has written. At each step it may take its best pieces, or the next piece
of a phrase; the beam is shared out among hypotheses that have written different numbers of required pieces, and none
may end before all are written.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch

from nlpkit.config.decoding import Decoding
from nlpkit.engine.hypotheses import Hypothesis, Vocabulary, begun, limited, repeats, scored, together
from nlpkit.errors import InputError


@dataclass(frozen=True)
class _State:
    """What one hypothesis has written, and the phrases that do not stand in it yet."""

    written: tuple[int, ...]
    total: float
    left: tuple[tuple[int, ...], ...]

    @cached_property
    def begun(self) -> list[int]:
        """How much of each phrase left stands at the end."""
        return [
            next((size for size in range(len(phrase) - 1, 0, -1) if self.written[-size:] == phrase[:size]), 0)
            for phrase in self.left
        ]

    @cached_property
    def wanting(self) -> int:
        """Required pieces still to be written, at most."""
        return sum(map(len, self.left)) - max(self.begun, default=0)

    def after(self, piece: int, chance: float) -> _State:
        """One more piece."""
        written = (*self.written, piece)
        left = tuple(phrase for phrase in self.left if written[-len(phrase) :] != phrase)
        return _State(written, self.total + chance, left)

    def next_pieces(self) -> list[int]:
        """Pieces that bring it on."""
        return [phrase[size] for phrase, size in zip(self.left, self.begun, strict=True)]


def phrases(pieces: Any, texts: Sequence[str], longest: int) -> list[list[int]]:
    """The pieces of required words. Raises InputError for words that a model of ``longest`` pieces cannot write."""
    found = pieces.bare(texts)
    for text, ids in zip(texts, found, strict=True):
        if pieces.unknown in ids:
            raise InputError(f"the model cannot write `{text}`: it has no piece for some of it", "leave out --force")
    wanted = sum(map(len, found))
    if wanted and wanted + 2 > longest:  # an answer begins with two at most
        raise InputError(
            f"the required words are {wanted} pieces, the model writes {longest - 2} at most", "require fewer words"
        )
    return [ids for ids in found if ids]


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

    There is room for them even where the limit, of pieces with the end, is lower. What is required may be written even
    where it may not be chosen: in another script, or a second time.
    """
    wanted = sum(map(len, force))
    limit = max(limit, wanted + 1)
    beam = max(decoding.beam, wanted + 1)
    opened, tokens = begun(models, ids, mask, [begin], beam)
    states: list[_State | None] = [_State((), 0.0, tuple(map(tuple, force)))] + [None] * (beam - 1)
    done: list[Hypothesis] = []
    for length in range(1, limit + 1):
        free = together(opened, tokens)
        chances = limited(free, vocabulary, length, decoding, torch.full((beam,), length == limit, device=ids.device))
        if decoding.no_repeat_ngram:
            for at, state in enumerate(states):
                if state is not None:
                    chances[at, repeats(state.written, decoding.no_repeat_ngram)] = -math.inf
        best = chances.topk(min(beam + 1, chances.shape[1]))
        offered: dict[tuple[int, ...], tuple[_State, int]] = {}
        for at, state in enumerate(states):
            if state is None:
                continue
            required = state.next_pieces()
            for piece in dict.fromkeys([*best.indices[at].tolist(), *required]):
                chance = float((free if piece in required else chances)[at, piece])
                if piece == vocabulary.end:
                    if not state.wanting and math.isfinite(chance):
                        done.append((list(state.written), scored(state.total + chance, length, decoding)))
                elif math.isfinite(chance):
                    made = state.after(piece, chance)
                    if made.wanting < limit - length:  # else what is missing, and the end, would come too late
                        offered.setdefault(made.written, (made, at))
        kept = _shared(list(offered.values()), beam)
        if not kept or (len(done) >= decoding.beam and _over(done, kept, length, decoding)):
            break
        states = [*(state for state, _ in kept), *[None] * (beam - len(kept))]
        parents = [at for _, at in kept] + [0] * (beam - len(kept))
        tokens = torch.tensor([state.written[-1] if state else vocabulary.end for state in states], device=ids.device)
        for one in opened:
            one.select(torch.tensor(parents, device=ids.device), None)
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
