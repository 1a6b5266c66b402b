"""What a recipe does to the rows of a source before they are learned from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from nlpkit.config import places
from nlpkit.config.recipe import Backtranslate, Source, Transform
from nlpkit.data import filters
from nlpkit.data.rows import PairRow, Row
from nlpkit.errors import InputError
from nlpkit.jobs.rundir import Say

TAG = "<bt>"  # stands before a source that a model has written


def transformed(rows: list[Row], source: Source, say: Say) -> list[Row]:
    """The rows after all transforms of their source, in order. Raises InputError where none are left."""
    for number, transform in enumerate(source.transforms, 1):
        before = len(rows)
        rows = _one(rows, transform, say)
        if not rows:
            raise InputError(f"transform {number} of `{_name(source)}` leaves none of {before} rows", "make it milder")
    return rows


def _name(source: Source) -> str:
    return source.card or ", ".join(source.files or [])


def _one(rows: list[Row], transform: Transform, say: Say) -> list[Row]:
    if rows and not isinstance(rows[0], PairRow):
        raise InputError("`transforms` are for pairs")
    if transform.filter is not None:
        identify: Any = None
        if transform.filter.lang:
            from nlpkit.jobs.langid import Identifier

            identify = Identifier(str(places.model("langid")))
        kept, counts = filters.apply(rows, transform.filter, identify)
        told = ", ".join(f"{reason} {count}" for reason, count in counts.items() if count)
        say(f"filter: {len(kept)} of {len(rows)} pairs kept" + (f"; left out: {told}" if told else ""))
        return list(kept)
    assert transform.backtranslate is not None
    return _backtranslated(rows, transform.backtranslate, say)


def _backtranslated(rows: Sequence[PairRow], spec: Backtranslate, say: Say) -> list[Row]:
    """Pairs of the rows' targets (their texts, where they have none) with sources that a reverse model has written."""
    from nlpkit.jobs.predict import Predictor

    reverse = Predictor(
        str(Path(spec.model)), task="translate", decoding=lambda _: spec.decoding, engine="auto", say=say
    )
    texts = [row.target if row.target is not None else row.text for row in rows]
    langs = [(row.target_lang, row.lang) if row.target is not None else (row.lang, "") for row in rows]
    asked = [
        PairRow(row.id, text, None, lang, target_lang, line=row.line)
        for row, text, (lang, target_lang) in zip(rows, texts, langs, strict=True)
    ]
    made: list[Row] = []
    learned = reverse.info.get("target_languages") or [""]
    for row, text, answer in zip(rows, texts, reverse(asked), strict=True):
        if text.strip() and (answer.target or "").strip():
            source = f"{TAG} {answer.target}" if spec.tag else answer.target
            lang, target_lang = answer.target_lang or learned[0], answer.lang or row.target_lang
            made.append(replace(row, text=source, target=text, lang=lang, target_lang=target_lang, references=()))
    say(f"backtranslate: {len(made)} pairs of {len(rows)} texts by `{Path(spec.model).name}`")
    return made
