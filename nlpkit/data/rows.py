"""The only currency between file, task and file."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

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


def refuse(row: TokenRow, texts: Iterable[str], signs: str, name: str) -> None:
    """Raise InputError where one of ``texts`` is empty or holds one of ``signs``: the format ``name`` would break."""
    for text in texts:
        if not text or any(sign in text for sign in signs):
            what = f"holds a sign that {name} cannot hold" if text else f"is empty, which {name} cannot hold"
            raise InputError(f"row {row.id}: {text!r} {what}", "use --to jsonl")
