"""A linear classifier of texts over TF-IDF of hashed word and character n-grams, in numpy.

Every n-gram is counted by its hash (Weinberger et al., 2009): there is no vocabulary, and no more n-grams than buckets.
The hash of any stretch of characters comes from prefix sums of a polynomial, for a thousand texts at once.
"""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from nlpkit.config.recipe import NgramScratch
from nlpkit.data.features import Output
from nlpkit.errors import InputError
from nlpkit.text.normalize import nfc

Array = Any
MODEL_TYPE = "nlpkit-linear"
WORDS, CHARS = 0, 1  # the groups of n-grams; each has its own buckets and is scaled to length 1
_FILE = "model.safetensors"
_MOST = 1 << 17  # characters counted at once
_ODD = np.uint64(0x9E3779B97F4A7C15)
_BACK = np.uint64(pow(int(_ODD), -1, 1 << 64))
_STIR = np.uint64(0xD6E8FEB86659FD93)
_BLANK, _LETTER, _SIGN = 1, 2, 3
_KINDS = np.zeros(0x110000, np.uint8)  # of code points; filled as they are met
_BESIDE = "_#@'’"  # within words of the web


@dataclass(slots=True)
class Grams:
    """The n-grams of some texts: for each text and bucket how often, sorted by both.

    ``segment`` is 2 x the text's number + its group, ``slot`` the bucket + the group x buckets, ``count`` how often.
    """

    segment: Array
    slot: Array
    count: Array


def _stirred(values: Array) -> Array:
    """Spread 64-bit numbers over all their bits."""
    values = values ^ (values >> np.uint64(32))
    values = values * _STIR
    values = values ^ (values >> np.uint64(32))
    values = values * _STIR
    return values ^ (values >> np.uint64(32))


def _kinds(codes: Array) -> Array:
    """Blank, letter or sign, of each code point."""
    found = _KINDS[codes]
    if not found.all():
        for code in np.unique(codes[found == 0]).tolist():
            char = chr(code)
            category = unicodedata.category(char)
            word = category[0] in "LNM" or category == "Cf" or char in _BESIDE
            _KINDS[code] = _BLANK if char.isspace() else _LETTER if word else _SIGN
        found = _KINDS[codes]
    return found


def clean(text: str) -> list[str]:
    """The words of a text as n-grams see them: NFC, lower case, parted at blanks."""
    return nfc(text).lower().split()


