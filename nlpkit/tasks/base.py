"""What a task must say: which labels there are, how rows become features, how outputs become rows, what counts."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Any, ClassVar, Literal

from nlpkit.config.explain import Strict
from nlpkit.data.features import IGNORE, Feature, Output, Pieces
from nlpkit.data.rows import Row, TextRow, TokenRow
from nlpkit.errors import InputError
from nlpkit.metrics import labels as label_scores
from nlpkit.metrics.calibration import ece
from nlpkit.metrics.significance import Array
from nlpkit.text.normalize import nfc


class Task(ABC):
    """A task with its options and labels; ``Any`` stands for rows of its kind.

    ``head`` is that kind; ``unit`` is what `evaluate --by` calls a label (scores hold a table ``per_<unit>``);
    ``spans``: its tags are IOB2, not one label a unit; ``families`` are the kinds of model that can learn it.
    """

    head: ClassVar[Literal["tokens", "texts"]]
    main_metric: ClassVar[str]
    unit: ClassVar[str]
    spans: ClassVar[bool] = False
    families: ClassVar[tuple[str, ...]]
    compared: ClassVar[str] = ""  # the metric of ``statistic``, where it is not the main one

    class Options(Strict):
        """Keys under ``options:`` in a recipe."""

    def __init__(self, options: Any, labels: Sequence[str]) -> None:
        self.options = options
        self.labels = list(labels)

    @classmethod
    @abstractmethod
    def prepare(cls, row: Any, options: Any, scheme: str, mend: bool) -> Any:
        """The row as the task wants it: tags in the inner scheme, unwanted types removed."""

    @classmethod
    @abstractmethod
    def find_labels(cls, rows: Iterable[Any], options: Any) -> list[str]:
        """The labels in a fixed order."""

    @abstractmethod
    def wanted(self, row: Any) -> list[str]:
        """The tags a model learns for the row."""

    @abstractmethod
    def encode(self, rows: Sequence[Any], tokenizer: Pieces, max_length: int, *, learn: bool) -> list[Feature]:
        """Features of rows; with ``learn`` they carry labels. Long rows become several windows."""

    @abstractmethod
    def decode(self, row: Any, outputs: Sequence[tuple[Feature, Output]]) -> Any:
        """The same row, filled in."""

    @abstractmethod
    def score(
        self, gold: Sequence[Any], guess: Sequence[Any], seen: Callable[[str], bool] | None = None
    ) -> dict[str, Any]:
        """Scores with a ``signature``; ``seen`` says whether a word stood in the training rows."""

    @abstractmethod
    def counts(self, gold: Sequence[Any], guess: Sequence[Any]) -> Array:
        """(rows, n) counts from which ``statistic`` computes the metric that models are compared by."""

    @staticmethod
    @abstractmethod
    def statistic(totals: Array) -> Array:
        """That metric from (k, n) totals: (k,)."""

    @abstractmethod
    def confidences(self, gold: Sequence[Any], guess: Sequence[Any]) -> tuple[list[float], list[bool]]:
        """The probability of each answer given, and whether it is right; of rows that have probabilities."""

    def calibration(self, gold: Sequence[Any], guess: Sequence[Any]) -> dict[str, float]:
        """``ece``, the expected calibration error, where the answers have probabilities."""
        scores, right = self.confidences(gold, guess)
        return {"ece": ece(scores, right)} if scores else {}

    def facts(self, train: Iterable[Any], scores: dict[str, dict[str, Any]]) -> dict[str, Any]:
        """What bundle.json keeps beside the scores, from the training rows and the scores of dev and test."""
        return {}

    def card(self, info: dict[str, Any], scores: dict[str, dict[str, Any]]) -> list[str]:
        """What the model card says of the task beside the scores; Markdown."""
        return []

    @staticmethod
    @abstractmethod
    def lines(scores: dict[str, Any]) -> list[str]:
        """The scores in words."""


def tags_of(rows: Sequence[Row]) -> list[Sequence[str]]:
    """The tags of tagged rows."""
    return [row.tags or () for row in rows]


class TokenTask(Task):
    """What tasks with one label a word share."""

    head = "tokens"
    families = ("crf", "bilstm", "bert", "spacy", "encoder")
    blank: ClassVar[str]  # the tag of a word that no model answered for

    def wanted(self, row: TokenRow) -> list[str]:
        return list(row.tags or ())

    def encode(self, rows: Sequence[TokenRow], tokenizer: Pieces, max_length: int, *, learn: bool) -> list[Feature]:
        labels = None
        if learn:
            number = {label: i for i, label in enumerate(self.labels)}
            labels = [[number.get(tag, IGNORE) for tag in self.wanted(row)] for row in rows]
        return token_features(rows, labels, tokenizer, max_length)

    def decode(self, row: TokenRow, outputs: Sequence[tuple[Feature, Output]]) -> TokenRow:
        tags, scores = [self.blank] * len(row.tokens), [1.0] * len(row.tokens)
        sure = all(output.scores is not None for _, output in outputs)
        for feature, output in outputs:
            given = output.scores or [1.0] * len(feature.words)
            for word, label, score in zip(feature.words, output.labels, given, strict=True):
                tags[word], scores[word] = self.labels[label], score
        others = outputs[0][1].others if len(outputs) == 1 else []  # windows have no common sequences
        return replace(
            row,
            tags=tuple(self.mended(tags)),
            scores=tuple(scores) if sure else None,
            others=self._said(others),
        )

    def _said(self, paths: Sequence[tuple[list[int], float]]) -> list[tuple[Sequence[str], float]]:
        """Label sequences as tags, best first; those that are repaired into the same tags are one, scores added."""
        found: dict[tuple[str, ...], float] = {}
        for labels, score in paths:
            tags = tuple(self.mended([self.labels[label] for label in labels]))
            found[tags] = found.get(tags, 0.0) + score
        return sorted(found.items(), key=lambda item: -item[1])

    def mended(self, tags: list[str]) -> list[str]:
        """Tags as they are said; a task with a scheme repairs what breaks it."""
        return tags


class TextTask(Task):
    """What tasks with one label a text share."""

    head = "texts"
    families = ("ngrams", "bert", "encoder")
    compared = "accuracy"
    statistic = staticmethod(label_scores.accuracy_of)

    @classmethod
    def prepare(cls, row: TextRow, options: Any, scheme: str, mend: bool) -> TextRow:
        return row

    @classmethod
    def find_labels(cls, rows: Iterable[TextRow], options: Any) -> list[str]:
        found = {row.label for row in rows if row.label is not None}
        if len(found) < 2:
            raise InputError("the training rows hold fewer than two labels", "is the label in another column?")
        return sorted(found)

    def wanted(self, row: TextRow) -> list[str]:
        return list(row.tags or ())

    def encode(self, rows: Sequence[TextRow], tokenizer: Pieces, max_length: int, *, learn: bool) -> list[Feature]:
        """Windows that do not overlap; each shows its whole text as one word and answers at its first place."""
        budget = max_length - len(tokenizer.prefix) - len(tokenizer.suffix)
        number = {label: i for i, label in enumerate(self.labels)}
        features = []
        for at, (row, words) in enumerate(zip(rows, tokenizer.pieces([[nfc(row.text)] for row in rows]), strict=True)):
            if not row.text.strip():
                continue
            for start in range(0, len(words[0]), budget):
                ids = [*tokenizer.prefix, *words[0][start : start + budget], *tokenizer.suffix]
                labels = [number.get(row.label or "", IGNORE), *[IGNORE] * (len(ids) - 1)] if learn else None
                shown = [(len(tokenizer.prefix), len(ids) - len(tokenizer.suffix))]
                features.append(Feature(at, ids, labels, [0], [0], shown, 0))
        return features

    def decode(self, row: TextRow, outputs: Sequence[tuple[Feature, Output]]) -> TextRow:
        """Of several windows the surest says it; a text of blanks alone has no label."""
        if not outputs:
            return replace(row, label=None, score=None, others=())
        best = max((output for _, output in outputs), key=lambda output: (output.scores or [1.0])[0])
        others = [(self.labels[labels[0]], chance) for labels, chance in best.others]
        return replace(
            row, label=self.labels[best.labels[0]], score=best.scores[0] if best.scores else None, others=tuple(others)
        )

    def counts(self, gold: Sequence[TextRow], guess: Sequence[TextRow]) -> Array:
        return label_scores.row_counts(tags_of(gold), [(row.label or "",) for row in guess])

    def confidences(self, gold: Sequence[TextRow], guess: Sequence[TextRow]) -> tuple[list[float], list[bool]]:
        """Of each text that has an answer."""
        found = [
            (said.score, right.label == said.label)
            for right, said in zip(gold, guess, strict=True)
            if said.score is not None
        ]
        return [score for score, _ in found], [good for _, good in found]


def windows(words: Sequence[Sequence[int]], budget: int) -> list[tuple[int, int, int, int]]:
    """Cut a row into overlapping windows of at most ``budget`` sub-words.

    Returns (start, end, own_start, own_end) in words: the window shows words start to end, and answers for
    own_start to own_end. Each word has one answer, from the window in which it stands farther from an edge.
    """
    lengths = [min(len(pieces), budget) for pieces in words]
    total = len(lengths)
    spans: list[tuple[int, int]] = []
    start = 0
    while True:
        end, used = start, 0
        while end < total and used + lengths[end] <= budget:
            used += lengths[end]
            end += 1
        spans.append((start, end))
        if end == total:
            break
        # the next window begins half a window back, so that every word is seen with context on both sides
        back, start_next = 0, end
        while start_next > start + 1 and back + lengths[start_next - 1] <= budget // 2:
            start_next -= 1
            back += lengths[start_next]
        start = start_next
    result = []
    own = 0
    for number, (first, last) in enumerate(spans):
        following = spans[number + 1][0] if number + 1 < len(spans) else last
        own_end = last if number + 1 == len(spans) else (following + last + 1) // 2
        result.append((first, last, own, own_end))
        own = own_end
    return result


def token_features(
    rows: Sequence[TokenRow],
    labels: Sequence[Sequence[int]] | None,
    tokenizer: Pieces,
    max_length: int,
) -> list[Feature]:
    """Features for tagging: the first sub-word of each word carries its label."""
    budget = max_length - len(tokenizer.prefix) - len(tokenizer.suffix)
    encoded = tokenizer.pieces([[nfc(token) for token in row.tokens] for row in rows])
    features = []
    for number, pieces in enumerate(encoded):
        if not pieces:
            continue
        for start, end, own_start, own_end in windows(pieces, budget):
            if own_start == own_end:
                continue  # all that it shows is answered for by its neighbors
            ids, shown = list(tokenizer.prefix), []
            for word in range(start, end):
                at = len(ids)
                ids += pieces[word][:budget]
                shown.append((at, len(ids)))
            ids += tokenizer.suffix
            words = list(range(own_start, own_end))
            places = [shown[word - start][0] for word in words]
            targets = None
            if labels is not None:
                targets = [IGNORE] * len(ids)
                for place, word in zip(places, words, strict=True):
                    targets[place] = labels[number][word]
            features.append(Feature(number, ids, targets, places, words, shown, own_start - start))
    return features
