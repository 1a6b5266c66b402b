"""How people type Hindi in Latin letters, learned from what they typed.

A typist is consistent: who writes ``nahin`` writes ``vah`` and ``hain``, another ``nhi``, ``wo`` and ``hai``. So a
text is taken as written by one of a few hidden typists, found by expectation maximisation over sentences: a mixture
of multinomials (Nigam et al. 2000, "Text classification from labeled and unlabeled documents using EM"), where the
choice of a word counts less than its spelling. Words nobody typed are spelled unit by unit: spellings are aligned
with the units of ``letters``, and chunks are counted in contexts that back off to shorter ones.
"""

from __future__ import annotations

import gzip
import json
import math
import random
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from nlpkit.errors import InputError
from nlpkit.text.romanize.letters import NASALS, SIGNS, VOWELS, letter, plain_form, units

Sentence = Sequence[tuple[str, str]]
TYPISTS, ROUNDS, STARTS = 8, 12, 3
TEMPER = 0.3  # how much a word chosen, beside its spelling, tells of the typist
TO_ALL = 1.0  # spellings of all typists, counted as so many of each one's own
TO_SHARE = 50.0  # the same for how often a typist uses a word
RULE, SHORTER = 4.0, 5.0  # weight of the rule and of the shorter context, in spellings seen
LONGEST = 3  # Latin letters of one unit
# what a unit is also written with: where the alignment starts
ALSO = {
    "a+": "u e", "ा": "aa", "ी": "ee e", "ि": "e", "ू": "oo", "े": "ey ei", "ै": "e ei a", "ौ": "o ou", "ं": "n m",
    "व": "w", "छ": "ch h", "च": "c", "फ": "f", "ज": "z", "ज़": "j", "श": "s", "ष": "s", "त": "th", "द": "dh", "ट": "th",
    "ख": "k", "आ": "a", "ई": "i ye yi", "ए": "ye", "क": "c q", "ड़": "r", "ढ़": "rh d", "ओ": "yo",
}  # fmt: skip
_OMITTED = {"a+", "ं", "ँ", "य"}