class Counter:
    """Counts n-grams: words alone and in pairs, characters within words and at their edges."""

    def __init__(self, spec: NgramScratch) -> None:
        self.bits = spec.buckets.bit_length() - 1
        self.words, self.chars = spec.words, (spec.least_chars, spec.most_chars)
        self._powers = self._back = np.zeros(0, np.uint64)

    def __call__(self, texts: Sequence[Sequence[str]]) -> Grams:
        """The n-grams of texts, each given as its clean words."""
        pieces: list[Array] = []
        for row, group, hashes, _, _ in self.spans(texts):
            segment = (row.astype(np.uint64) << np.uint64(1)) | np.uint64(group)
            bucket = hashes >> np.uint64(64 - self.bits)
            pieces.append((segment << np.uint64(self.bits)) | bucket)
        keys = np.sort(np.concatenate(pieces)) if pieces else np.zeros(0, np.uint64)
        first = np.flatnonzero(np.concatenate([[True], keys[1:] != keys[:-1]])) if len(keys) else np.zeros(0, np.int64)
        keys = keys[first]
        count = np.diff(np.append(first, sum(len(piece) for piece in pieces)))
        segment = (keys >> np.uint64(self.bits)).astype(np.int64)
        slot = (keys & np.uint64((2 << self.bits) - 1)).astype(np.int64)  # the lowest bit of the segment is the group
        return Grams(segment, slot, count)

    def spans(self, texts: Sequence[Sequence[str]]) -> Iterator[tuple[Array, int, Array, Array, Array]]:
        """(text, group, hash, start, end) of n-grams, those of one length at a time, as arrays.

        Places are those in `` word word `` of one text after the other.
        """
        joined = [f" {' '.join(words)} " for words in texts]
        codes = np.frombuffer("".join(joined).encode("utf-32-le", "surrogatepass"), np.uint32)
        total = len(codes)
        if total > len(self._powers):
            size = max(total, _MOST)
            self._powers = np.cumprod(np.full(size, _ODD), dtype=np.uint64)
            self._back = np.concatenate([[np.uint64(1)], np.cumprod(np.full(size, _BACK), dtype=np.uint64)])
        row = np.repeat(np.arange(len(joined)), [len(text) for text in joined])
        kinds = _kinds(codes)
        sums = np.zeros(total + 1, np.uint64)
        np.cumsum(_stirred(codes.astype(np.uint64) + np.uint64(1)) * self._powers[:total], out=sums[1:])
        blanks = np.zeros(total + 1, np.int32)
        np.cumsum(kinds == _BLANK, out=blanks[1:])

        def hashes(start: Array, end: Array) -> Array:
            return (sums[end] - sums[start]) * self._back[start]

        for size in range(self.chars[0], self.chars[1] + 1):
            if not self.chars[1] or total < size:
                break
            places = total - size + 1
            inner = blanks[max(1, size - 1) : max(1, size - 1) + places] - blanks[1 : 1 + places]
            whole = blanks[size : size + places] - blanks[:places]
            start = np.flatnonzero((inner <= 0) & (whole < size))
            end = start + size
            yield row[start], CHARS, _stirred(hashes(start, end) + np.uint64(size)), start, end
        before = np.concatenate([[_BLANK], kinds[:-1]])
        after = np.concatenate([kinds[1:], [_BLANK]])
        start = np.flatnonzero((kinds != _BLANK) & ((before != kinds) | (kinds == _SIGN)))
        end = np.flatnonzero((kinds != _BLANK) & ((after != kinds) | (kinds == _SIGN))) + 1
        owner, single = row[start], _stirred(hashes(start, end))
        found = single
        for size in range(1, self.words + 1):
            places = len(single) - size + 1
            if places <= 0:
                break
            if size > 1:
                found = found[:places] * np.uint64(31) + single[size - 1 :]
            same = owner[:places] == owner[size - 1 :]
            tail = end[size - 1 :]
            yield owner[:places][same], WORDS, _stirred(found[same] + np.uint64(size)), start[:places][same], tail[same]


def chunks(texts: Sequence[Sequence[str]]) -> Iterator[tuple[int, list[Sequence[str]]]]:
    """(number of the first, texts) in parts of about ``_MOST`` characters."""
    part: list[Sequence[str]] = []
    size = first = 0
    for number, words in enumerate(texts):
        length = sum(map(len, words)) + len(words) + 2
        if part and size + length > _MOST:
            yield first, part
            part, size, first = [], 0, number
        part.append(words)
        size += length
    if part:
        yield first, part


