"""Text classification: one label, or any number of them, for each text or pair of texts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from pydantic import Field, field_validator

from nlpkit.config.explain import unknown
from nlpkit.data.rows import BAR, TextRow
from nlpkit.errors import InputError, counted
from nlpkit.metrics import label_sets
from nlpkit.metrics import labels as label_scores
from nlpkit.metrics.decisions import Decision, learn, reliability
from nlpkit.metrics.significance import Array
from nlpkit.metrics.spans import ratio
from nlpkit.tasks.base import TextTask, tags_of

_MATRIX = 40  # labels that a table of confusions holds
_SAME = 20  # answers to dev that are all the same, and the task has not been learned


class Classify(TextTask):
    main_metric = "macro_f1"
    reported = ("macro_f1", "accuracy")
    unit = "label"
    families = ("ngrams", "bilstm", "bert", "pretrained")
    compared = "macro_f1"
    statistic = staticmethod(label_sets.macro_f1_of)

    class Options(TextTask.Options):
        multi_label: bool = Field(False, description="a text has any number of labels, also none (multi-label)")
        thresholds: bool | None = Field(
            None,
            description="choose how readily each label is given, for the best macro F1 on held-out rows; default: "
            "where a text has any number of labels",
        )
        official: str | None = Field(
            None, description="also report this metric by name: " + ", ".join(label_sets.OFFICIAL) + " or f1:LABEL"
        )

        @field_validator("official")
        @classmethod
        def _known(cls, value: str | None) -> str | None:
            if value is not None and value not in label_sets.OFFICIAL and not value.startswith("f1:"):
                raise ValueError(f"`{value}` is none of {', '.join(label_sets.OFFICIAL)} or f1:LABEL")
            return value

    def __init__(self, options: Any, labels: Sequence[str]) -> None:
        super().__init__(options, labels)
        self.multi_label = options.multi_label
        self.decision = Decision()

    @classmethod
    def guess_options(cls, rows: Sequence[TextRow]) -> Any:
        """Any number of labels where a row shows it, or where parts of ``a|b`` are labels of other rows."""
        names = {label for row in rows for label in row.labels or ()}
        several = any(row.labels is not None and len(row.labels) != 1 for row in rows)
        return cls.Options(multi_label=several or any(BAR in name and names & set(name.split(BAR)) for name in names))

    @classmethod
    def find_labels(cls, rows: Iterable[TextRow], options: Any) -> list[str]:
        found = super().find_labels(rows, options)
        wanted = (options.official or "").removeprefix("f1:")
        if (options.official or "").startswith("f1:") and wanted not in found:
            raise unknown("label", wanted, found, "options.official names a label of the training rows")
        return found

    @classmethod
    def prepare(cls, row: TextRow, options: Any, scheme: str, mend: bool) -> TextRow:
        """A label that names several, ``a|b``, is parted where any number is allowed; else one is wanted."""
        if row.labels is None:
            return row
        if options.multi_label:
            parts = [part.strip() for label in row.labels for part in label.split(BAR)]
            return row.with_tags([part for part in dict.fromkeys(parts) if part])
        if len(row.labels) != 1:
            raise InputError(
                f"row {row.id} (line {row.line}) has {len(row.labels)} labels, one is wanted",
                "options.multi_label=true",
            )
        return row

    def adjust(self, gold: Sequence[TextRow], guess: Sequence[TextRow]) -> dict[str, Any]:
        import numpy as np

        rows = [(right, said) for right, said in zip(gold, guess, strict=True) if said.others]
        chances = np.array([[chance for _, chance in said.others] for _, said in rows])
        return self.decide(chances, self.matrix([right for right, _ in rows]))

    def decide(self, chances: Array, wanted: Array) -> dict[str, Any]:
        """Learn temperature and thresholds from raw (texts, labels) probabilities and what is right."""
        wished = self.options.thresholds
        shifts = self.multi_label if wished is None else wished
        self.decision = learn(chances, wanted, multi_label=self.multi_label, shifts=shifts)
        return {"decision": self.decision.as_dict()}

    def use(self, info: dict[str, Any]) -> None:
        if found := info.get("decision"):
            try:
                self.decision = Decision.from_dict(found, len(self.labels))
            except (ValueError, TypeError, KeyError) as error:
                raise InputError(
                    f"`decision` in bundle.json is damaged: {error}", "copy or train the model again"
                ) from None

    def matrix(self, rows: Sequence[TextRow]) -> Array:
        """(rows, labels) 1 for the labels of each row."""
        import numpy as np

        number = {label: at for at, label in enumerate(self.labels)}
        found: Array = np.zeros((len(rows), len(self.labels)), np.int8)
        for row, entry in enumerate(rows):
            for label in entry.labels or ():
                if label in number:
                    found[row, number[label]] = 1
        return found

    def adjusted(self, rows: Sequence[TextRow], best: int | None = None) -> list[TextRow]:
        """The labels by the decision that was learned; all, or the ``best``, with their probabilities, best first."""
        import numpy as np

        answered = [row for row in rows if row.others]
        if not answered:
            return list(rows)
        raw = np.array([[chance for _, chance in row.others] for row in answered])
        chances = self.decision.chances(raw, multi_label=self.multi_label)
        given = self.decision.given(chances, multi_label=self.multi_label)
        order = np.argsort(-chances, axis=1, kind="stable").tolist()
        names = self.labels
        result: list[TextRow] = []
        answers = zip(chances.tolist(), given.tolist(), order, strict=True)
        for row in rows:
            if not row.others:
                result.append(row)
                continue
            mine, said, ranked = next(answers)
            labels = [label for label in ranked if said[label]]
            scores = tuple([mine[label] for label in labels])
            others = tuple([(names[label], mine[label]) for label in ranked[:best]])
            told = tuple([names[label] for label in labels])
            result.append(TextRow(row.id, row.text, told, row.lang, row.extra, row.line, scores, others, row.text_b))
        return result

    def odd(self, guess: Sequence[TextRow]) -> str:
        said = {tuple(row.labels or ()) for row in guess}
        if len(guess) < _SAME or len(said) > 1:
            return ""
        what = BAR.join(next(iter(said))) or "no label"
        return f"all {len(guess)} dev texts are given `{what}`: nothing has been learned yet"

    def score(
        self, gold: Sequence[TextRow], guess: Sequence[TextRow], seen: Callable[[str], bool] | None = None
    ) -> dict[str, Any]:
        """Scores; of one label a text with its ``matrix`` of confusions, with probabilities their ``reliability``."""
        if self.multi_label:
            found = label_sets.score(tags_of(gold), tags_of(guess))
        else:
            right, said = ([row.label or "" for row in rows] for rows in (gold, guess))
            found = label_scores.score_texts(right, said)
            answers = sum(map(bool, said))  # where each text has one, precision, recall and accuracy are one
            found["micro_f1"] = ratio(2 * found["accuracy"] * len(right), answers + len(right))
            names = list(found["per_label"])
            if len(names) <= _MATRIX:
                pairs = Counter(zip(right, said, strict=True))
                found["matrix"] = {"labels": names, "counts": [[pairs[a, b] for b in names] for a in names]}
        if self.options.official:
            found["official"] = label_sets.official(found, self.options.official)
        scores, good = self.confidences(gold, guess)
        if scores:
            found["reliability"] = [list(entry) for entry in reliability(scores, good)]
        return {**found, **self.calibration(gold, guess)}

    def counts(self, gold: Sequence[TextRow], guess: Sequence[TextRow]) -> Array:
        names = sorted({label for row in gold for label in row.labels or ()})
        return label_sets.row_counts(tags_of(gold), tags_of(guess), names)

    def confidences(self, gold: Sequence[TextRow], guess: Sequence[TextRow]) -> tuple[list[float], list[bool]]:
        """Of each label given."""
        scores: list[float] = []
        good: list[bool] = []
        for right, said in zip(gold, guess, strict=True):
            for label, score in zip(said.labels or (), said.scores or (), strict=False):
                scores.append(score)
                good.append(label in (right.labels or ()))
        return scores, good

    def facts(self, train: Iterable[TextRow], scores: dict[str, dict[str, Any]]) -> dict[str, Any]:
        """``label_counts``: how many training texts have each label."""
        counts = Counter(label for row in train for label in row.labels or ())
        return {"label_counts": {label: counts[label] for label in self.labels}}

    def card(self, info: dict[str, Any], scores: dict[str, dict[str, Any]]) -> list[str]:
        """How often each label stands in the training rows, and how labels are chosen."""
        counts = ", ".join(f"{label} {count}" for label, count in info["label_counts"].items())
        lines = [f"Labels in the training rows: {counts}.", ""]
        decision = info.get("decision", {})
        if any(decision.get("shift", ())):
            moved = ", ".join(f"{a} {b:+.2f}" for a, b in zip(info["labels"], decision["shift"], strict=True))
            lines.append(
                "Labels are given for the best macro F1 on held-out rows, which may not be the most probable ones: "
                f"log-{'odds' if info['options'].get('multi_label') else 'probabilities'} are moved by {moved}."
            )
        return lines

    @staticmethod
    def lines(scores: dict[str, Any]) -> list[str]:
        low, high = scores["interval"]
        multi_label = "hamming" in scores
        first = "all labels right" if multi_label else "accuracy"
        result = [
            f"macro F1 {scores['macro_f1']:.4f}  (95 %: {low:.4f} to {high:.4f})  {first} {scores['accuracy']:.4f}",
            f"micro F1 {scores['micro_f1']:.4f}  weighted F1 {scores['weighted_f1']:.4f}  "
            f"average recall {scores['average_recall']:.4f}  MCC {scores['mcc']:.4f}",
            f"{counted(scores['rows'], 'text')}, {counted(scores['classes'], 'label')}",
        ]
        if "official" in scores:
            result.insert(1, f"official metric {scores['official']:.4f}")
        if "ece" in scores:
            result.append(f"expected calibration error {scores['ece']:.4f}")
        return [*result, scores["signature"]]


TASK = Classify
