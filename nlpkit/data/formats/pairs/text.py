"""Raw text: read as one source a line, empty lines too; written as one target a line."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import IO

from nlpkit.data.files import Lines, Report
from nlpkit.data.rows import PairRow
from nlpkit.text.normalize import LINE_BREAKS

PLACES = ()  # what `columns` may name
_BREAK = re.compile("\r\n|[\r\n" + "".join(sorted(LINE_BREAKS)) + "]")
_BARS = "|||"  # between the fields of an n-best list


def read(lines: Lines, where: str, report: Report, columns: dict[str, int | str]) -> Iterator[PairRow]:
    """Yield one row a line."""
    for number, line in lines:
        yield PairRow(str(number), line, line=number)


def write(rows: Iterable[PairRow], file: IO[str], *, best: int | None = None) -> None:
    """One target a line: a blank for a line break in it, an empty line for none.

    With more than 1 ``best`` the list is that of Moses, ``NUMBER ||| TEXT ||| SCORE`` with the rows numbered from 0;
    the bars are spaced out where they stand in a text.
    """
    for number, row in enumerate(rows):
        if (best or 0) <= 1:
            file.write(_BREAK.sub(" ", row.target or "") + "\n")
            continue
        for target, score in row.others[:best] or [(row.target or "", row.score or 0.0)]:
            text = _BREAK.sub(" ", target).replace(_BARS, " ".join(_BARS))
            file.write(f"{number} {_BARS} {text} {_BARS} {score:.4f}\n")
