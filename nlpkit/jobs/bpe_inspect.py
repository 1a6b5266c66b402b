"""How a tokenizer cuts a word, step by step; and how byte-pair encoding learns, on a small corpus."""

from __future__ import annotations

import heapq
import itertools
import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from nlpkit.errors import InputError
from nlpkit.jobs.bpe_stats import described, encoded, unknown_id

END = "</w>"
_UNKNOWN_COST = 10.0  # of unigram models: an unknown character is so much worse than the worst piece
_RUNNERS_UP = 4
_MOST_LETTERS = 1000


@dataclass(frozen=True, slots=True)
class Part:
    """What the pre-tokenizer leaves of a word, and how the model comes from it to pieces.

    ``kind`` says how, and what ``steps`` hold: ``merges`` {rank, merge, pieces}, the first without a merge; ``match``
    {left, piece}, of WordPiece; ``scores`` {pieces, scores, score}, of unigram, the best segmentation first; they are
    empty for ``whole``, ``added``, ``long`` and ``unknown``.
    """

    text: str
    kind: str
    steps: list[dict[str, Any]]
    pieces: list[str]


class Inspector:
    """Shows how the tokenizer of a folder cuts words."""

    def __init__(self, name: str) -> None:
        from nlpkit.engine.subword_coding import load, pairs

        self.name, self.raw = name, load(name)
        self.data = json.loads(self.raw.to_str())
        self.pieces, self._shown = described(self.raw, self.data)
        self.model = self.data["model"]
        self.algorithm = str(self.model["type"])
        unknown = unknown_id(self.data, self.raw)
        self._unknown = self.pieces[unknown] if unknown >= 0 else None
        added = [entry for entry in self.data["added_tokens"] if not entry["special"]]
        self._added = re.compile("|".join(map(_pattern, added))) if added else None
        ways = {"BPE": self._bpe, "WordPiece": self._wordpiece, "Unigram": self._unigram, "WordLevel": self._whole}
        self._way = ways[self.algorithm]
        known = self.model["vocab"]
        self._known: dict[str, Any] = known if isinstance(known, dict) else dict(known)
        self._ranks = {pair: at for at, pair in enumerate(pairs(self.model), 1)} if "merges" in self.model else {}

    def __call__(self, word: str) -> dict[str, Any]:
        """word, algorithm, parts (see Part), pieces: a list with ``piece``, ``id`` and ``text``; ``same``.

        ``same`` is False where the tokenizer, whose pieces these are, does not come to those of the steps.
        """
        if len(word) > _MOST_LETTERS:
            raise InputError(f"a word of {len(word)} characters is too long to show", f"at most {_MOST_LETTERS}")
        parts = list(self._parts(word))
        ids = encoded(self.raw, self.name, [word])[0].ids
        found = [{"piece": self.pieces[at], "id": at, "text": self._shown[at]} for at in ids]
        same = [piece for part in parts for piece in part.pieces] == [self.pieces[at] for at in ids]
        return {
            "word": word,
            "algorithm": self.algorithm,
            "parts": [{"text": one.text, "kind": one.kind, "steps": one.steps, "pieces": one.pieces} for one in parts],
            "pieces": found,
            "same": same,
        }

    def _parts(self, word: str) -> Iterator[Part]:
        at = 0
        for match in self._added.finditer(word) if self._added is not None else ():
            yield from self._cut(word[at : match.start()])
            yield Part(match[0].strip(), "added", [], [match[0].strip()])
            at = match.end()
        yield from self._cut(word[at:])

    def _cut(self, text: str) -> Iterator[Part]:
        if not text:
            return
        if self.raw.normalizer is not None:
            text = self.raw.normalizer.normalize_str(text)
        cut = self.raw.pre_tokenizer
        for part, _ in cut.pre_tokenize_str(text) if cut is not None else [(text, None)]:
            yield self._way(part)

    # -- the algorithms, as the library has them

    def _bpe(self, text: str) -> Part:
        """Merges, the first learned first; at equal ranks from the left (Sennrich et al., 2016)."""
        if self.model.get("ignore_merges") and text in self._known:
            return Part(text, "whole", [], [text])
        prefix = self.model["continuing_subword_prefix"] or ""
        parts = self._symbols(text)
        steps: list[dict[str, Any]] = [{"pieces": list(parts)}]
        while True:
            known = (
                (self._ranks[pair], at) for at, pair in enumerate(itertools.pairwise(parts)) if pair in self._ranks
            )
            best = min(known, default=None)
            if best is None:
                return Part(text, "merges", steps, parts)
            rank, at = best
            pair = parts[at : at + 2]
            parts[at : at + 2] = [pair[0] + pair[1].removeprefix(prefix)]
            steps.append({"rank": rank, "merge": pair, "pieces": list(parts)})

    def _symbols(self, text: str) -> list[str]:
        """The pieces that merging begins with: characters, bytes of those that are none, or the unknown piece."""
        model = self.model
        prefix, suffix = model["continuing_subword_prefix"] or "", model["end_of_word_suffix"] or ""
        found: list[str] = []
        fused = False
        for at, char in enumerate(text):
            symbol = (prefix if at else "") + char + (suffix if at == len(text) - 1 else "")
            unknown = False
            if symbol in self._known:
                found.append(symbol)
            elif model["byte_fallback"] and (codes := self._bytes(symbol)):
                found += codes
            elif self._unknown is not None:
                unknown = True
                if not (fused and model["fuse_unk"]):
                    found.append(self._unknown)
            fused = unknown
        return found

    def _bytes(self, text: str) -> list[str]:
        codes = [f"<0x{byte:02X}>" for byte in text.encode()]
        return codes if all(code in self._known for code in codes) else []

    def _wordpiece(self, text: str) -> Part:
        """The longest piece that what is left begins with, again and again; without one the word is unknown."""
        unknown = [self._unknown or ""]
        if len(text) > self.model["max_input_chars_per_word"]:
            return Part(text, "long", [], unknown)
        steps: list[dict[str, Any]] = []
        at = 0
        while at < len(text):
            sign = self.model["continuing_subword_prefix"] if at else ""
            ends = range(len(text), at, -1)
            end = next((end for end in ends if sign + text[at:end] in self._known), None)
            piece = None if end is None else sign + text[at:end]
            steps.append({"left": sign + text[at:], "piece": piece})
            if end is None:
                return Part(text, "match", steps, unknown)
            at = end
        return Part(text, "match", steps, [step["piece"] for step in steps])

    def _unigram(self, text: str) -> Part:
        """The segmentations with the highest sums of log-probabilities (Kudo, 2018)."""
        worst = min(self._known.values(), default=0.0) - _UNKNOWN_COST
        steps: list[dict[str, Any]] = []
        for score, pieces in segmentations(text, self._known, worst, 1 + _RUNNERS_UP):
            scores = [self._known.get(piece, worst) for piece in pieces]
            steps.append({"pieces": list(pieces), "scores": scores, "score": score})
        return Part(text, "scores", steps, self._named(steps[0]["pieces"]) if steps else [])

    def _named(self, pieces: Sequence[str]) -> list[str]:
        """With bytes, or one unknown piece, in the place of neighboring unknown characters."""
        found: list[str] = []
        for known, run in itertools.groupby(pieces, key=self._known.__contains__):
            if known:
                found += run
                continue
            text = "".join(run)
            codes = self._bytes(text) if self.model.get("byte_fallback") else []
            found += codes or ([self._unknown] if self._unknown is not None else [])
        return found

    def _whole(self, text: str) -> Part:
        known = text in self._known
        return Part(text, "whole" if known else "unknown", [], [text if known else self._unknown or ""])


