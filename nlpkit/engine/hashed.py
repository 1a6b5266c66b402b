"""Language identification by character n-grams and word frequencies. numpy alone: it starts in a moment.

Two readers of a text answer together. One embeds the hashed character 1-5-grams of its words and sums them (Joulin et
al., 2017); trained to tell the labels apart, it reads words that it never saw. The other holds how often each label
uses a word (as HeLI does; Jauhiainen et al., 2016), which carries over to other domains and short texts. The logit of
a label is

    V (sum of n-gram vectors) / sqrt(number of n-grams) + b + sum over words of log(1 + p(word | label) / epsilon)

Everything that a word adds is computed once and remembered. Weights are stored in 4 bits, frequencies in 15 levels.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np

from nlpkit.data.features import Output
from nlpkit.errors import InputError
from nlpkit.text.scripts import COMMON, script_of, written_with
from nlpkit.text.units import units_of

MODEL_TYPE = "nlpkit-ngrams"  # its name in config.json since the first shipped model
FILE = "model.safetensors"
EPSILON = 1e-5  # a word seen less often than this says little
ORDERS = 5
LABELS = 2047  # most labels: a label is stored in 11 bits
LEVELS = 15
_MOST_WORDS = 200_000  # remembered; memory stays bounded on a stream
_CHUNK = 256
_LONGEST = 20_000  # words of a text that are read
_MANY = 20_000  # texts after which compiling pays
_STEP = 0xFFFF  # a gap between two hashes that needs another number
_PRIME = np.uint64(0x9E3779B97F4A7C15)
_MIX = (np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB))
Array = Any


def _mixed(numbers: Array) -> Array:
    """Scramble 64-bit numbers (the finalizer of SplitMix64; Steele et al., 2014)."""
    numbers = (numbers ^ (numbers >> np.uint64(30))) * _MIX[0]
    numbers = (numbers ^ (numbers >> np.uint64(27))) * _MIX[1]
    return numbers ^ (numbers >> np.uint64(31))


def hashes(words: Sequence[str], buckets: int) -> tuple[Array, Array, Array]:
    """(bucket of each n-gram, number of n-grams of each word, 32-bit hash of each word).

    The n-grams of a word with its two edges, of 1 to 5 characters, stand one after the other. ``buckets`` is a power
    of two.
    """
    codes, lengths = _characters(words)
    codes = codes.astype(np.uint64)
    ends = np.cumsum(lengths)
    starts = ends - lengths
    left = np.repeat(ends, lengths) - np.arange(len(codes))  # characters from here to the end of the word
    inner = left > 1
    inner[starts] = False
    word = np.repeat(np.arange(len(words)), lengths)
    parts, owners = [], []
    rolling = np.zeros(len(codes), np.uint64)
    for size in range(1, ORDERS + 1):
        stop = len(codes) - size + 1
        if stop <= 0:
            break
        rolling = rolling[:stop] * _PRIME + (codes[size - 1 :] + np.uint64(1))
        whole = left[:stop] >= size if size > 1 else inner
        parts.append(_mixed(rolling[whole] + np.uint64(size)) & np.uint64(buckets - 1))
        owners.append(word[:stop][whole])
    owner = np.concatenate(owners)
    order = np.argsort(owner, kind="stable")
    place = np.arange(len(codes)) - np.repeat(starts, lengths)
    scrambled = _mixed(codes * _PRIME + place.astype(np.uint64) * _MIX[1])
    names = np.add.reduceat(scrambled, starts) >> np.uint64(32)
    found = np.concatenate(parts)[order].astype(np.int64)
    return found, np.bincount(owner, minlength=len(words)), names.astype(np.uint32)


def _characters(words: Sequence[str]) -> tuple[Array, Array]:
    """(the characters of all words with their edges, how many of each word)."""
    codes = np.frombuffer("".join(f"<{word}>" for word in words).encode("utf-32-le", "surrogatepass"), np.uint32)
    return codes, np.fromiter((len(word) + 2 for word in words), np.int64, len(words))


@dataclass(frozen=True, slots=True)
class Confidence:
    """How sure an answer is, from what was seen of the text: two logistic regressions on ``features``.

    ``right`` are the weights of the chance that the answer is right where the language was learned, ``known`` those of
    the chance that it was. A model without them gives its softmax.
    """

    right: tuple[float, ...]
    known: tuple[float, ...]

    @staticmethod
    def features(chance: Array, words: Array, grams: Array, known: Array, fits: Array) -> Array:
        """(texts, 9): bias, log-odds of the softmax, log of the length in words; the share of the n-grams that were
        kept less what is usual in the label, the shares of words that any label and that this label knows; the last
        three times the length."""
        odds = np.log(np.clip(chance, 1e-7, 1) / np.clip(1 - chance, 1e-7, 1))
        length = np.log1p(words)
        parts = [np.ones_like(odds), odds, length, grams, known, fits, grams * length, known * length, fits * length]
        return np.stack(parts, 1)

    def __call__(self, features: Array) -> tuple[Array, Array]:
        """(chance that the answer is right, chance that the language was learned) of each text."""
        right, known = (1 / (1 + np.exp(-np.clip(features @ np.array(w), -30, 30))) for w in (self.right, self.known))
        return right, known


class Hashed:
    """A trained identifier: texts in, labels and the chance that they are right out.

    ``data`` are the arrays of the file, see ``pack``; ``confidence`` is fitted once the rest is known.
    """

    def __init__(
        self, labels: Sequence[str], buckets: int, data: dict[str, Array], confidence: Confidence | None = None
    ) -> None:
        self.labels, self.buckets, self.confidence, self._data = list(labels), buckets, confidence, data
        kept = np.flatnonzero(np.unpackbits(data["kept"], count=buckets))
        self._where = np.full(buckets, -1, np.int32)
        self._where[kept] = np.arange(len(kept), dtype=np.int32)
        self._scale = data["scale"].astype(np.float32)
        self._packed = data["rows"]
        self._V, self._bias = data["V"].astype(np.float32), data["bias"]
        gaps, self._entries = data["gaps"], data["entries"]
        self._names = np.cumsum(gaps, dtype=np.uint32)[gaps < _STEP]
        self._first = np.concatenate([[0], np.flatnonzero(self._entries >= 1 << 15) + 1])
        self._levels = np.arange(LEVELS + 1) * (float(data["top"][0]) / LEVELS)
        if len(self._first) != len(self._names) + 1 or len(kept) != len(self._packed):
            raise ValueError("its parts do not fit")
        self._usual = data["usual"].astype(np.float64)
        self._number = {label: number for number, label in enumerate(self.labels)}
        written = [written_with(label.partition("_")[2]) if "_" in label else () for label in self.labels]
        self._scripts = sorted({script for letters in written for script in letters})
        self._script = {script: number for number, script in enumerate(self._scripts)}
        # labels whose script is not known may be written in any
        fits = [[not letters or script in letters for letters in written] for script in self._scripts]
        self._fits = np.array(fits, np.float32).reshape(len(self._scripts), len(self.labels))
        self._any = np.array([not letters for letters in written], bool)
        self._compiled: Any = None
        self._answered = 0
        self._forget()

    # -- what a word adds

    def _forget(self) -> None:
        dimensions = 2 * self._packed.shape[1]
        self._memory: dict[str, int] = {}
        self._tokens: dict[str, list[int]] = {}
        self._vectors = np.zeros((1024, dimensions), np.float32)
        # n-grams kept, characters, script, place and number of the entries of its frequencies, n-grams in all
        self._facts = np.zeros((1024, 6), np.int64)

    def _learn(self, words: list[str]) -> None:
        """Remember what new words add."""
        have, need = len(self._memory), len(self._memory) + len(words)
        if need > len(self._vectors):
            size = max(need, 2 * len(self._vectors))
            for name in ("_vectors", "_facts"):
                old = getattr(self, name)
                new = np.zeros((size, old.shape[1]), old.dtype)
                new[:have] = old[:have]
                setattr(self, name, new)
        number, names = self._embed(words, self._vectors[have:need])
        facts = self._facts[have:need]
        facts[:, 0] = number
        length = np.fromiter(map(len, words), np.int64, len(words))
        facts[:, 5] = sum(np.maximum(0, length + 3 - size) for size in range(1, ORDERS + 1)) - 2
        facts[:, 1] = length
        facts[:, 2] = [self._script.get(self._script_of(word), len(self._scripts)) for word in words]
        if len(self._names):
            at = np.minimum(np.searchsorted(self._names, names), len(self._names) - 1)
            good = self._names[at] == names
            facts[good, 3] = self._first[at[good]]
            facts[good, 4] = self._first[at[good] + 1] - self._first[at[good]]
        self._memory.update(zip(words, range(have, need), strict=True))

    def _embed(self, words: list[str], vectors: Array) -> tuple[Array, Array]:
        """(number of n-grams, hash) of each word; the sums of its n-grams' vectors are written into ``vectors``."""
        if self._compiled is not None:
            number, names = np.zeros(len(words), np.int64), np.zeros(len(words), np.uint32)
            codes, lengths = _characters(words)
            vectors[:] = 0
            self._compiled.learn(
                codes, lengths, ORDERS, self._where, self._packed, self._scale, vectors, number, names
            )  # fmt: skip
            return number, names
        ids, counts, names = hashes(words, self.buckets)
        places = self._where[ids]
        kept = places >= 0
        owner = np.repeat(np.arange(len(words)), counts)[kept]
        number = np.bincount(owner, minlength=len(words))
        some = np.flatnonzero(number)
        if len(some):
            starts = np.concatenate([[0], np.cumsum(number[some])[:-1]])
            vectors[some] = np.add.reduceat(_unpacked(self._packed[places[kept]], self._scale[places[kept]]), starts)
        return number, names

    def compile(self) -> None:
        """Go on with numba where it is installed; the answers stay the same."""
        if self._compiled is None and find_spec("numba") is not None:
            from nlpkit.engine import hashed_numba

            self._compiled = hashed_numba

    @staticmethod
    def _script_of(word: str) -> str:
        first = script_of(word[0])
        if first != COMMON:
            return first
        return next((script for char in word if (script := script_of(char)) != COMMON), COMMON)

    # -- answers

    def number_texts(self, texts: Sequence[str]) -> list[list[int]]:
        """The numbers under which the words of each text are remembered. What stands between blanks is cut once."""
        self._make_room()
        cut = [text.split(None, _LONGEST)[:_LONGEST] for text in texts]
        tokens = self._tokens
        new = {token: units_of(token) for token in dict.fromkeys(chain.from_iterable(cut)) if token not in tokens}
        for token, row in zip(new, self._numbers(list(new.values())), strict=True):
            tokens[token] = row
        return [list(chain.from_iterable(map(tokens.__getitem__, row))) for row in cut]

    def number_words(self, rows: Sequence[Sequence[str]]) -> list[list[int]]:
        """The same of rows of words."""
        self._make_room()
        return self._numbers(rows)

    def _numbers(self, rows: Sequence[Sequence[str]]) -> list[list[int]]:
        if new := [word for word in dict.fromkeys(chain.from_iterable(rows)) if word not in self._memory]:
            self._learn(new)
        return [list(map(self._memory.__getitem__, row)) for row in rows]

    def _make_room(self) -> None:
        if len(self._memory) > _MOST_WORDS or len(self._tokens) > _MOST_WORDS:
            self._forget()

    def logits(self, rows: Sequence[Sequence[int]], allowed: Array | None = None) -> tuple[Array, Array]:
        """((rows, labels) logits, (flat words, their row)) of rows of numbers of words.

        It is -inf where the script cannot be.
        """
        lengths = np.fromiter(map(len, rows), np.int64, len(rows))
        flat = np.fromiter(chain.from_iterable(rows), np.int64, int(lengths.sum()))
        row = np.repeat(np.arange(len(rows)), lengths)
        full = np.flatnonzero(lengths)
        size = len(self.labels)
        if not len(full):
            return np.full((len(rows), size), -np.inf, np.float32), (flat, row)
        starts = np.concatenate([[0], np.cumsum(lengths[full])[:-1]])
        facts = self._facts[flat]
        hidden = np.zeros((len(rows), self._vectors.shape[1]), np.float32)
        hidden[full] = np.add.reduceat(self._vectors[flat], starts)
        grams = np.bincount(row, weights=facts[:, 0], minlength=len(rows))
        hidden /= np.sqrt(np.maximum(1, grams)).astype(np.float32)[:, None]
        found = hidden @ self._V + self._bias
        count = facts[:, 4]
        total = int(count.sum())
        if self._compiled is not None:
            sums = np.zeros((len(rows), size))
            self._compiled.scatter(row, facts[:, 3], count, self._entries, self._levels, sums)
            found += sums
        elif total:
            entry = np.repeat(facts[:, 3] - (np.cumsum(count) - count), count) + np.arange(total)
            held = self._entries[entry]
            place = np.repeat(row * size, count) + (held & LABELS)
            weight = self._levels[held >> 11 & LEVELS]
            found += np.bincount(place, weight, len(rows) * size).reshape(len(rows), size)
        found += self._penalties(facts, row, len(rows))
        if allowed is not None:
            found[:, ~allowed] = -np.inf
        found[lengths == 0] = -np.inf
        return found, (flat, row)

    def _penalties(self, facts: Array, row: Array, rows: int) -> Array:
        """(rows, labels): 0 where the label is written in a script of at least a quarter of the letters, else -inf."""
        width = len(self._scripts) + 1
        letters = np.bincount(row * width + facts[:, 2], facts[:, 1], rows * width).reshape(rows, width)
        much = letters >= np.maximum(1, 0.25 * letters.sum(1, keepdims=True))
        kinds, kind = np.unique(np.packbits(much, axis=1), axis=0, return_inverse=True)
        scripts = np.unpackbits(kinds, axis=1, count=width)[:, :-1]
        found: Array = np.where((scripts @ self._fits > 0) | self._any, np.float32(0), np.float32(-np.inf))[
            kind.ravel()
        ]
        return found

    def features(self, words: tuple[Array, Array], rows: int, best: Array, chance: Array) -> Array:
        """What ``Confidence`` looks at, for the label ``best`` of each row."""
        flat, row = words
        facts = self._facts[flat]
        count = facts[:, 4]
        total = int(count.sum())
        entry = np.repeat(facts[:, 3] - (np.cumsum(count) - count), count) + np.arange(total)
        owner = np.repeat(row, count)
        hits = np.bincount(owner[self._entries[entry] & LABELS == best[owner]], minlength=rows)
        number = np.maximum(1, np.bincount(row, minlength=rows))
        known = np.bincount(row, weights=count > 0, minlength=rows)
        total = np.maximum(1, np.bincount(row, facts[:, 5], rows))
        grams = np.bincount(row, facts[:, 0], rows) / total - self._usual[best]
        return Confidence.features(chance, number, grams, known / number, hits / number)

    def tag_texts(
        self,
        texts: Sequence[str],
        poll: Callable[[], None] = lambda: None,
        *,
        top: int = 1,
        allowed: Sequence[str] | None = None,
    ) -> list[Output]:
        """The best label of each text and the chance that it is right; no label where no word tells anything.

        ``others`` hold the ``top`` best labels, their chances in proportion to the softmax. Only ``allowed`` labels are
        given, where named.
        """
        mask = None
        if allowed is not None:
            mask = np.zeros(len(self.labels), bool)
            mask[[self._number[label] for label in allowed]] = True
        result: list[Output] = []
        for at in range(0, len(texts), _CHUNK):
            poll()
            self._answered += len(texts[at : at + _CHUNK])
            if self._answered > _MANY:
                self.compile()
            result += self._answers(self.number_texts(texts[at : at + _CHUNK]), top, mask)
        return result

    def shares(self, texts: Sequence[str], allowed: Sequence[str]) -> list[list[float]]:
        """The softmax of each text over the labels ``allowed``; zeros where none of them can be."""
        columns = [self._number[label] for label in allowed]
        logits = self.logits(self.number_texts(texts))[0][:, columns].astype(np.float64)
        peak = logits.max(1, keepdims=True)
        mass = np.exp(logits - np.where(np.isfinite(peak), peak, 0))
        found: list[list[float]] = (mass / np.maximum(1e-9, mass.sum(1, keepdims=True))).tolist()
        return found

    def _answers(self, rows: list[list[int]], top: int, mask: Array | None) -> list[Output]:
        logits, words = self.logits(rows, mask)
        best, chance, told = judged(logits)
        sure, known = chance, np.ones(len(rows))
        if self.confidence is not None:
            sure, known = self.confidence(self.features(words, len(rows), best, chance))
        found = []
        for number in range(len(rows)):
            if not told[number]:
                found.append(Output([], []))
                continue
            score = float(sure[number])
            others = self._top(logits[number], float(chance[number]), score, top) if top > 1 else []
            found.append(Output([int(best[number])], [score], others, 1 - float(known[number])))
        return found

    @staticmethod
    def _top(logits: Array, chance: float, score: float, top: int) -> list[tuple[list[int], float]]:
        """The best labels; what the first one's ``score`` leaves is shared out as the softmax says."""
        order = np.argsort(-logits, kind="stable")[:top]
        order = order[np.isfinite(logits[order])]
        shares = chance * np.exp(np.maximum(logits[order] - logits[order[0]], -60.0))
        rest = min(1.0, (1 - score) / max(1e-9, 1 - chance))
        return [
            ([int(label)], score if at == 0 else min(score, float(share) * rest))
            for at, (label, share) in enumerate(zip(order, shares, strict=True))
        ]

    # -- the file

    def weights(self) -> int:
        return int(2 * self._packed.size + self._V.size + self._bias.size + len(self._entries))

    def save(self, folder: Path) -> None:
        """Write the weights and config.json."""
        from safetensors.numpy import save_file

        save_file(self._data, folder / FILE)
        facts: dict[str, Any] = {"model_type": MODEL_TYPE, "labels": self.labels, "buckets": self.buckets}
        if self.confidence is not None:
            facts["confidence"] = {"right": list(self.confidence.right), "known": list(self.confidence.known)}
        (folder / "config.json").write_text(json.dumps(facts, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")

    @classmethod
    def load(cls, folder: Path, facts: dict[str, Any]) -> Hashed:
        """Read what ``save`` wrote."""
        from safetensors import SafetensorError
        from safetensors.numpy import load_file

        try:
            sure = facts.get("confidence")
            found = Confidence(tuple(sure["right"]), tuple(sure["known"])) if sure else None
            return cls(facts["labels"], int(facts["buckets"]), load_file(folder / FILE), found)
        except (OSError, ValueError, KeyError, TypeError, IndexError, SafetensorError) as error:
            raise InputError(f"`{folder / FILE}` is damaged: {error}", "copy or train the model again") from None


def judged(logits: Array) -> tuple[Array, Array, Array]:
    """(best label, its softmax, whether any label is possible) of each row of logits."""
    best = logits.argmax(1)
    peak = logits[np.arange(len(logits)), best]
    told = np.isfinite(peak)
    mass = np.exp(logits - np.where(told, peak, 0)[:, None]).sum(1, dtype=np.float64)
    return best, 1 / np.maximum(1, mass), told


def pack(
    buckets: int,
    kept: Array,
    rows: Array,
    V: Array,
    bias: Array,
    words: tuple[Array, Array, Array, Array],
    usual: Array,
) -> dict[str, Array]:
    """The arrays of the file, about 2 bytes a word and label, half a byte a number.

    ``rows`` (buckets kept, dimensions) are the vectors of the n-grams in the buckets ``kept`` (sorted), ``V``
    (dimensions, labels) and ``bias`` (labels) the classifier. ``words`` are sorted 32-bit hashes, the place of each
    one's first label (and the end), the labels, their frequencies. ``usual`` (labels) is the share of the
    n-grams of a label's texts that were kept.
    """
    names, first, owners, values = words
    taken = np.zeros(buckets, bool)
    taken[kept] = True
    scale, packed = _packed(rows)
    top = float(values.max()) if len(values) else 1.0
    level = np.clip(np.round(values / top * LEVELS), 1, LEVELS).astype(np.uint16)
    last = np.zeros(len(level), np.uint16)
    last[first[1:] - 1] = 1
    # hashes as gaps of 16 bits; entries as 11 bits of label, 4 of frequency and 1 that ends the word
    gaps = np.diff(names.astype(np.int64), prepend=0)
    many = gaps // _STEP
    short = np.full(len(gaps) + int(many.sum()), _STEP, np.uint16)
    short[np.arange(len(gaps)) + np.cumsum(many)] = gaps % _STEP
    return {
        "kept": np.packbits(taken),
        "rows": packed,
        "scale": scale,
        "V": np.ascontiguousarray(V, np.float16),  # safetensors writes memory as it lies
        "bias": bias.astype(np.float32),
        "gaps": short,
        "entries": owners.astype(np.uint16) | level << np.uint16(11) | last << np.uint16(15),
        "top": np.array([top], np.float32),
        "usual": usual.astype(np.float16),
    }


def _packed(rows: Array) -> tuple[Array, Array]:
    """(scale of each row, two numbers a byte): 4 bits, the middles of 16 even steps around zero."""
    scale = np.sqrt((rows.astype(np.float64) ** 2).mean(1)) * (2.5 / 7.5)
    scale = np.maximum(scale, 1e-6).astype(np.float16)
    steps = np.clip(np.floor(rows / scale.astype(np.float32)[:, None]), -8, 7).astype(np.int8) + 8
    steps = steps.astype(np.uint8)
    return scale, steps[:, ::2] | steps[:, 1::2] << 4


# the two numbers of a byte, as 8 bytes that are looked up at once
_PAIRS = np.stack([np.arange(256) & 15, np.arange(256) >> 4], 1).astype(np.float32) - np.float32(7.5)
_PAIRS = np.ascontiguousarray(_PAIRS).view(np.float64).ravel()


def _unpacked(packed: Array, scale: Array) -> Array:
    rows = _PAIRS[packed].view(np.float32)
    rows *= scale[:, None]
    return rows
