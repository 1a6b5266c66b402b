"""What every JSON Lines format shares: one object a line, or a fault with its line."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from typing import Any

from nlpkit.data.files import Lines, Problem, Report

_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")


class Bad(Exception):
    """One row that cannot be read: (code, what, fix)."""


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
