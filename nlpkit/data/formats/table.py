"""What tables share: which column holds what, one row a record, or a fault with its line; the columns of answers."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from nlpkit.data.files import Problem, Report
from nlpkit.data.rows import JSON, Row, refuse
from nlpkit.errors import InputError, counted

Records = Iterator[tuple[int, Sequence[str]]]


@dataclass(frozen=True, slots=True)
class Table:
    """The ``names`` of the columns, where the format's own ones are (``at``), and (line, fields) of each row."""

    names: Sequence[str]
    at: Mapping[str, int]
    records: Records

    def others(self, own: Iterable[int]) -> list[tuple[int, str]]:
        """(place, name) of the columns that are not ``own``."""
        taken = set(own)
        return [(place, name) for place, name in enumerate(self.names) if place not in taken]


def read(
    records: Iterable[tuple[int, Sequence[str]]],
    where: str,
    report: Report,
    columns: Mapping[str, int | str],
    places: Sequence[str],
) -> Table | None:
    """The table of (line, fields), of which the first are its header, unless ``columns`` holds places from 0.

    None where there is no line, or one of ``columns`` or the first of ``places`` is not there (which is reported).
    """
    records = iter(records)
    head = next(records, None)
    if head is None:
        return None
    if any(isinstance(place, int) for place in columns.values()):
        names = [str(place) for place in range(len(head[1]))]
        records = itertools.chain([head], records)
    else:
        names = list(head[1])
    if twice := [name for name in names if names.count(name) > 1]:
        what = f"two columns are called `{twice[0]}`"
        report(Problem(where, head[0], "header", what, "give each column a name of its own"))
        return None
    at = {}
    for name in places:
        wanted = str(columns.get(name, name))
        if wanted in names:
            at[name] = names.index(wanted)
        elif name == places[0] or name in columns:
            what = f"no column `{wanted}`, there are " + ", ".join(f"`{name}`" for name in names)
            fix = f"name it: --column {name}=..., columns: {{{name}: ...}}; its place from 0 where there is no header"
            report(Problem(where, head[0], "header", what, fix))
            return None
    return Table(names, at, _whole(records, len(names), where, report))


def _whole(records: Records, width: int, where: str, report: Report) -> Records:
    """The records of as many fields as the first."""
    for number, fields in records:
        if len(fields) == width:
            yield number, fields
            continue
        what = f"{counted(len(fields), 'column')}, {width} in the first line"
        report(Problem(where, number, "columns", what, "a tab or line break inside a field? write a blank"))


def line(row: Row, fields: Sequence[str], signs: str = "\t\n\0") -> str:
    """The line of a tab-separated table. Raises InputError where a field holds one of ``signs``."""
    refuse(row, [field or "_" for field in fields], signs, "tsv")
    return "\t".join(fields) + "\n"


def best_names(name: str, count: int) -> list[str]:
    """The columns of that many of the best answers: ``tgt1``, ``score1``, ``tgt2``, ..."""
    return [f"{column}{number}" for number in range(1, count + 1) for column in (name, "score")]


def best_fields(others: Sequence[tuple[str, float]], count: int) -> list[str]:
    """Their fields, empty where a row has fewer."""
    found = [field for answer, score in others[:count] for field in (answer, score_field(score))]
    return found + [""] * (2 * count - len(found))


def score_field(score: float | None) -> str:
    """A score as a table has it; empty for none."""
    return "" if score is None else f"{score:.4f}"


def kept(row: Row, names: Sequence[str]) -> list[str]:
    """The columns that a row came with, less ``names``. Raises InputError for a row of JSON."""
    if JSON in row.extra:
        raise InputError("rows of JSON have keys that a table cannot hold", "use --to jsonl")
    return [name for name in row.extra if name not in names]
