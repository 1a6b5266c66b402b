"""Raw text: one row a line, empty lines too. It has no labels, so it is not written."""

from __future__ import annotations

from collections.abc import Iterator

from nlpkit.data.files import Lines, Report
from nlpkit.data.rows import TextRow

PLACES = ()  # what `columns` may name


def read(lines: Lines, where: str, report: Report, columns: dict[str, int | str]) -> Iterator[TextRow]:
    """Yield one row a line."""
    for number, line in lines:
        yield TextRow(str(number), line, line=number)
