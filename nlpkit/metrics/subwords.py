"""How the pieces of a vocabulary fit texts, language by language.

A word is what stands between white space. Nothing here raises, and no figure is infinite or undefined: what empty or
short texts have is said with each.
"""

from __future__ import annotations

import heapq
import math
import re
import zlib
from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import nlpkit

ALPHA = 2.5
MEAN = "mean"  # in the place of a reference language: that of all languages of a line
_MOST = 400_000  # languages of parallel lines that are kept
_WORD = re.compile(r"\S+")


def fertility(pieces: int, words: int) -> float:
    """Pieces a word (Rust et al., 2021), 1 or more where every word has a piece; 0 where there is no word."""
    return _share(pieces, words)


def renyi_efficiency(counts: Iterable[int], size: int, alpha: float = ALPHA) -> float:
    """Rényi entropy of the pieces over the most that it can be (Zouhar et al., 2023): H / ln ``size``, 0 to 1.

    H = ln(sum p^alpha) / (1 - alpha), of Shannon where alpha is 1. ``counts`` holds how often each piece was seen,
    ``size`` is how many there are. 0 where one piece has all, there is none, or ``size`` is below 2.
    """
    seen = [count for count in counts if count > 0]
    total = sum(seen)
    if not total or size < 2:
        return 0.0
    if alpha == 1:
        entropy = -math.fsum(count / total * math.log(count / total) for count in seen)
    else:
        entropy = math.log(math.fsum((count / total) ** alpha for count in seen)) / (1 - alpha)
    return min(1.0, max(0.0, entropy / math.log(size)))


def gini(values: Iterable[float]) -> float:
    """Gini coefficient: sum |a - b| over all pairs of values / (2 n sum), 0 (all equal) to (n - 1) / n.

    Of the pieces that languages need for the same lines (Foroutan et al., 2025). 0 where there is none, or all are 0.
    """
    ordered = sorted(values)
    number = len(ordered)
    return _share(math.fsum((2 * at - number + 1) * value for at, value in enumerate(ordered)), number * sum(ordered))


def whole_words(words: Iterable[tuple[int, int]], piece_ends: Sequence[int]) -> list[int]:
    """The places, among the pieces, of those that are a word by themselves.

    Of the word's pieces are those that end in it, or with the blank right before it; more blanks are of no word.
    ``words`` are (start, end) in characters, and so is where each piece ends.
    """
    places = ((bisect_left(piece_ends, start), bisect_right(piece_ends, end)) for start, end in words)
    return [first for first, after in places if after - first == 1]


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """``size`` pieces that texts can have; the id of the unknown one, or -1; ids of those of one character or less."""

    size: int
    unknown: int = -1
    single: frozenset[int] = frozenset()


@dataclass(slots=True)
class Tally:
    """Texts and their pieces, counted one by one; what is kept does not grow with their number."""

    lines: int = 0
    words: int = 0
    whole: int = 0
    characters: int = 0
    counts: Counter[int] = field(default_factory=Counter)

    def add(self, text: str, ids: Sequence[int], ends: Sequence[int], unknown: int = -1) -> None:
        """Count a text, its pieces and where in it they end. A word that is unknown is not whole."""
        words = [match.span() for match in _WORD.finditer(text)]
        self.lines += 1
        self.words += len(words)
        self.whole += sum(ids[at] != unknown for at in whole_words(words, ends))
        self.characters += len(text)
        self.counts.update(ids)

    def figures(self, vocabulary: Vocabulary) -> dict[str, Any]:
        """What all texts are like; of no text all figures are 0.

        lines, words, characters (with blanks), pieces; fertility (pieces a word); characters_per_piece; shares:
        unknown and single (of one character or less) of the pieces, whole (of one piece, known) of the words; renyi
        (efficiency); used (how many different pieces).
        """
        pieces = self.counts.total()
        return {
            "lines": self.lines,
            "words": self.words,
            "characters": self.characters,
            "pieces": pieces,
            "fertility": fertility(pieces, self.words),
            "characters_per_piece": _share(self.characters, pieces),
            "unknown": _share(self.counts.get(vocabulary.unknown, 0), pieces),
            "single": _share(sum(self.counts.get(at, 0) for at in vocabulary.single), pieces),
            "whole": _share(self.whole, self.words),
            "renyi": renyi_efficiency(self.counts.values(), vocabulary.size),
            "used": len(self.counts),
        }


