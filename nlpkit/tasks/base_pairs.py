"""What tasks share whose answers are texts: translation, pronunciation."""

from __future__ import annotations

import math
import re
from abc import abstractmethod
from collections.abc import Iterable, Sequence
from dataclasses import replace
from statistics import fmean, pstdev
from typing import IO, Any, ClassVar

from pydantic import Field

from nlpkit.config.decoding import Decoding
from nlpkit.data import formats
from nlpkit.data.features import Feature, Output, PairPieces
from nlpkit.data.rows import PairRow
from nlpkit.errors import InputError
from nlpkit.tasks.base import Task
from nlpkit.text.langcodes import code_of
from nlpkit.text.normalize import nfc
from nlpkit.text.sentences import parts

_MIXED = re.compile(r"[a-z]{3}-[a-z]{3}(_[A-Z][a-z]{3})?")  # two languages in one text
_LEAST_REACH = 60  # characters
_ODD = 4.0  # standard deviations
_FEW = 3.0  # characters that any ratio of lengths is shaken by


class Noted:
    """Rows to be told of: their number, and of the rows the first alone, for there may be any number."""

    def __init__(self) -> None:
        self._count = 0
        self._first: list[PairRow] = []

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, at: int) -> PairRow:
        return self._first[at]

    def add(self, row: PairRow) -> None:
        self._count += 1
        if self._count == 1:
            self._first.append(row)


