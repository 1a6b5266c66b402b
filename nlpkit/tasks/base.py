"""What a task must say: which labels there are, how rows become features, how outputs become rows, what counts."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, replace
from typing import IO, Any, ClassVar, Literal

from nlpkit.config.explain import Strict
from nlpkit.data import formats
from nlpkit.data.features import IGNORE, Feature, Output, Pieces
from nlpkit.data.rows import Row, TextRow, TokenRow
from nlpkit.errors import InputError
from nlpkit.metrics import labels as label_scores
from nlpkit.metrics.calibration import Scaling, ece
from nlpkit.metrics.calibration import fit as fit_scaling
from nlpkit.metrics.significance import Array
from nlpkit.text.normalize import nfc


class Task(ABC):
    """A task with its options and labels; ``Any`` stands for rows of its kind.

    ``head`` is that kind; ``unit`` is what `evaluate --by` calls a label (scores hold a table ``per_<unit>``);
    ``spans``: its tags are IOB2, not one label a unit; ``families`` are the kinds of model that can learn it.
    """

    head: ClassVar[Literal["tokens", "texts", "pairs"]]
    main_metric: ClassVar[str]
    unit: ClassVar[str]
    spans: ClassVar[bool] = False
    families: ClassVar[tuple[str, ...]]
    by_language: ClassVar[bool] = False  # its scores tell of each language by themselves
    multi_label: bool = False  # whether a row may have any number of labels
    compared: ClassVar[str] = ""  # the metric of ``statistic``, where it is not the main one
    reported: ClassVar[tuple[str, ...]]  # the scores that stand in a table of runs

    class Options(Strict):
        """Keys under ``options:`` in a recipe."""

    def __init__(self, options: Any, labels: Sequence[str]) -> None:
        self.options = options
        self.labels = list(labels)
        self.scaling: Scaling | None = None

    @classmethod
    def guess_options(cls, rows: Sequence[Any]) -> Any:
        """Default options, but for what the rows show of themselves."""
        return cls.Options()

    @classmethod
    @abstractmethod
    def prepare(cls, row: Any, options: Any, scheme: str, mend: bool) -> Any:
        """The row as the task wants it: tags in the inner scheme, unwanted types removed."""

    @classmethod
    @abstractmethod
    def find_labels(cls, rows: Iterable[Any], options: Any) -> list[str]:
        """The labels in a fixed order."""

    def begin(self, train: Sequence[Any]) -> None:  # noqa: B027
        """Look at the prepared training rows before the first is encoded."""

    @abstractmethod
    def wanted(self, row: Any) -> list[str]:
        """The tags a model learns for the row."""

    @abstractmethod
    def encode(self, rows: Sequence[Any], tokenizer: Any, max_length: int, *, learn: bool) -> list[Feature]:
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

    def adjust(self, gold: Sequence[Any], guess: Sequence[Any]) -> dict[str, Any]:
        """Learn on ``guess`` how sure answers are; what is learned is kept in bundle.json, and used from now on."""
        self.scaling = fit_scaling(*self.confidences(gold, guess))
        return {} if self.scaling is None else {"calibration": asdict(self.scaling)}

    def use(self, info: dict[str, Any]) -> None:
        """Use what bundle.json keeps of ``adjust``."""
        if found := info.get("calibration"):
            self.scaling = Scaling(**found)

    def adjusted(self, rows: Sequence[Any], best: int | None = None) -> list[Any]:
        """Rows that were filled in, as ``adjust`` or ``use`` taught; ``best`` of ``others`` are enough."""
        scaling = self.scaling
        if scaling is None:
            return list(rows)
        return [row if row.scores is None else row.with_scores(scaling(row.scores)) for row in rows]

    @abstractmethod
    def write(self, fmt: str, rows: Iterable[Any], file: IO[str]) -> None:
        """Write rows in a format, as the run directory keeps them."""

    def odd(self, guess: Sequence[Any]) -> str:
        """What looks wrong about the answers to dev rows, or the empty string."""
        return ""

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
    families = ("crf", "bilstm", "bert", "spacy", "pretrained")
    blank: ClassVar[str]  # the tag of a word that no model answered for

    def wanted(self, row: TokenRow) -> list[str]:
        return list(row.tags or ())

    def write(self, fmt: str, rows: Iterable[TokenRow], file: IO[str]) -> None:
        formats.named(fmt).write(rows, file, spans=self.spans)

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
    """What tasks with labels of whole texts share."""

    head = "texts"
    compared = "accuracy"
    statistic = staticmethod(label_scores.accuracy_of)

    @classmethod
    def prepare(cls, row: TextRow, options: Any, scheme: str, mend: bool) -> TextRow:
        return row

    @classmethod
    def find_labels(cls, rows: Iterable[TextRow], options: Any) -> list[str]:
        found = {label for row in rows for label in row.labels or ()}
        if len(found) < 2:
            raise InputError("the training rows hold fewer than two labels", "is the label in another column?")
        return sorted(found)

    def wanted(self, row: TextRow) -> list[str]:
        return list(row.labels or ())

    def write(self, fmt: str, rows: Iterable[TextRow], file: IO[str], *, best: int = 1) -> None:
        """Write answers, with so many of the ``best`` labels where there is more than one."""
        formats.named(fmt, "texts").write(rows, file, multi_label=self.multi_label, best=best)

    def encode(self, rows: Sequence[TextRow], tokenizer: Pieces, max_length: int, *, learn: bool) -> list[Feature]:
        """Windows that do not overlap; each shows its stretch as one word, and carries all labels of the text."""
        number = {label: at for at, label in enumerate(self.labels)}
        firsts = tokenizer.texts([nfc(row.text) for row in rows])
        seconds = tokenizer.texts([nfc(row.text_b or "") for row in rows])
        features = []
        for at, (row, first, second) in enumerate(zip(rows, firsts, seconds, strict=True)):
            labels = [number[label] for label in self.wanted(row) if label in number] if learn else None
            if not f"{row.text}{row.text_b or ''}".strip() or (learn and not self.multi_label and not labels):
                continue
            for a, b in text_windows(first, second if row.text_b is not None else None, tokenizer, max_length):
                ids = [*tokenizer.prefix, *a]
                types = [0] * len(ids)
                if b is not None:
                    ids += [*tokenizer.between, *b]
                    types += [0] * len(tokenizer.between) + [1] * len(b)
                shown = [(len(tokenizer.prefix), len(ids))]
                ids += tokenizer.suffix
                types += [int(b is not None)] * len(tokenizer.suffix)
                typed = types if b is not None and tokenizer.types else None
                features.append(Feature(at, ids, labels, [0], [0], shown, 0, typed))
        return features

    def decode(self, row: TextRow, outputs: Sequence[tuple[Feature, Output]]) -> TextRow:
        """The windows' mean probability says it, weighed by length; a text of blanks alone has no label.

        Where the model tells the scores of all labels, ``others`` are all of them in the order of ``labels``.
        """
        if not outputs:
            return replace(row, labels=None, scores=None, others=())
        if not outputs[0][1].logits:
            best = max((output for _, output in outputs), key=lambda output: (output.scores or [1.0])[0])
            others = [(self.labels[labels[0]], chance) for labels, chance in best.others]
            scores = best.scores and (best.scores[0],)
            return replace(row, labels=(self.labels[best.labels[0]],), scores=scores or None, others=tuple(others))
        chances = probabilities(outputs[0][1].logits, multi_label=self.multi_label)
        if len(outputs) > 1:
            total = sum(len(feature.ids) for feature, _ in outputs)
            chances = [0.0] * len(self.labels)
            for feature, output in outputs:
                share = len(feature.ids) / total
                for label, chance in enumerate(probabilities(output.logits, multi_label=self.multi_label)):
                    chances[label] += share * chance
        best_of = max(range(len(chances)), key=chances.__getitem__)
        said = [label for label, chance in enumerate(chances) if chance >= 0.5] if self.multi_label else [best_of]
        return TextRow(
            row.id, row.text, tuple(self.labels[label] for label in said), row.lang, row.extra, row.line,
            tuple(chances[label] for label in said), tuple(zip(self.labels, chances, strict=True)), row.text_b,
        )  # fmt: skip

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


def probabilities(logits: Sequence[float], *, multi_label: bool) -> list[float]:
    """Softmax, or the sigmoid of each where a text has any number of labels."""
    if multi_label:
        return [1 / (1 + math.exp(-min(700.0, max(-700.0, value)))) for value in logits]
    most = max(logits)
    found = [math.exp(value - most) for value in logits]
    total = sum(found)
    return [value / total for value in found]


def text_windows(
    first: list[int], second: list[int] | None, tokenizer: Pieces, max_length: int
) -> Iterator[tuple[list[int], list[int] | None]]:
    """Cut a text, or a pair of texts, into stretches that fit a window. Nothing is left out.

    Of a pair the first text keeps at least half of the room; the shorter one goes into all windows.
    """
    budget = max_length - len(tokenizer.prefix) - len(tokenizer.suffix)
    if second is None:
        for start in range(0, len(first), budget):
            yield first[start : start + budget], None
        return
    width = tokenizer.width
    budget = (budget - len(tokenizer.between)) // width
    room = min(len(first) // width, max(budget // 2, budget - len(second) // width))
    parts = [
        [text[start : start + size * width] for start in range(0, len(text), size * width)] or [[]]
        for text, size in ((first, max(1, room)), (second, max(1, budget - room)))
    ]
    for at in range(max(map(len, parts))):
        yield parts[0][min(at, len(parts[0]) - 1)], parts[1][min(at, len(parts[1]) - 1)]


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
