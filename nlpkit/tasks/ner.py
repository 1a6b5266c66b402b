"""Named entities: spans of words with a type."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any, Literal

from pydantic import Field

from nlpkit.config.explain import Strict
from nlpkit.data.features import IGNORE, Feature, Output, Pieces
from nlpkit.data.rows import TokenRow
from nlpkit.errors import InputError
from nlpkit.metrics import spans as span_scores
from nlpkit.tasks.base import Task, token_features
from nlpkit.text import spans


class Ner(Task):
    head = "tokens"
    main_metric = "f1"

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

    def encode(self, rows: Sequence[TokenRow], tokenizer: Pieces, max_length: int, *, learn: bool) -> list[Feature]:
        labels = None
        if learn:
            number = {label: i for i, label in enumerate(self.labels)}
            mend = spans.mend if self.options.decode == "legal" else list  # learn what will be said
            labels = [[number.get(tag, IGNORE) for tag in mend(row.tags or ())] for row in rows]
        return token_features(rows, labels, tokenizer, max_length)

    def decode(self, row: TokenRow, outputs: Sequence[tuple[Feature, Output]]) -> TokenRow:
        tags, scores = ["O"] * len(row.tokens), [1.0] * len(row.tokens)
        for feature, output in outputs:
            for word, label, score in zip(feature.words, output.labels, output.scores, strict=True):
                tags[word], scores[word] = self.labels[label], score
        if self.options.decode == "legal":
            tags = spans.mend(tags)
        return replace(row, tags=tuple(tags), scores=tuple(scores))

    def score(self, gold: Sequence[TokenRow], guess: Sequence[TokenRow]) -> dict[str, Any]:
        return span_scores.score([row.tags or () for row in gold], [row.tags or () for row in guess])


TASK = Ner