class PairTask(Task):
    """A text in, a text out. ``labels`` are the tags that say what is wanted, where there is more than one."""

    head = "pairs"
    families = ("rnn", "transformer", "pretrained")
    symbols: ClassVar[bool] = False  # what stands between blanks is one piece; else pieces are learned

    class Options(Task.Options):
        decoding: Decoding = Field(Decoding(), description="how answers are chosen, unless the command says otherwise")

    def __init__(self, options: Any, labels: Sequence[str]) -> None:
        super().__init__(options, labels)
        self.reach = 0  # characters of the longest texts learned; longer ones are cut. 0: not known
        self.ratio: tuple[float, float] | None = None  # of log(target / source) in characters: mean, deviation
        self.langs: tuple[list[str], list[str]] = ([], [])  # languages learned: of sources, of targets
        self.unknown = Noted()  # rows read with characters that the model has never seen
        self.strange: set[str] = set()  # target languages asked for that the model does not have
        self.odd_rows = Noted()  # answers much shorter or longer than their texts

    # -- what a subclass says

    @classmethod
    @abstractmethod
    def tag(cls, row: PairRow) -> str:
        """What tells the model which of its languages is meant."""

    def source(self, text: str) -> str:
        """A text as the model reads it."""
        return " ".join(nfc(text).split())

    def target(self, text: str) -> str:
        """A text as the model learns to write it."""
        return self.source(text)

    def prefix(self, row: PairRow) -> str:
        """What stands before a source."""
        return self.tag(row) if self.labels else ""

    # -- what is learned

    @classmethod
    def prepare(cls, row: PairRow, options: Any, scheme: str, mend: bool) -> PairRow:
        return row

    @classmethod
    def find_labels(cls, rows: Iterable[PairRow], options: Any) -> list[str]:
        found = {cls.tag(row) for row in rows}
        return sorted(found) if len(found) > 1 else []

    def begin(self, train: Sequence[PairRow]) -> None:
        """Remember lengths and languages of the training rows.

        ``reach`` is the length in characters that no more than 5 in 1000 sources pass, though never a very small one.
        """
        lengths = sorted(len(row.text) for row in train)
        self.reach = max(_LEAST_REACH, lengths[int(0.995 * (len(lengths) - 1))])
        logs = [math.log(len(row.target) / len(row.text)) for row in train if row.target and row.text]
        self.ratio = (fmean(logs), max(0.1, pstdev(logs))) if logs else None
        self.langs = sorted({row.lang for row in train} - {""}), sorted({row.target_lang for row in train} - {""})

    def facts(self, train: Iterable[PairRow], scores: dict[str, dict[str, Any]]) -> dict[str, Any]:
        """``reach``, ``ratio``, ``target_languages``: see ``begin``."""
        return {"reach": self.reach, "ratio": self.ratio, "target_languages": self.langs[1]}

    def use(self, info: dict[str, Any]) -> None:
        self.reach = int(info.get("reach") or 0)
        ratio = info.get("ratio")
        self.ratio = (float(ratio[0]), float(ratio[1])) if ratio else None
        self.langs = (list(info.get("languages", [])), list(info.get("target_languages", [])))

    def adjust(self, gold: Sequence[PairRow], guess: Sequence[PairRow]) -> dict[str, Any]:
        return {}

    def adjusted(self, rows: Sequence[PairRow], best: int | None = None) -> list[PairRow]:
        return list(rows)

    def wanted(self, row: PairRow) -> list[str]:
        return [] if row.target is None else [row.target]

    def confidences(self, gold: Sequence[PairRow], guess: Sequence[PairRow]) -> tuple[list[float], list[bool]]:
        return [], []

    def write(self, fmt: str, rows: Iterable[PairRow], file: IO[str], *, best: int = 1) -> None:
        """Write answers, with so many of the ``best`` where there are more than one."""
        formats.named(fmt, "pairs").write(rows, file, best=best)

    # -- rows to features and back

    def encode(self, rows: Sequence[PairRow], tokenizer: PairPieces, max_length: int, *, learn: bool) -> list[Feature]:
        """One feature a pair to learn from; those too long are left out, as are blank ones.

        A text to answer for becomes one feature where it is one line no longer than what was learned (``reach``, and
        ``max_length`` pieces), else one a sentence.
        """
        return self._pairs(rows, tokenizer, max_length) if learn else self._questions(rows, tokenizer, max_length)

    def _pairs(self, rows: Sequence[PairRow], tokenizer: PairPieces, max_length: int) -> list[Feature]:
        sources = self._sources(rows, [row.text for row in rows], tokenizer)
        targets = tokenizer.targets([self.target(row.target or "") for row in rows], [row.target_lang for row in rows])
        features = []
        for at, (row, ids, labels) in enumerate(zip(rows, sources, targets, strict=True)):
            fits = len(ids) <= max_length and len(labels) <= max_length
            if fits and row.text.strip() and (row.target or "").strip():
                features.append(Feature(at, ids, labels, [], [], [], 0))
        return features

    def _questions(self, rows: Sequence[PairRow], tokenizer: PairPieces, max_length: int) -> list[Feature]:
        rows = [self._named(row) for row in rows]
        wholes = self._sources(rows, [row.text for row in rows], tokenizer)
        begins: dict[str, list[int]] = {}
        features = []
        for at, (row, ids) in enumerate(zip(rows, wholes, strict=True)):
            if not row.text.strip():
                continue
            if tokenizer.unknown in ids:
                self.unknown.add(row)
            if row.target_lang not in begins:
                begins[row.target_lang] = tokenizer.begin(row.target_lang)
            begin = begins[row.target_lang]
            one_line = "\n" not in row.text.strip()
            if len(ids) <= max_length and one_line and (not self.reach or len(row.text) <= self.reach):
                features.append(Feature(at, ids, begin, [], [], [], 0))
                continue
            for before, found in self._cut(row, tokenizer, max_length):
                features.append(Feature(at, found, begin, [], [], [], 0, before=before))
        return features

    def _cut(self, row: PairRow, tokenizer: PairPieces, max_length: int) -> list[tuple[str, list[int]]]:
        """(what stands before it, ids) of the sentences of a long text."""

        def fits(text: str) -> bool:
            if self.reach and len(text) > self.reach:
                return False
            return len(text) < 2 or len(self._sources([row], [text], tokenizer)[0]) <= max_length

        found = list(parts(row.text, fits))
        ids = self._sources([row] * len(found), [part for _, part in found], tokenizer)
        return [(before, one[:max_length]) for (before, _), one in zip(found, ids, strict=True)]

    def _sources(self, rows: Sequence[PairRow], texts: Sequence[str], tokenizer: PairPieces) -> list[list[int]]:
        return tokenizer.sources(
            [self.source(text) for text in texts], [self.prefix(row) for row in rows], [row.lang for row in rows]
        )

    def _named(self, row: PairRow) -> PairRow:
        """The row with the languages of a model that has learned one, where it does not name its own."""
        lang, target_lang = (
            as_learned(own, known) for own, known in zip((row.lang, row.target_lang), self.langs, strict=True)
        )
        named = row if (lang, target_lang) == (row.lang, row.target_lang) else replace(
            row, lang=lang, target_lang=target_lang
        )  # fmt: skip
        if not self.labels and target_lang and self.langs[1] and target_lang not in self.langs[1]:
            self.strange.add(target_lang)
        if self.labels and self.tag(named) not in self.labels:
            asked = self.tag(named).strip("<>2")
            raise InputError(
                f"row {row.id} (line {row.line}): "
                + (f"the model has no `{self.tag(named)}`" if asked else "no language is named"),
                "it has " + ", ".join(self.labels) + "; name a language: --lang, --target-lang",
            )
        return named

    def decode(self, row: PairRow, outputs: Sequence[tuple[Feature, Output]]) -> PairRow:
        """The answers to the parts of a text, joined; of n-best ones the first with the first, and so on."""
        if not outputs:
            return replace(row, target="", score=None, others=())
        count = min(len(output.texts) for _, output in outputs)
        joined = []
        for rank in range(count):
            text = "".join(feature.before + output.texts[rank][0] for feature, output in outputs)
            score = fmean(output.texts[rank][1] for _, output in outputs)
            joined.append((self.answer(text), score))
        if not joined:
            return replace(row, target="", score=None, others=())
        text, score = joined[0]
        answered = replace(row, target=text, score=score, others=tuple(joined))
        if self._looks_odd(answered):
            self.odd_rows.add(answered)
        return answered

    def answer(self, text: str) -> str:
        """What a model wrote, as it is said."""
        return text.strip()

    def _looks_odd(self, row: PairRow) -> bool:
        """Whether an answer's length is one that training rows with such a source do not have."""
        if self.ratio is None or not row.text.strip():
            return False
        mean, deviation = self.ratio
        source, target = len(row.text.strip()), len(row.target or "")
        if not target:
            return True
        low, high = (source * math.exp(mean + sign * _ODD * deviation) for sign in (-1, 1))
        return not low - _FEW <= target <= high + _FEW


def as_learned(lang: str, learned: Sequence[str]) -> str:
    """A language as the training rows call it; where none is named the only one that was learned."""
    if not lang:
        return learned[0] if len(learned) == 1 else ""
    if lang in learned or _MIXED.fullmatch(lang):
        return lang
    code = code_of(lang)
    same = [name for name in learned if code and code_of(name) == code and not _MIXED.fullmatch(name)]
    return same[0] if len(same) == 1 else lang


def said(rows: Sequence[PairRow]) -> list[str]:
    """The answers; an empty one where there is none."""
    return [row.target or "" for row in rows]


def right(rows: Sequence[PairRow]) -> list[list[str]]:
    """The right answers of each row."""
    return [list(row.tags or ("",)) for row in rows]
