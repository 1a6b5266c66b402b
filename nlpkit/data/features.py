"""Rows as numbers: what passes between a task, which knows words, and the engine, which knows tensors."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

IGNORE = -100


@dataclass(slots=True)
class Feature:
    """One window of one row, as numbers.

    ``ids`` are sub-word ids with special tokens; ``labels`` has a label id where a word of this window begins and
    IGNORE elsewhere (None when there is nothing to learn from); ``places`` are the positions of those words'
    first sub-words and ``words`` the numbers of the words in the row. Every word is in exactly one window's ``words``.
    ``shown`` is (start, end) in ``ids`` of all words of the window; ``words`` begin at its place ``first``.

    A window of a text with labels of its own has those in ``labels``, and ``types`` where a model tells the second text
    of a pair from the first (1 and 0, as BERT does). One of a pair has the ids of the target in ``labels``: what it
    begins with, the text, the end; without a target only what it begins with. ``before`` is what stands between the
    answer to the part before and that to this one.
    """

    row: int
    ids: list[int]
    labels: list[int] | None
    places: list[int]
    words: list[int]
    shown: list[tuple[int, int]]
    first: int
    types: list[int] | None = None
    before: str = ""


@dataclass(slots=True)
class Output:
    """What a model says of one feature: a label id and its probability for each of the feature's ``words``.

    ``scores`` is None where the model knows no probabilities. ``others`` are the next best label sequences of the
    whole window with their probabilities, best first, where they were asked for. ``unknown`` is the chance that none of
    the labels is right because the text is of a kind never learned, where the model can tell. ``logits`` are the scores
    of all labels of a text, before softmax or sigmoid. ``texts`` are answers that are texts, best
    first, with their scores.
    """

    labels: list[int]
    scores: list[float] | None
    others: list[tuple[list[int], float]] = field(default_factory=list)
    unknown: float = 0.0
    logits: Sequence[float] = ()
    texts: Sequence[tuple[str, float]] = ()


class WordTagger(Protocol):
    """A model that needs no sub-words: a linear CRF, a spaCy pipeline."""

    def tag_words(self, rows: Sequence[Sequence[str]], poll: Callable[[], None] = lambda: None) -> list[Output]:
        """An output for each row of words; ``poll`` is called between rows and may raise."""
        ...


class Pieces(Protocol):
    """A tokenizer as tasks see it (``engine.bundle.Tokenizer``)."""

    prefix: list[int]
    suffix: list[int]
    between: list[int]  # stands between the texts of a pair
    types: bool  # whether the second text of a pair has another type
    width: int  # numbers a sub-word

    def texts(self, texts: Sequence[str]) -> list[list[int]]:
        """The ids of whole texts, without what begins and ends them."""
        ...

    def pieces(self, rows: Sequence[Sequence[str]]) -> list[list[list[int]]]:
        """Sub-word ids of every word of every row; at least one a word."""
        ...


class PairPieces(Protocol):
    """The tokenizer of a model that writes texts, as tasks see it."""

    unknown: int | None  # the id of what has no piece

    def sources(self, texts: Sequence[str], tags: Sequence[str], langs: Sequence[str]) -> list[list[int]]:
        """Ids of texts as a model reads them, each behind its tag (none where that is empty)."""
        ...

    def targets(self, texts: Sequence[str], langs: Sequence[str]) -> list[list[int]]:
        """Ids of texts as a model learns to write them: what they begin with, the text, the end."""
        ...

    def begin(self, lang: str) -> list[int]:
        """What an answer in a language begins with."""
        ...
