"""Name the language of texts and of words, and sort a corpus by it; streaming, in constant memory."""

from __future__ import annotations

import itertools
import math
import shutil
from collections import Counter, OrderedDict, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from nlpkit.data.files import Strictly, write_whole
from nlpkit.data.rows import TextRow
from nlpkit.errors import InputError, RunError
from nlpkit.jobs.predict import CHUNK, Predictor
from nlpkit.metrics.codemixing import cmi
from nlpkit.text.langcodes import NO_LANGUAGE, UNKNOWN, known, name_of, select
from nlpkit.text.noise import without_language
from nlpkit.text.scripts import main_script
from nlpkit.text.tokens import words
from nlpkit.text.units import clean

MIN_SCORE = 0.5  # below it an answer is more often wrong than right
_NAMES = {UNKNOWN: "unknown", NO_LANGUAGE: "no language"}
_STAY = 0.7  # the chance that a word is in the language of the word before it
_KEEP = math.log(_STAY)
_CANDIDATES = 6
_FEW = 0.25
_ENGLISH = "eng_Latn"
_MOST_FILES = 64  # open at once


@dataclass(frozen=True, slots=True)
class Answer:
    """The language of a text: a code, ``und`` or ``zxx``; the chance that it is right; the best codes, best first."""

    label: str
    score: float
    script: str
    top: Sequence[tuple[str, float]] = ()

    @property
    def name(self) -> str:
        return _NAMES.get(self.label) or name_of(self.label)


@dataclass(frozen=True, slots=True)
class Word:
    """A word of a text with its place and language (``zxx`` for a number or a sign)."""

    text: str
    start: int
    end: int
    label: str
    score: float


