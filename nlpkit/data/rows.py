"""The only currency between file, task and file."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from nlpkit.errors import InputError


@dataclass(frozen=True, slots=True)
class TokenRow:
    """A sentence of tokens, with a tag for each or None where untagged.

    ``text`` and ``offsets`` are the raw text and the (start, end) of each token in it, where known.
    ``line`` is the line of the first token in its file (0 when it has none) and ``lines`` those of all tokens, where
    each has its own; ``extra`` is kept for the writer. A model fills in ``tags``, the probability of each (``scores``,
    where it knows them) and, when asked, the best tag sequences with their probabilities (``others``). ``raw`` rows
    came as text without words: the tokens are nlpkit's own cut, which a model may replace by a better one.
    """

    id: str
    tokens: Sequence[str]
    tags: Sequence[str] | None = None
    lang: str = ""
    extra: dict[str, str] = field(default_factory=dict)
    text: str | None = None
    offsets: Sequence[tuple[int, int]] | None = None
    line: int = 0
    scores: Sequence[float] | None = None
    lines: Sequence[int] = ()
    others: Sequence[tuple[Sequence[str], float]] = ()
    raw: bool = False

    def with_tags(self, tags: Sequence[str]) -> TokenRow:
        return replace(self, tags=tuple(tags))

    def with_scores(self, scores: Sequence[float]) -> TokenRow:
        return replace(self, scores=tuple(scores))


@dataclass(frozen=True, slots=True)
class TextRow:
    """A text with its labels: one, for a multi-label task any number, or None where unlabeled.

    ``text_b`` is the second text of a pair; ``line`` is the text's line in its file; ``extra`` holds the other columns.
    A model fills in ``labels``, the probability of each (``scores``) and, when asked, the best labels with their
    probabilities (``others``, best first). ``tokens`` and ``tags`` show it as what works on any kind of row wants it.
    """

    id: str
    text: str
    labels: Sequence[str] | None = None
    lang: str = ""
    extra: dict[str, str] = field(default_factory=dict)
    line: int = 0
    scores: Sequence[float] | None = None
    others: Sequence[tuple[str, float]] = ()
    text_b: str | None = None

    @property
    def tokens(self) -> Sequence[str]:
        return f"{self.text} {self.text_b or ''}".split()

    @property
    def whole(self) -> str:
        """The text, with the second one of a pair behind a separator."""
        return self.text if self.text_b is None else f"{self.text} {SEPARATOR} {self.text_b}"

    @property
    def tags(self) -> Sequence[str] | None:
        return self.labels

    @property
    def label(self) -> str | None:
        """The first label, where there is one."""
        return self.labels[0] if self.labels else None

    @property
    def score(self) -> float | None:
        """The probability of the first label, where it is known."""
        return self.scores[0] if self.scores else None

    def with_tags(self, tags: Sequence[str]) -> TextRow:
        return replace(self, labels=tuple(tags))

    def with_scores(self, scores: Sequence[float]) -> TextRow:
        return replace(self, scores=tuple(scores))


@dataclass(frozen=True, slots=True)
class PairRow:
    """A text and what it is to become: its translation, its pronunciation; None where that is not known.

    ``references`` are other right answers beside ``target``; ``lang`` is the language of ``text``; ``line`` is the
    pair's line in its file; ``extra`` holds the other columns. A model fills in ``target``, its ``score`` (mean
    log-probability a piece, or what the length penalty makes of the sum) and, when asked, the best answers with their
    scores (``others``, best first). ``tokens`` and ``tags`` show it as what works on any kind of row wants it.
    """

    id: str
    text: str
    target: str | None = None
    lang: str = ""
    target_lang: str = ""
    extra: dict[str, str] = field(default_factory=dict)
    line: int = 0
    references: Sequence[str] = ()
    score: float | None = None
    others: Sequence[tuple[str, float]] = ()

    @property
    def tokens(self) -> Sequence[str]:
        return self.text.split()

    @property
    def whole(self) -> str:
        return self.text

    @property
    def tags(self) -> Sequence[str] | None:
        """All right answers."""
        return None if self.target is None else (self.target, *self.references)


JSON = "\0json"  # the key of ``extra`` for what a JSON row holds besides; no column of a table can be called so
BAR = "|"  # between the labels of a text, in a table
SEPARATOR = "</s>"  # between the texts of a pair


Row = Any  # a TokenRow, a TextRow or a PairRow; the task knows which


def control(label: str) -> bool:
    """Whether a label holds a control character, which no table, picture or page can show."""
    return any(ord(char) < 32 or 127 <= ord(char) < 160 for char in label)


def surface(row: TokenRow) -> tuple[str, Sequence[tuple[int, int]]]:
    """The row's text and the offsets of its tokens; tokens joined by blanks where no text is known."""
    if row.text is not None and row.offsets is not None:
        return row.text, row.offsets
    offsets = []
    start = 0
    for token in row.tokens:
        offsets.append((start, start + len(token)))
        start += len(token) + 1
    return " ".join(row.tokens), offsets


def refuse(row: Row, texts: Iterable[str], signs: str, name: str) -> None:
    """Raise InputError where one of ``texts`` is empty or holds one of ``signs``: the format ``name`` would break."""
    for text in texts:
        if not text or any(sign in text for sign in signs):
            what = f"holds a sign that {name} cannot hold" if text else f"is empty, which {name} cannot hold"
            raise InputError(f"row {row.id}: {text!r} {what}", "use --to jsonl")
