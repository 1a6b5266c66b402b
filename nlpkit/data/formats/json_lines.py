"""What every JSON Lines format shares: one object a line, one row an object, or a fault with its line."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from typing import Any, TypeVar

from nlpkit.data.files import Lines, Problem, Report
from nlpkit.data.rows import JSON

R = TypeVar("R")
_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")


class Bad(Exception):
    """One row that cannot be read: (code, what, fix)."""


def rows(
    lines: Lines,
    where: str,
    report: Report,
    columns: Mapping[str, int | str],
    places: Sequence[str],
    row: Callable[[dict[str, Any], dict[str, str], int, int], R],
) -> Iterator[R]:
    """What ``row`` makes of each (object, key of each of ``places``, line, count); where it raises Bad, a fault."""
    keys = {name: str(columns.get(name, name)) for name in places}
    for count, (number, data) in enumerate(objects(lines, where, report), 1):
        try:
            yield row(data, keys, number, count)
        except Bad as bad:
            report(Problem(where, number, *bad.args))


def kept(data: Mapping[str, Any], own: Container[str]) -> dict[str, str]:
    """``extra`` of a row: the strings whose keys are not ``own``, and under ``JSON`` all that is not."""
    others = {key: value for key, value in data.items() if key not in own}
    extra = {key: value for key, value in others.items() if isinstance(value, str)}
    return {**extra, JSON: json.dumps(others, ensure_ascii=False)} if others else extra


def objects(lines: Lines, where: str, report: Report) -> Iterator[tuple[int, dict[str, Any]]]:
    """(line, object) of every line that holds one."""
    for number, line in lines:
        if not line.strip():
            what, fix = "an empty line", "skipped; JSON Lines has one object a line"
            report(Problem(where, number, "empty-line", what, fix, warning=True))
            continue
        try:
            yield number, _parse(line)
        except Bad as bad:
            report(Problem(where, number, *bad.args))


def _parse(line: str) -> dict[str, Any]:
    try:
        data = json.loads(line, parse_float=_finite, parse_constant=_finite)
        if _SURROGATE.search(line):
            json.dumps(data, ensure_ascii=False).encode("utf-8")
    except UnicodeEncodeError as error:
        half = ascii(error.object[error.start])
        raise Bad("surrogate", f"{half} is half of a surrogate pair", "restore the character") from None
    except (ValueError, RecursionError) as error:
        raise Bad("json", f"not JSON: {error}", "one object a line") from None
    if not isinstance(data, dict):
        raise Bad("json", "not a JSON object", "write {...}")
    return data


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"the number {text} is not finite")
    return value
