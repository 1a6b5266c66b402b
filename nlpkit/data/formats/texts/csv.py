"""Comma-separated texts (RFC 4180): a header line, fields in ``"`` may hold commas, quotes and line breaks."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from typing import IO

from nlpkit.data.files import Lines, Problem, Report
from nlpkit.data.formats.texts import tsv
from nlpkit.data.rows import TextRow

PLACES = tsv.PLACES
csv.field_size_limit(1 << 30)  # a field may be as long as a line


def read(lines: Lines, where: str, report: Report, columns: dict[str, int | str]) -> Iterator[TextRow]:
    """Yield rows; the line of a row is that on which it ends."""
    reader = csv.reader((line + "\n" for _, line in lines), strict=True)

    def records() -> Iterator[tuple[int, Sequence[str]]]:
        try:
            for fields in reader:
                if fields:
                    yield reader.line_num, fields
        except csv.Error as error:
            what = f"no CSV: {error}"
            report(Problem(where, reader.line_num, "csv", what, 'a field with a quote or a comma stands in "..."'))

    return tsv.rows(records(), where, report, columns)


def write(rows: Iterable[TextRow], file: IO[str], *, multi_label: bool = False, best: int | None = None) -> None:
    """Write what ``tsv`` writes, quoted where it must be."""

    def line(_: TextRow, fields: Sequence[str]) -> str:
        text = io.StringIO()
        csv.writer(text, lineterminator="\n").writerow(fields)
        return text.getvalue()

    tsv.write_table(rows, file, line, multi_label=multi_label, best=best)
