"""Parts of speech, or any other label of which each word has one (XPOS, a feature, a key of MISC)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from nlpkit.data.rows import TokenRow
from nlpkit.errors import InputError, counted
from nlpkit.metrics import labels as label_scores
from nlpkit.metrics.significance import Array
from nlpkit.tasks.base import TokenTask, tags_of


class Pos(TokenTask):
    main_metric = "accuracy"
    reported = ("accuracy",)
    unit = "tag"
    spans = False
    blank = label_scores.NONE
    statistic = staticmethod(label_scores.accuracy_of)

    @classmethod
    def prepare(cls, row: TokenRow, options: Any, scheme: str, mend: bool) -> TokenRow:
        return row

    @classmethod
    def find_labels(cls, rows: Iterable[TokenRow], options: Any) -> list[str]:
        found = {tag for row in rows for tag in row.tags or ()} - {cls.blank}
        if len(found) < 2:
            raise InputError(
                "the training rows hold fewer than two tags", "is the tag in another column? data.columns.tag=xpos"
            )
        return sorted(found)

    def score(
        self, gold: Sequence[TokenRow], guess: Sequence[TokenRow], seen: Callable[[str], bool] | None = None
    ) -> dict[str, Any]:
        found = label_scores.score(tags_of(gold), tags_of(guess), [row.tokens for row in gold], seen)
        return {**found, **self.calibration(gold, guess)}

    def counts(self, gold: Sequence[TokenRow], guess: Sequence[TokenRow]) -> Array:
        return label_scores.row_counts(tags_of(gold), tags_of(guess))

    def confidences(self, gold: Sequence[TokenRow], guess: Sequence[TokenRow]) -> tuple[list[float], list[bool]]:
        """Of each word."""
        found = [
            (score, a == b)
            for right, said in zip(gold, guess, strict=True)
            for a, b, score in zip(right.tags or (), said.tags or (), said.scores or (), strict=False)
            if a != self.blank
        ]
        return [score for score, _ in found], [good for _, good in found]

    @staticmethod
    def lines(scores: dict[str, Any]) -> list[str]:
        low, high = scores["interval"]
        unscored = scores["tokens"] - scores["support"]
        size = f"{counted(scores['rows'], 'row')}, {counted(scores['tokens'], 'word')}"
        result = [
            size + (f", {unscored} of them untagged" if unscored else ""),
            f"accuracy {scores['accuracy']:.4f}  (95 %: {low:.4f} to {high:.4f})  macro F1 {scores['macro_f1']:.4f}",
        ]
        if "accuracy_known" in scores:
            result.append(
                f"known words {scores['accuracy_known']:.4f}  unknown words {scores['accuracy_unknown']:.4f}  "
                f"({100 * scores['unknown']:.1f} % are unknown)"
            )
        if "ece" in scores:
            result.append(f"expected calibration error {scores['ece']:.4f}")
        return [*result, scores["signature"]]


TASK = Pos