class Identifier:
    """A loaded model that names languages.

    ``only`` names the codes, languages, macrolanguages, areas and families that may be said. A text of fewer than
    ``min_chars`` letters, whose best score is below ``min_score``, or whose language the model never learned as far as
    it can tell (unless ``min_score`` is 0), is ``und`` with the score of the best guess; one without letters, or of
    program code, is ``zxx``.
    """

    def __init__(
        self,
        model: str,
        *,
        only: Sequence[str] = (),
        top: int = 1,
        min_chars: int = 1,
        min_score: float = MIN_SCORE,
        device: str | None = None,
    ) -> None:
        self.predictor = Predictor(model, task="langid", device=device, nbest=top)
        self.labels: list[str] = self.predictor.info["labels"]
        self.allowed = select(only, self.labels) if only else None
        self.top, self.min_chars, self.min_score = top, min_chars, min_score

    def __call__(self, texts: Sequence[str], poll: Callable[[], None] = lambda: None) -> list[Answer]:
        """An answer for each text."""
        texts = [clean(text) for text in texts]
        empty = [without_language(text, cleaned=True) for text in texts]
        asked = [text for text, none in zip(texts, empty, strict=True) if not none]
        found = iter(self.predictor.answers(asked, top=self.top, allowed=self.allowed, poll=poll))
        return [
            Answer(NO_LANGUAGE, 1.0, main_script(text)) if none else self._answer(text, next(found))
            for text, none in zip(texts, empty, strict=True)
        ]

    def _answer(self, text: str, found: list[tuple[str, float]]) -> Answer:
        script = main_script(text)
        never = bool(found) and found[0][0] == UNKNOWN
        if never:
            chance, found = found[0][1], found[1:]
        top = found if self.top > 1 else []
        if not found:
            return Answer(UNKNOWN, 0.0, script)
        label, score = found[0]
        if never and self.min_score > 0:
            return Answer(UNKNOWN, min(score, 1 - chance), script, top)
        short = self.min_chars > 1 and sum(map(str.isalpha, text)) < self.min_chars
        if short or score < self.min_score:
            return Answer(UNKNOWN, score, script, top)
        return Answer(label, score, script, top)

    # -- words

    def words(self, text: str) -> list[Word]:
        """The words of a text with their languages: the best path where neighbors tend to agree (Viterbi, 1967).

        The candidates are the languages that the text and its parts look like most, or those of ``only``.
        """
        offsets = words(text)
        parts = [text[start:end] for start, end in offsets]
        places = [at for at, part in enumerate(parts) if any(map(str.isalpha, clean(part)))]
        labels: dict[int, tuple[str, float]] = {}
        if places:
            spoken = [parts[at] for at in places]
            labels = dict(zip(places, self._spoken(text, spoken), strict=True))
        return [
            Word(part, start, end, *labels.get(at, (NO_LANGUAGE, 1.0)))
            for at, (part, (start, end)) in enumerate(zip(parts, offsets, strict=True))
        ]

    def _spoken(self, text: str, spoken: list[str]) -> list[tuple[str, float]]:
        if self.allowed and len(self.allowed) <= _CANDIDATES:
            return self._path(spoken, self.allowed)
        found = self._path(spoken, self._candidates(text, spoken))
        # a language of few words among many is more likely a mistake: the rest is asked again
        counts = Counter(label for label, _ in found)
        least = max(2.0, _FEW * len(found))
        kept = [label for label, count in counts.most_common() if count >= least or label == _ENGLISH]
        kept = kept if kept != [_ENGLISH] else [label for label, _ in counts.most_common(2)]
        return self._path(spoken, kept) if kept and len(kept) < len(counts) else found

    def _candidates(self, text: str, spoken: list[str]) -> list[str]:
        """What the text and its stretches look like most; English, which is mixed into most, where it may be."""
        weight: dict[str, float] = defaultdict(float)
        stretches = [" ".join(spoken[at : at + size]) for size in (2, 4) for at in range(0, len(spoken), size)]
        for found in self.predictor.answers([text, *stretches], top=3, allowed=self.allowed):
            for label, score in found:
                if label != UNKNOWN:
                    weight[label] += score
        best = sorted(weight, key=lambda label: -weight[label])[:_CANDIDATES]
        english = [label for label in self.allowed or self.labels if label == _ENGLISH and label not in best]
        return best + english if best else best

    def _path(self, spoken: list[str], candidates: list[str]) -> list[tuple[str, float]]:
        if not candidates:
            return [(UNKNOWN, 0.0)] * len(spoken)
        shares = self.predictor.shares(spoken, candidates)
        change = math.log((1 - _STAY) / max(1, len(candidates) - 1))
        logs = [[math.log(max(share, 1e-6)) for share in row] for row in shares]
        best, back = logs[0], []
        for row in logs[1:]:
            came = [
                max(range(len(row)), key=lambda there, here=here: best[there] + (_KEEP if there == here else change))  # type: ignore[misc]
                for here in range(len(row))
            ]
            best = [best[there] + (_KEEP if there == here else change) + row[here] for here, there in enumerate(came)]
            back.append(came)
        path = [max(range(len(candidates)), key=best.__getitem__)]
        for came in reversed(back):
            path.append(came[path[-1]])
        path.reverse()
        return [(candidates[label], row[label]) for label, row in zip(path, shares, strict=True)]


def mixing(found: Sequence[Word]) -> float:
    """The code-mixing index of a text from its words."""
    return cmi([None if word.label == NO_LANGUAGE else word.label for word in found])


class Lenient(Strictly):
    """Reads on where a byte is no UTF-8, or NUL: the character is replaced, counted and told."""

    def __call__(self, problem: Any) -> None:
        if problem.code in ("utf-8", "nul"):
            count, first = self.warnings.get(problem.code, (0, problem))
            self.warnings[problem.code] = (count + 1, first)
            return
        super().__call__(problem)


def answers(
    rows: Iterable[TextRow], identifier: Identifier, poll: Callable[[], None] = lambda: None, chunk: int = CHUNK
) -> Iterator[tuple[TextRow, Answer]]:
    """Each row with its answer; at most ``chunk`` rows are in memory."""
    rows = iter(rows)
    while part := list(itertools.islice(rows, chunk)):
        yield from zip(part, identifier([row.text for row in part], poll), strict=True)


