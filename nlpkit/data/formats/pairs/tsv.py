"""Tab-separated pairs: a header line, then a source and its target a line; nothing is quoted.

``columns`` renames header names (``{src: english}``), or gives places from 0 where there is no header (``{src: 0,
tgt: 1}``). ``tgt2``, ``tgt3``, ... are further right answers. An empty target is none. Other columns are kept.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import IO

from nlpkit.data.files import Lines, Report
from nlpkit.data.formats import table
from nlpkit.data.rows import PairRow

PLACES = ("src", "tgt", "src_lang", "tgt_lang", "id")  # what `columns` may name
_REFERENCE = re.compile(r"tgt([2-9]|[1-9][0-9]+)\Z")
_ANSWER = re.compile(r"(tgt|score)[0-9]*\Z")


def read(lines: Lines, where: str, report: Report, columns: dict[str, int | str]) -> Iterator[PairRow]:
    """Yield rows."""
    records = ((number, line.split("\t")) for number, line in lines)
    found = table.read(records, where, report, columns, PLACES)
    if found is None:
        return
    at = found.at
    references = _references(found.names)
    own = [place for name, place in at.items() if name != "id"]  # the id is also written back
    others = found.others([*own, *references])
    for count, (number, fields) in enumerate(found.records, 1):
        value = {name: fields[place] for name, place in at.items()}
        yield PairRow(
            value.get("id", str(count)),
            value["src"],
            value.get("tgt") or None,
            value.get("src_lang", ""),
            value.get("tgt_lang", ""),
            {name: fields[place] for place, name in others},
            number,
            tuple(fields[place] for place in references if fields[place]),
        )


def _references(names: Sequence[str]) -> list[int]:
    """The places of ``tgt2``, ``tgt3``, ...; beside a ``score2`` such a column is an answer of a model."""
    numbers = {int(match[1]): at for at, name in enumerate(names) if (match := _REFERENCE.match(name))}
    return [numbers[number] for number in sorted(numbers) if f"score{number}" not in names]


def write(rows: Iterable[PairRow], file: IO[str], *, best: int | None = None) -> None:
    """Write source, target, languages where rows name them, other right answers, and the columns rows came with.

    ``best`` says that targets are answers: the score stands beside them, and with more than 1 so many of the best
    (``tgt1``, ``score1``, ...) instead of the other right answers; columns of those names that rows came with are then
    older answers and left out, and what the first row has says which columns there are.
    """
    rows = iter(rows)
    head = list(rows) if best is None else list(itertools.islice(rows, 1))
    first = head[0] if head else PairRow("", "")
    langs = [any(row.lang for row in head), any(row.target_lang for row in head)]
    width = max((len(row.references) for row in head), default=0) if best is None else 0
    shown = best if best is not None and best > 1 else 0
    names = ["src", "tgt", *itertools.compress(["src_lang", "tgt_lang"], langs)]
    names += ["score"] if best is not None else []
    names += table.best_names("tgt", shown)
    names += [f"tgt{number}" for number in range(2, width + 2)]
    kept = [name for name in table.kept(first, names) if best is None or not _ANSWER.match(name)]
    file.write(_line(PairRow("header", ""), [*names, *kept]))
    for row in itertools.chain(head, rows):
        fields = [row.text, row.target or "", *itertools.compress([row.lang, row.target_lang], langs)]
        if best is not None:
            fields.append(table.score_field(row.score))
        fields += table.best_fields(row.others, shown)
        fields += [*row.references, *[""] * (width - len(row.references))] if width else []
        file.write(_line(row, [*fields, *(row.extra.get(name, "") for name in kept)]))


def _line(row: PairRow, fields: Sequence[str]) -> str:
    return table.line(row, fields, "\t\n\r\0")