def total(tallies: Iterable[Tally]) -> Tally:
    """All of them as one."""
    found = Tally()
    for one in tallies:
        found.lines += one.lines
        found.words += one.words
        found.whole += one.whole
        found.characters += one.characters
        found.counts.update(one.counts)
    return found


class Parallel:
    """How many pieces lines have that say the same in several languages; such lines have one id.

    Of more than ``most`` lines (each counted in each of its languages) those stay whose ids have the least hash: the
    same in all languages, whatever order they come in.
    """

    def __init__(self, most: int = _MOST) -> None:
        self._most, self._size = most, 0
        self._lines: dict[str, dict[str, list[int]]] = {}  # id, language: texts, and pieces by each tokenizer
        self._heap: list[tuple[int, str]] = []  # ids by hash, the largest first
        self._limit: tuple[int, str] | None = None  # ids up to here are dropped

    def add(self, ident: str, lang: str, pieces: Sequence[int]) -> None:
        """Count a text, whose pieces are so many by each tokenizer."""
        rank = (-zlib.crc32(ident.encode("utf-8", "surrogatepass")), ident)
        if self._limit is not None and rank <= self._limit:
            return
        if ident not in self._lines:
            self._lines[ident] = {}
            heapq.heappush(self._heap, rank)
        line = self._lines[ident]
        if lang not in line:
            self._size += 1
        line[lang] = [a + b for a, b in zip(line.get(lang, [0] * (len(pieces) + 1)), [1, *pieces], strict=True)]
        while self._size > self._most:
            self._limit = heapq.heappop(self._heap)
            self._size -= len(self._lines.pop(self._limit[1]))

    @property
    def dropped(self) -> bool:
        """Whether there were too many lines to keep all."""
        return self._limit is not None

    def __len__(self) -> int:
        """Lines that are kept and stand in two languages or more."""
        return sum(len(line) > 1 for line in self._lines.values())

    def parity(self, reference: str, tokenizer: int = 0) -> dict[str, float]:
        """Pieces of each language / pieces of ``reference``, or of the mean of languages, on the lines of both.

        Above 1: it needs more (Petrov et al., 2023). Where a line has several texts in a language, their mean counts.
        Languages that share no line with the reference, or one without pieces, are not there.
        """
        ours: dict[str, float] = {}
        theirs: dict[str, float] = {}
        for line in self._lines.values():
            means = {lang: counts[tokenizer + 1] / counts[0] for lang, counts in line.items()}
            if len(means) < 2 or (reference != MEAN and reference not in means):
                continue
            wanted = sum(means.values()) / len(means) if reference == MEAN else means[reference]
            for lang, mean in means.items():
                ours[lang] = ours.get(lang, 0.0) + mean
                theirs[lang] = theirs.get(lang, 0.0) + wanted
        return {lang: ours[lang] / theirs[lang] for lang in sorted(ours) if theirs[lang]}


def signature(reference: str | None) -> str:
    """What the figures are, in one line."""
    parity = f"parity:pieces by those of {reference} on lines with one id|gini:of parity to the mean|"
    return (
        "subwords|words:white space|fertility:pieces by words|chars:with blanks, by pieces|"
        f"{parity if reference else ''}single:one character or less|whole:words of one known piece|"
        f"renyi:alpha {ALPHA} by the vocabulary|marks:not counted|version:{nlpkit.__version__}"
    )


def _share(part: float, whole: float) -> float:
    return part / whole if whole > 0 else 0.0
