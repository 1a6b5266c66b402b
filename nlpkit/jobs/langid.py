"""Name the language of texts and of words; streaming, in constant memory."""

from __future__ import annotations

import itertools
import math
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from nlpkit.data.rows import TextRow
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
_FEW = 0.3
_ENGLISH = "eng_Latn"


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

    def facts(self, *, top: bool) -> dict[str, Any]:
        """What is written of it, with the best codes where they are wanted."""
        shown: dict[str, Any] = {
            "label": self.label, "score": round(self.score, 4), "name": self.name, "script": self.script
        }  # fmt: skip
        if top:
            shown["top"] = [{"label": label, "score": round(score, 4)} for label, score in self.top]
        return shown


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
        found = found[1:] if never else found
        top = found if self.top > 1 else []
        if not found:
            return Answer(UNKNOWN, 0.0, script)
        label, score = found[0]
        short = self.min_chars > 1 and sum(map(str.isalpha, text)) < self.min_chars
        if short or score < self.min_score or (never and self.min_score > 0):
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
        candidates = self._candidates(text, spoken)
        found = self._path(spoken, candidates)
        # a language of few words among many is more likely a mistake: the rest, and English, are asked again
        counts = Counter(label for label, _ in found if label != UNKNOWN)
        least = max(2.0, _FEW * len(found))
        kept = [label for label, count in counts.most_common() if count >= least or label == candidates[0]]
        kept += [label for label in self.allowed or self.labels if label == _ENGLISH and label not in kept]
        # a word in a script of none of them keeps its first answer
        return [b if b[0] != UNKNOWN else a for a, b in zip(found, self._path(spoken, kept), strict=True)]

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
        logs = [[math.log(max(share, 1e-6)) for share in row] for row in shares]  # even where none of them can be
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
        return [
            (candidates[label], row[label]) if any(row) else (UNKNOWN, 0.0)
            for label, row in zip(path, shares, strict=True)
        ]


def mixing(found: Sequence[Word]) -> float:
    """The code-mixing index of a text from its words; those of no or unknown language do not count."""
    return cmi([None if word.label in (NO_LANGUAGE, UNKNOWN) else word.label for word in found])


def answers(
    rows: Iterable[TextRow], identifier: Identifier, poll: Callable[[], None] = lambda: None, chunk: int = CHUNK
) -> Iterator[tuple[TextRow, Answer]]:
    """Each row with its answer; at most ``chunk`` rows are in memory."""
    rows = iter(rows)
    while part := list(itertools.islice(rows, chunk)):
        yield from zip(part, identifier([row.text for row in part], poll), strict=True)


def languages(info: dict[str, Any]) -> list[dict[str, Any]]:
    """What a model knows of each of its labels: code, name, script, area, family, training texts and words, dev F1."""
    facts = info.get("label_facts")
    facts = facts if isinstance(facts, dict) else {}
    found = []
    for code in info["labels"]:
        language = known().get(code)
        own = facts.get(code)
        own = own if isinstance(own, dict) else {}
        found.append(
            {
                "code": code,
                "name": name_of(code),
                "script": code.partition("_")[2],
                "area": language.area if language else "",
                "family": language.family if language else "",
                "texts": own.get("texts"),
                "words": own.get("words"),
                "dev_f1": own.get("dev_f1"),
            }
        )
    return found