class Ngrams:
    """The trained model. ``slots`` are the (sorted) places of n-grams kept, ``weights`` (kept, labels) theirs."""

    def __init__(
        self, spec: NgramScratch, labels: Sequence[str], slots: Array, idf: Array, weights: Array, bias: Array
    ) -> None:
        self.spec, self.labels = spec, list(labels)
        self.decision: dict[str, Any] | None = None  # what training learned of its answers, for bundle.json
        self.slots, self.idf, self.table, self.bias = slots, idf, weights, bias
        self.count = Counter(spec)
        self._at = np.zeros(2 * spec.buckets, np.int32)  # 0: not kept
        self._at[slots] = np.arange(1, len(slots) + 1, dtype=np.int32)
        self._idf = np.concatenate([[0], idf]).astype(np.float32)
        self._weights = np.concatenate([np.zeros((1, len(self.labels)), np.float32), weights.astype(np.float32)])

    def weights(self) -> int:
        return int(self.table.size)

    def values(self, grams: Grams, texts: int) -> tuple[Array, Array, Array]:
        """(segment, number of the n-gram from 1, TF-IDF) of what is kept; each segment has length 1.

        TF is 1 + log(count), IDF log((1 + n) / (1 + df)) + 1, as scikit-learn has them.
        """
        at = self._at[grams.slot]
        kept = np.flatnonzero(at)
        segment, at, count = grams.segment[kept], at[kept], grams.count[kept]
        value = self._idf[at]
        more = count > 1
        value[more] *= 1 + np.log(count[more]).astype(np.float32)
        norm = np.sqrt(np.bincount(segment, value * value, 2 * texts))
        return segment, at, value / norm[segment].astype(np.float32)

    def logits(self, texts: Sequence[str], poll: Callable[[], None] = lambda: None) -> Array:
        """(texts, labels) scores before any sigmoid or softmax."""
        found = np.tile(self.bias.astype(np.float32), (len(texts), 1))
        for first, part in chunks([clean(text) for text in texts]):
            poll()
            segment, at, value = self.values(self.count(part), len(part))
            for label in range(len(self.labels)):
                sums = np.bincount(segment >> 1, value * self._weights[at, label], len(part))
                found[first : first + len(part), label] += sums
        return found

    def tag_texts(self, texts: Sequence[str], poll: Callable[[], None] = lambda: None, **_: Any) -> list[Output]:
        """The scores of every label for each text; a text of blanks alone gets no answer."""
        found = self.logits(texts, poll)
        best = found.argmax(1).tolist()
        return [
            Output([label], None, logits=row) if text.strip() else Output([], None)
            for text, label, row in zip(texts, best, found.tolist(), strict=True)
        ]

    @staticmethod
    def words_of(text: str) -> tuple[list[str], list[tuple[int, int]]]:
        """The clean words of a text, and (start, end) of each in the text as it is."""
        offsets, at = [], 0
        for word in text.split():
            at = text.index(word, at)
            offsets.append((at, at + len(word)))
            at += len(word)
        return clean(text), offsets

    def explain(self, text: str) -> list[tuple[int, int, int, Array]]:
        """(group, start, end, what it adds to each label's score) of n-grams in `` word word `` of the clean text."""
        words = clean(text)
        _, at, value = self.values(self.count([words]), 1)
        worth = {int(number): share for number, share in zip(at, value, strict=True)}
        times: dict[int, int] = {}
        found: list[tuple[int, int, int, int]] = []
        for _, group, hashes, start, end in self.count.spans([words]):
            slots = (hashes >> np.uint64(64 - self.count.bits)).astype(np.int64) + group * self.spec.buckets
            for number, left, right in zip(self._at[slots].tolist(), start.tolist(), end.tolist(), strict=True):
                if number:
                    times[number] = times.get(number, 0) + 1
                    found.append((group, left, right, number))
        return [(g, s, e, self._weights[n] * (worth[n] / times[n])) for g, s, e, n in found]

    def save(self, folder: Path) -> None:
        facts = {"model_type": MODEL_TYPE, "labels": self.labels, "spec": self.spec.model_dump()}
        (folder / "config.json").write_text(json.dumps(facts, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
        tensors = {
            "slots": self.slots.astype(np.uint32),
            "idf": self.idf.astype(np.float32),
            "weights": self.table.astype(np.float32),
            "bias": self.bias.astype(np.float32),
        }
        save_file({name: np.ascontiguousarray(value) for name, value in tensors.items()}, folder / _FILE)

    @classmethod
    def load(cls, folder: Path, facts: dict[str, Any]) -> Ngrams:
        try:
            found = load_file(folder / _FILE)
            spec = NgramScratch.model_validate(facts["spec"])
            slots, table = found["slots"].astype(np.int64), found["weights"]
            if slots.size and slots.max() >= 2 * spec.buckets:
                raise ValueError("a bucket that is not there")
            if table.shape != (len(slots), len(facts["labels"])) or found["idf"].shape != slots.shape:
                raise ValueError("its arrays do not fit together")
            return cls(spec, facts["labels"], slots, found["idf"], table, found["bias"])
        except (OSError, KeyError, ValueError, TypeError, SafetensorError) as error:
            raise InputError(f"`{folder}` is damaged: {error}", "copy or train the model again") from None
