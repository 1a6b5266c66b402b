"""What a recipe does to the rows of a source before they are learned from."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from nlpkit.config import places
from nlpkit.config.recipe import Codemix, Source, Transform
from nlpkit.data import filters
from nlpkit.data.load import located
from nlpkit.data.rows import PairRow, Row
from nlpkit.errors import InputError, counted
from nlpkit.jobs.codemix import Maker, left_out
from nlpkit.jobs.rundir import Say
from nlpkit.jobs.written import Writer

MIXED = "<cm>"  # stands before a source whose target was mixed by a rule


def transformed(rows: list[Row], source: Source, data_dir: Path | None, say: Say) -> list[Row]:
    """The rows after all transforms of their source, in order. Raises InputError where none are left."""
    for number, transform in enumerate(source.transforms, 1):
        before = len(rows)
        rows = _one(rows, transform, data_dir, say)
        if not rows:
            what = f"transform {number} of `{_name(source)}` leaves none of {counted(before, 'row')}"
            raise InputError(what, "make it milder")
    return rows


def _name(source: Source) -> str:
    return source.card or ", ".join(source.files or [])


def _one(rows: list[Row], transform: Transform, data_dir: Path | None, say: Say) -> list[Row]:
    if rows and not isinstance(rows[0], PairRow):
        raise InputError("`transforms` are for pairs")
    if transform.filter is not None:
        identify: Any = None
        if transform.filter.lang:
            from nlpkit.jobs.langid import Identifier

            identify = Identifier(str(places.model("langid")))
        kept, counts = filters.apply(rows, transform.filter, identify)
        say(f"filter: {counted(len(kept), 'pair', of=len(rows))} kept{left_out(counts)}")
        return list(kept)
    if (spec := transform.codemix) is not None:
        spec = _found(spec, data_dir)
        maker = Maker(spec, lambda: rows, rows[0] if rows else None, say)
        made: list[Row] = [one.row for one in maker(rows)]
        if spec.tag:
            made = [replace(row, text=f"{MIXED} {row.text}") for row in made]
        say(f"codemix: {counted(len(made), 'sentence')} of {len(rows)} by {spec.method}{maker.told()}")
        return made
    what = "backtranslate" if transform.backtranslate else "translate"
    written = transform.backtranslate or transform.translate
    assert written is not None
    pairs: list[Row] = list(Writer(written, say)(rows))
    say(f"{what}: {counted(len(pairs), 'pair')} of {counted(len(rows), 'text')} by `{Path(written.model).name}`")
    return pairs


def _found(spec: Codemix, data_dir: Path | None) -> Codemix:
    """The same with the paths of its files."""

    def path(name: str) -> str:
        return located(name, data_dir)

    return spec.model_copy(
        update={
            "lexicon": spec.lexicon and path(spec.lexicon),
            "vectors": spec.vectors and [path(name) for name in spec.vectors],
            "learn": [path(name) for name in spec.learn],
        }
    )
