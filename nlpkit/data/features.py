"""Rows as numbers: what passes between a task, which knows words, and the engine, which knows tensors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

IGNORE = -100


@dataclass(slots=True)
class Feature:
    """One window of one row, as numbers.

    ``ids`` are sub-word ids with special tokens; ``labels`` has a label id where a word of this window begins and
    IGNORE elsewhere (None when there is nothing to learn from); ``places`` are the positions of those words'
    first sub-words and ``words`` the numbers of the words in the row. Every word is in exactly one window's ``words``.
    """

    row: int
    ids: list[int]
    labels: list[int] | None
    places: list[int]
    words: list[int]


@dataclass(slots=True)
class Output:
    """What a model says of one feature: a label id and its probability for each of the feature's ``words``."""

    labels: list[int]
    scores: list[float]


class Pieces(Protocol):
    """A tokenizer as tasks see it (``engine.bundle.Tokenizer``)."""

    prefix: list[int]
    suffix: list[int]

    def pieces(self, rows: Sequence[Sequence[str]]) -> list[list[list[int]]]:
        """Sub-word ids of every word of every row; at least one a word."""
        ...
