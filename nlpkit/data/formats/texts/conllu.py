"""CoNLL-U sentences as texts: ``# text`` with one of the other comments as the label, ``lang`` unless told."""

from __future__ import annotations

from collections.abc import Iterator

from nlpkit.data.files import Lines, Report
from nlpkit.data.formats.tokens import conllu
from nlpkit.data.rows import TextRow, surface

PLACES = ("label",)  # what `columns` may name: a comment


def read(lines: Lines, where: str, report: Report, columns: dict[str, int | str]) -> Iterator[TextRow]:
    """Yield rows; ``columns`` names the comment, e.g. ``{label: sentiment}``."""
    name = str(columns.get("label", "lang"))
    for row in conllu.read(lines, where, report, {}):
        comments = {
            key.strip(): value.strip()
            for line in row.extra["conllu"].split("\n")
            if line.startswith("#")
            for key, sign, value in [line[1:].partition("=")]
            if sign
        }
        label = comments.get(name)
        yield TextRow(row.id, surface(row)[0], (label,) if label else None, row.lang, {}, row.line)