def _pattern(entry: Mapping[str, Any]) -> str:
    """An added token, with the blanks about it that are its own."""
    before, after = (r"\s*" if entry[side] else "" for side in ("lstrip", "rstrip"))
    return before + re.escape(str(entry["content"])) + after


def segmentations(
    text: str, scores: Mapping[str, float], unknown: float, number: int
) -> list[tuple[float, tuple[str, ...]]]:
    """(score, pieces) of the best ``number`` of all ways to cut a text, the best first.

    The score of a way is the sum of its pieces'. A character that is no piece costs ``unknown``.
    """
    longest = max(map(len, scores), default=1)
    best: list[list[tuple[float, tuple[str, ...]]]] = [[(0.0, ())]]
    for end in range(1, len(text) + 1):
        ways: list[tuple[float, tuple[str, ...]]] = []
        for start in range(max(0, end - longest), end):
            piece = text[start:end]
            if piece in scores or end - start == 1:
                more = scores.get(piece, unknown)
                ways += [(score + more, (*pieces, piece)) for score, pieces in best[start]]
        best.append(heapq.nlargest(number, ways, key=lambda way: way[0]))
    return best[-1]


# -- learning, as it is taught


@dataclass(frozen=True, slots=True)
class Learning:
    """A step: pairs and how often they are seen, the most frequent first; the merged one; the words after it.

    ``tied`` are other pairs seen as often; ``words`` has the symbols of each word.
    """

    pairs: list[tuple[tuple[str, str], int]]
    merge: tuple[str, str]
    tied: list[tuple[str, str]]
    words: dict[str, tuple[str, ...]]


def symbols(words: Mapping[str, int]) -> dict[str, tuple[str, ...]]:
    """Each word as its characters and ``</w>``."""
    return {word: (*word, END) for word in words}


def learn(words: Mapping[str, int], merges: int, least: int = 2) -> Iterator[Learning]:
    """Byte-pair encoding (Sennrich et al., 2016, algorithm 1) of counted words; a step a merge.

    Of pairs seen equally often the one whose first, then second, symbol is older is merged: characters in the order
    of Unicode, then what was merged, in the order of merges. Ends where no pair is seen ``least`` times.
    """
    corpus = symbols(words)
    every = sorted({symbol for found in corpus.values() for symbol in found})
    ages = {symbol: age for age, symbol in enumerate(every)}
    for _ in range(merges):
        counts: Counter[tuple[str, str]] = Counter()
        for word, found in corpus.items():
            for pair in itertools.pairwise(found):
                counts[pair] += words[word]
        ranked = sorted(counts, key=lambda pair: (-counts[pair], ages[pair[0]], ages[pair[1]]))
        if not ranked or counts[ranked[0]] < least:
            return
        best = ranked[0]
        ages.setdefault("".join(best), len(ages))
        corpus = {word: merged(found, best) for word, found in corpus.items()}
        tied = [pair for pair in ranked[1:] if counts[pair] == counts[best]]
        yield Learning([(pair, counts[pair]) for pair in ranked], best, tied, corpus)


def merged(found: Sequence[str], pair: tuple[str, str]) -> tuple[str, ...]:
    """The symbols with the pair, wherever it stands, as one; from the left."""
    new: list[str] = []
    at = 0
    while at < len(found):
        size = 2 if tuple(found[at : at + 2]) == pair else 1
        new.append("".join(found[at : at + size]))
        at += size
    return tuple(new)