@dataclass(frozen=True, slots=True)
class Shard:
    """Part ``number`` (from 1) of ``count``: every ``count``-th row."""

    number: int = 1
    count: int = 1

    @classmethod
    def parse(cls, text: str) -> Shard:
        """``2/8``. Raises InputError."""
        first, sign, second = text.partition("/")
        if not sign or not first.isdecimal() or not second.isdecimal() or not 1 <= int(first) <= int(second):
            raise InputError(f"`--shard {text}` is not I/N", "for example: --shard 1/8, up to --shard 8/8")
        return cls(int(first), int(second))

    def rows(self, rows: Iterable[TextRow]) -> Iterator[TextRow]:
        return itertools.islice(rows, self.number - 1, None, self.count)

    @property
    def suffix(self) -> str:
        return "" if self.count == 1 else f".{self.number}-of-{self.count}"


def keep(found: Iterable[tuple[TextRow, Answer]], wanted: Sequence[str], file: IO[str]) -> Counter[str]:
    """Write the texts in one of the ``wanted`` languages; returns how many were kept and dropped."""
    counts: Counter[str] = Counter(kept=0, dropped=0)
    codes = set(wanted)
    for row, answer in found:
        if answer.label in codes:
            file.write(row.text + "\n")
        counts["kept" if answer.label in codes else "dropped"] += 1
    return counts


def keep_whole(
    found: Iterable[tuple[TextRow, Answer]], wanted: Sequence[str], out: Path, shard: Shard
) -> Counter[str] | None:
    """The same into a file that appears when it is whole; None where it is there already."""
    path = out.with_name(out.name + shard.suffix)
    if path.exists():
        return None
    with write_whole(path) as file:
        return keep(found, wanted, file)


def split(found: Iterable[tuple[TextRow, Answer]], folder: Path, shard: Shard) -> Counter[str] | None:
    """Write each text into ``folder/CODE.txt``; returns the rows of each code, None where the shard is done already.

    Files appear when all of them are whole, and ``_DONE`` last: a shard that was stopped begins again and leaves
    nothing half-written behind.
    """
    done = folder / f"_DONE{shard.suffix}"
    if done.exists():
        return None
    part = folder / f".part{shard.suffix}"
    counts: Counter[str] = Counter()
    files: OrderedDict[str, IO[str]] = OrderedDict()
    try:
        if not done.parent.is_dir() or not any(folder.iterdir()) or shard.count > 1 or part.exists():
            shutil.rmtree(part, ignore_errors=True)
            part.mkdir(parents=True)
        else:
            raise InputError(f"`{folder}` is not empty", "name a new folder")
        try:
            for row, answer in found:
                _file(files, part, answer.label, shard).write(row.text + "\n")
                counts[answer.label] += 1
        finally:
            for file in files.values():
                file.close()
        for path in sorted(part.iterdir()):
            path.replace(folder / path.name)
        part.rmdir()
        done.write_text("".join(f"{label}\t{count}\n" for label, count in counts.most_common()), encoding="utf-8")
    except OSError as error:
        raise RunError(f"cannot write into `{folder}`: {error.strerror or error}", "free some space") from error
    return counts


def _file(files: OrderedDict[str, IO[str]], part: Path, label: str, shard: Shard) -> IO[str]:
    """The open file of a label; only so many are open at once."""
    if label in files:
        files.move_to_end(label)
        return files[label]
    if len(files) >= _MOST_FILES:
        files.popitem(last=False)[1].close()
    path = part / f"{label}{shard.suffix}.txt"
    files[label] = path.open("a", encoding="utf-8", newline="\n")
    return files[label]


def languages(info: dict[str, Any]) -> list[dict[str, Any]]:
    """What a model knows of each of its labels: code, name, script, area, family, training texts and words, dev F1."""
    facts = info.get("label_facts", {})
    found = []
    for code in info["labels"]:
        language = known().get(code)
        own = facts.get(code, {})
        found.append(
            {
                "code": code,
                "name": name_of(code),
                "script": code.partition("_")[2],
                "area": language.area if language else "",
                "family": language.family if language else "",
                "texts": own.get("texts", 0),
                "words": own.get("words", 0),
                "dev_f1": own.get("dev_f1"),
            }
        )
    return found
