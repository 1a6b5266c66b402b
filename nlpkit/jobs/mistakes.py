"""The rows that a model got wrong though it was most sure of them, to be looked at."""

from __future__ import annotations

import difflib
import math
import statistics
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from nlpkit.data.rows import PairRow, Row, TokenRow
from nlpkit.metrics import translation

_AROUND = 6  # words shown on either side of a wrong one


@dataclass(frozen=True)
class Mistake:
    """A row with the right answer, the same with the wrong one, and how probable the model took that, if known."""

    gold: Row
    guess: Row
    sure: float | None

    @property
    def wrong(self) -> list[int]:
        """Of a tagged sentence the places of the words that are wrong."""
        pairs = zip(self.gold.tags or (), self.guess.tags or (), strict=True)
        return [at for at, (right, said) in enumerate(pairs) if right != said]


def worst(gold: Sequence[Row], guess: Sequence[Row], most: int) -> list[Mistake]:
    """At most so many mistakes, the surest first; those of unknown probability as they come.

    Of texts that a model has written, where hardly one equals its reference, only the half that is least like it
    (sentence chrF) counts as wrong.
    """
    if gold and isinstance(gold[0], PairRow):
        found = list(_written(gold, guess))
    else:
        found = list(_labeled(gold, guess))
    return sorted(found, key=lambda mistake: -1.0 if mistake.sure is None else mistake.sure, reverse=True)[:most]


def _labeled(gold: Sequence[Row], guess: Sequence[Row]) -> Iterator[Mistake]:
    for right, said in zip(gold, guess, strict=True):
        if tuple(right.tags or ()) == tuple(said.tags or ()):
            continue
        scores: Sequence[float] = said.scores or ()
        if isinstance(right, TokenRow):
            tags = zip(right.tags or (), said.tags or (), strict=True)
            scores = [scores[at] for at, (a, b) in enumerate(tags) if a != b] if scores else ()
        yield Mistake(right, said, max(scores, default=None))


def _written(gold: Sequence[PairRow], guess: Sequence[PairRow]) -> Iterator[Mistake]:
    alike = translation.chrf_of(
        translation.chrf_counts([row.target or "" for row in guess], [row.tags or ("",) for row in gold])
    )
    middle = statistics.median(alike)
    for right, said, value in zip(gold, guess, alike, strict=True):
        if value <= middle and said.target not in (right.tags or ()):
            yield Mistake(right, said, None if said.score is None else min(1.0, math.exp(said.score)))


def lines(mistake: Mistake) -> Iterator[str]:
    """A mistake as text: where it stands and how sure the model was, then what it said and what was right."""
    gold, guess = mistake.gold, mistake.guess
    sure = "" if mistake.sure is None else f"  {mistake.sure:.2f}"
    yield f"row {gold.id}" + (f" (line {gold.line})" if gold.line else "") + sure
    if isinstance(gold, TokenRow):
        yield "  " + " ".join(_marked(mistake))
        return
    yield f"  {' '.join(gold.whole.split())}"
    if isinstance(gold, PairRow):
        yield f"  said   {' '.join((guess.target or '').split())}"
        yield f"  right  {' '.join((gold.target or '').split())}"
    else:
        yield f"  said   {', '.join(guess.labels or ()) or 'none'}"
        yield f"  right  {', '.join(gold.labels or ()) or 'none'}"


def _marked(mistake: Mistake) -> Iterator[str]:
    """The words about those that are wrong, which stand as ``[word: said, not right]``."""
    gold, guess, wrong = mistake.gold, mistake.guess, mistake.wrong
    near = {at for place in wrong for at in range(place - _AROUND, place + _AROUND + 1)}
    before = True
    for at, token in enumerate(gold.tokens):
        if at in near:
            yield f"[{token}: {guess.tags[at]}, not {gold.tags[at]}]" if at in wrong else token
        elif before:
            yield "..."
        before = at in near


def changes(said: str, right: str) -> list[tuple[str, str]]:
    """The words of two texts in order: (``same``, ``said`` or ``right``, words), as a reader compares them."""
    a, b = said.split(), right.split()
    found: list[tuple[str, str]] = []
    for kind, i, j, k, m in difflib.SequenceMatcher(None, a, b, autojunk=False).get_opcodes():
        if kind == "equal":
            found.append(("same", " ".join(a[i:j])))
            continue
        found += [(name, " ".join(words)) for name, words in (("said", a[i:j]), ("right", b[k:m])) if words]
    return found