class Spellings:
    """What typists wrote for each word, and a model of what they would write for others.

    ``words`` maps a Devanagari word (``letters.plain_form``) to its spellings, cut in chunks by ``|``, and each
    spelling to how often each typist is expected to have written it; ``shares`` counts the sentences of each typist.
    """

    def __init__(self, words: dict[str, dict[str, list[float]]], shares: list[float]) -> None:
        self.words, self.shares = words, shares
        everyone = range(len(shares))
        total = [1e-9 + sum(row[k] for spelt in words.values() for row in spelt.values()) for k in everyone]
        self._typed: dict[str, dict[str, list[float]]] = {}
        self._tells: dict[str, list[float]] = {}
        for word, spelt in words.items():
            uses = [sum(row[k] for row in spelt.values()) for k in everyone]
            share = sum(uses) / sum(total)
            self._tells[word] = [
                TEMPER * math.log((uses[k] + TO_SHARE * share) / (total[k] + TO_SHARE) / share) for k in everyone
            ]
            self._typed[word] = {
                chunks.replace("|", ""): [
                    (row[k] + TO_ALL * sum(row) / sum(uses)) / (uses[k] + TO_ALL) for k in everyone
                ]
                for chunks, row in sorted(spelt.items())
            }
        self._prior = [math.log(share + 1) for share in shares]
        self._chunks: list[dict[tuple[str, ...], Counter[str]]] | None = None
        self._guessed: dict[str, list[tuple[str, float]]] = {}

    @classmethod
    def learn(
        cls, sentences: Iterable[Sentence], typists: int = TYPISTS, starts: int = STARTS, seed: int = 0
    ) -> Spellings:
        """Learn from sentences of (Devanagari word, how it was typed); a sentence must be one person's.

        The search is started anew ``starts`` times, and the typists of all are kept side by side.
        """
        rows = [[(plain_form(word), typed.lower()) for word, typed in sentence] for sentence in sentences]
        rows = [row for row in rows if row]
        if not rows:
            raise InputError("no spellings to learn from", hint="give sentences of (word, spelling)")
        draw = random.Random(seed)
        found = []
        for _ in range(starts if typists > 1 else 1):
            beliefs = [_normal([math.log(draw.random() + 0.2) for _ in range(typists)]) for _ in rows]
            learned = cls._counted(rows, beliefs)
            for _ in range(ROUNDS if typists > 1 else 0):
                beliefs = [learned._typist_of(row) for row in rows]
                learned = cls._counted(rows, beliefs)
            found.append(learned)
        cut = _aligned([(word, spelling) for word, spelt in found[0].words.items() for spelling in spelt])
        words = {
            word: {
                cut[word, spelling]: [round(value, 2) for one in found for value in one.words[word][spelling]]
                for spelling in spelt
            }
            for word, spelt in found[0].words.items()
        }
        return cls(words, [round(share, 2) for one in found for share in one.shares])

    @classmethod
    def from_counts(cls, triples: Iterable[tuple[str, str, int]]) -> Spellings:
        """Learn from (Devanagari word, spelling, count): all by one typist."""
        return cls.learn(([(word, typed)] for word, typed, count in triples for _ in range(count)), typists=1)

    @classmethod
    def _counted(cls, rows: list[list[tuple[str, str]]], beliefs: list[list[float]]) -> Spellings:
        words: dict[str, dict[str, list[float]]] = {}
        for row, belief in zip(rows, beliefs, strict=True):
            for word, typed in row:
                counts = words.setdefault(word, {}).setdefault(typed, [0.0] * len(belief))
                for k, value in enumerate(belief):
                    counts[k] += value
        return cls(words, [sum(column) for column in zip(*beliefs, strict=True)])

    @classmethod
    def load(cls, path: Path) -> Spellings:
        """Read what ``save`` wrote."""
        try:
            read: dict[str, Any] = json.loads(gzip.decompress(path.read_bytes()))
            return cls(read["words"], read["shares"])
        except (OSError, EOFError, ValueError, KeyError) as error:
            raise InputError(f"`{path}` holds no spellings: {error}", hint="write them with `Spellings.save`") from None

    def save(self, path: Path) -> None:
        """Write gzipped JSON; the same spellings give the same bytes."""
        whole = {"shares": self.shares, "words": dict(sorted(self.words.items()))}
        lines = json.dumps(whole, ensure_ascii=False, separators=(",", ":")).replace("},", "},\n").replace(".0,", ",")
        path.write_bytes(gzip.compress(lines.encode(), mtime=0))

    def __contains__(self, word: str) -> bool:
        return plain_form(word) in self._typed

    def _typist_of(self, row: Sentence) -> list[float]:
        """How probable each typist is, given words and their spellings."""
        logs = list(self._prior)
        for word, typed in row:
            odds = self._typed[word][typed]
            logs = [a + b + math.log(c) for a, b, c in zip(logs, self._tells[word], odds, strict=True)]
        return _normal(logs)

    def typists(self, words: Iterable[str]) -> list[float]:
        """How probable each typist is, given Devanagari words alone."""
        logs = self._prior
        for word in words:
            tells = self._tells.get(word)
            if tells is not None:
                logs = [a + b for a, b in zip(logs, tells, strict=True)]
        return _normal(logs)

    def spell(self, words: Sequence[str], rng: random.Random | None = None) -> list[str]:
        """The most probable spelling of each word of one text; with ``rng``, drawn: one typist, then each spelling."""
        words = [plain_form(word) for word in words]
        belief = self.typists(words)
        if rng is not None:
            typist = rng.choices(range(len(belief)), belief)[0]
            belief = [float(k == typist) for k in range(len(belief))]
        written = []
        for word in words:
            typed = self._typed.get(word)
            if typed is not None and len(typed) == 1:
                written.append(next(iter(typed)))
                continue
            choices = self._weighed(typed, belief) if typed is not None else self._guess(word)
            if rng is None:
                written.append(max(choices, key=_chance)[0])
            else:
                written.append(rng.choices([text for text, _ in choices], [chance for _, chance in choices])[0])
        return written

    def variants(self, word: str, n: int = 5) -> list[tuple[str, float]]:
        """The ``n`` most probable spellings of a word on its own, with their probabilities."""
        word = plain_form(word)
        typed = self._typed.get(word)
        choices = self._guess(word) if typed is None else self._weighed(typed, self.typists([word]))
        return sorted(choices, key=lambda choice: (-choice[1], choice[0]))[:n]

    @staticmethod
    def _weighed(typed: dict[str, list[float]], belief: list[float]) -> list[tuple[str, float]]:
        return [(text, sum(map(float.__mul__, odds, belief))) for text, odds in typed.items()]

    def _guess(self, word: str) -> list[tuple[str, float]]:
        """Spellings of a word that nobody typed, best first."""
        known = self._guessed.get(word)
        if known is not None:
            return known
        found = units(word)
        beam = [(1.0, "", "")]
        for at in range(len(found)):
            grown: dict[tuple[str, str], float] = defaultdict(float)
            for chance, text, last in beam:
                for chunk, value in self._chunk(found, at, last):
                    grown[text + chunk, chunk] += chance * value
            beam = sorted(((p, text, last) for (text, last), p in grown.items()), key=lambda h: (-h[0], *h[1:]))[:20]
        whole: dict[str, float] = defaultdict(float)
        for chance, text, _ in beam:
            whole[text] += chance
        mass = sum(whole.values())
        best = [(text, p / mass) for text, p in sorted(whole.items(), key=lambda item: (-item[1], item[0])) if text]
        if len(self._guessed) >= 1 << 17:
            self._guessed.clear()
        self._guessed[word] = best or [(word, 1.0)]
        return self._guessed[word]

    def _chunk(self, word: list[str], at: int, last: str) -> list[tuple[str, float]]:
        """What unit ``at`` is written with, from the rule to ever longer contexts (a constant weight for each)."""
        if self._chunks is None:
            self._chunks = self._count_chunks()
        odds = {letter(word, at): 1.0}
        weight = RULE
        for counts, key in zip(self._chunks, _contexts(word, at, last), strict=True):
            seen = counts.get(key)
            if seen is not None:
                total = seen.total() + weight
                odds = {
                    chunk: (seen[chunk] + weight * odds.get(chunk, 0.0)) / total for chunk in sorted({*odds, *seen})
                }
            weight = SHORTER
        return sorted((item for item in odds.items() if item[1] > 1e-3), key=lambda item: (-item[1], item[0]))[:8]

    def _count_chunks(self) -> list[dict[tuple[str, ...], Counter[str]]]:
        counts: list[dict[tuple[str, ...], Counter[str]]] = [defaultdict(Counter) for _ in range(5)]
        for word, spelt in self.words.items():
            found = units(word)
            for spelling in spelt:
                chunks = spelling.split("|")
                if len(chunks) == len(found):
                    for at, chunk in enumerate(chunks):
                        for level, key in zip(counts, _contexts(found, at, chunks[at - 1] if at else ""), strict=True):
                            level[key][chunk] += 1
        return [dict(level) for level in counts]


