"""Named entities: spans of words with a type."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Any, Literal

from pydantic import Field

from nlpkit.config.explain import Strict
from nlpkit.data.rows import TokenRow
from nlpkit.errors import InputError, counted
from nlpkit.metrics import spans as span_scores
from nlpkit.metrics.significance import Array
from nlpkit.tasks.base import TokenTask, tags_of
from nlpkit.text import spans


class Ner(TokenTask):
    main_metric = "f1"
    reported = ("f1", "precision", "recall")
    unit = "type"
    spans = True
    blank = "O"
    statistic = staticmethod(span_scores.f1_of)

    class Options(Strict):
        """Keys under ``options:`` in a recipe for ner."""

        types: list[str] | None = Field(None, description="entity types to learn; any other is read as O; default: all")
        decode: Literal["argmax", "legal"] = Field(
            "legal", description="legal: an I- that continues nothing is read as B-; argmax: left as it is"
        )

    @classmethod
    def prepare(cls, row: TokenRow, options: Any, scheme: str, mend: bool) -> TokenRow:
        if row.tags is None:
            return row
        tags = spans.to_iob2(row.tags, scheme)
        if mend:
            tags = spans.mend(tags)
        if options.types is not None:
            tags = [tag if spans.split(tag)[1] in options.types else "O" for tag in tags]
        return replace(row, tags=tags)

    @classmethod
    def find_labels(cls, rows: Iterable[TokenRow], options: Any) -> list[str]:
        types = {spans.split(tag)[1] for row in rows for tag in row.tags or ()} - {""}
        if not types:
            raise InputError("the training rows hold no entity", "is the tag in another column? data.columns.tag=3")
        return ["O", *(f"{prefix}-{name}" for name in sorted(types) for prefix in "BI")]

    def wanted(self, row: TokenRow) -> list[str]:
        return self.mended(super().wanted(row))  # learn what will be said

    def mended(self, tags: list[str]) -> list[str]:
        return spans.mend(tags) if self.options.decode == "legal" else tags

    def score(
        self, gold: Sequence[TokenRow], guess: Sequence[TokenRow], seen: Callable[[str], bool] | None = None
    ) -> dict[str, Any]:
        return {**span_scores.score(tags_of(gold), tags_of(guess)), **self.calibration(gold, guess)}

    def counts(self, gold: Sequence[TokenRow], guess: Sequence[TokenRow]) -> Array:
        return span_scores.row_counts(tags_of(gold), tags_of(guess))

    def confidences(self, gold: Sequence[TokenRow], guess: Sequence[TokenRow]) -> tuple[list[float], list[bool]]:
        """Of each entity said: its least sure word."""
        found: list[tuple[float, bool]] = []
        for right, said in zip(gold, guess, strict=True):
            if said.scores is not None:
                true = set(spans.to_spans(right.tags or ()))
                found += [(min(said.scores[s.start : s.end]), s in true) for s in spans.to_spans(said.tags or ())]
        return [score for score, _ in found], [good for _, good in found]

    @staticmethod
    def lines(scores: dict[str, Any]) -> list[str]:
        low, high = scores["interval"]
        sizes = (("rows", "row"), ("tokens", "token"), ("support", "entity"))
        return [
            ", ".join(counted(scores[key], noun) for key, noun in sizes),
            f"F1 {scores['f1']:.4f}  (95 %: {low:.4f} to {high:.4f})  "
            f"precision {scores['precision']:.4f}  recall {scores['recall']:.4f}",
            f"macro F1 {scores['macro_f1']:.4f}  lenient F1 {scores['lenient_f1']:.4f}  "
            f"token accuracy {scores['accuracy']:.4f}",
            *([f"expected calibration error {scores['ece']:.4f}"] if "ece" in scores else []),
            scores["signature"],
        ]


TASK = Ner