def _chance(choice: tuple[str, float]) -> float:
    return choice[1]


def _normal(logs: list[float]) -> list[float]:
    """Logarithms to probabilities."""
    top = max(logs)
    odds = [math.exp(value - top) for value in logs]
    total = sum(odds)
    return [value / total for value in odds]


def _kind(unit: str) -> str:
    if unit in NASALS:
        return "N"
    return "V" if unit in SIGNS or unit in VOWELS or unit[0] == "a" else "#" if unit == "#" else "C"


def _contexts(word: list[str], at: int, last: str) -> list[tuple[str, ...]]:
    """Keys from short to long: the unit; its place; the chunk before; neighbours; neighbours' neighbours."""
    before2, before, unit, after, after2 = (
        word[place] if 0 <= place < len(word) else "#" for place in range(at - 2, at + 3)
    )
    end = len(word) - 1 - at
    place = "^" if at == 0 else "$" if end == 0 else "p" if end == 1 else "-"
    kind = _kind(after)
    near = (unit, before, last, after)
    return [(unit,), (unit, place, kind), (unit, last, place, kind), near, (*near, after2, before2)]


def _distance(a: str, b: str) -> int:
    row = list(range(len(b) + 1))
    for i, x in enumerate(a, 1):
        above, row[0] = row[0], i
        for j, y in enumerate(b, 1):
            above, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, above + (x != y))
    return row[-1]


@lru_cache(maxsize=1 << 16)
def _likeness(unit: str, rule: str, chunk: str) -> float:
    """How well a chunk would spell a unit, as a logarithm, before anything is learned."""
    if chunk == rule:
        return 0.0
    if chunk in ALSO.get(unit, "").split() or (not chunk and unit in _OMITTED) or (unit == "a-" and chunk == "a"):
        return -1.0
    return -2.5 - 1.2 * _distance(rule, chunk)


def _align(
    word: list[str], text: str, counts: dict[str, Counter[str]], totals: dict[str, int], sure: bool
) -> list[str] | None:
    """The best cut of ``text`` in chunks of up to ``LONGEST`` letters, one a unit; None where it fits badly."""
    ends: list[dict[int, tuple[float, int]]] = [{0: (0.0, 0)}]
    for at, unit in enumerate(word):
        rule = letter(word, at)
        reached: dict[int, tuple[float, int]] = {}
        for start, (score, _) in ends[-1].items():
            for end in range(start, min(start + LONGEST, len(text)) + 1):
                chunk = text[start:end]
                value = _likeness(unit, rule, chunk)
                if sure:
                    value = math.log((counts[unit][chunk] + 2 * math.exp(value)) / (totals[unit] + 4))
                if end not in reached or score + value > reached[end][0]:
                    reached[end] = (score + value, start)
        ends.append(reached)
    end = len(text)
    if end not in ends[-1] or ends[-1][end][0] <= -3 * len(word) - 3:
        return None
    chunks = []
    for reached in reversed(ends[1:]):
        start = reached[end][1]
        chunks.append(text[start:end])
        end = start
    return chunks[::-1]


def _aligned(pairs: list[tuple[str, str]]) -> dict[tuple[str, str], str]:
    """Each spelling cut with ``|``; whole where it does not fit the word. Three rounds of hard counts."""
    cut = {word: units(word) for word, _ in pairs}
    found: dict[tuple[str, str], list[str] | None] = {}
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    for turn in range(3):
        totals = defaultdict(int, {unit: seen.total() for unit, seen in counts.items()})
        found = {pair: _align(cut[pair[0]], pair[1], counts, totals, turn > 0) for pair in pairs}
        counts = defaultdict(Counter)
        for (word, _), chunks in found.items():
            for unit, chunk in zip(cut[word], chunks or (), strict=False):
                counts[unit][chunk] += 1
    return {pair: pair[1] if chunks is None else "|".join(chunks) for pair, chunks in found.items()}


@lru_cache(maxsize=1)
def shipped() -> Spellings:
    """The spellings that come with the package; see ``assets/romanize/README.md``."""
    return Spellings.load(Path(__file__).parents[2] / "assets" / "romanize" / "hin.json.gz")
