"""stdout carries data, stderr everything else; a progress line only on a terminal."""

from __future__ import annotations

import json
import os
import re
import sys
import time
from collections.abc import Iterable, Sequence
from typing import Any
from unicodedata import category


def stand_in() -> None:
    """Something in the place of a stream that is closed: reading or writing it fails as it should, with an OSError.

    Else the next file opened would get its number. What a closed stderr is told goes nowhere.
    """
    if sys.stdin is None:
        sys.stdin = os.fdopen(os.open(os.devnull, os.O_WRONLY), "r", encoding="utf-8")
    if sys.stdout is None:
        sys.stdout = os.fdopen(os.open(os.devnull, os.O_RDONLY), "w", encoding="utf-8")
    if sys.stderr is None:
        sys.stderr = os.fdopen(os.open(os.devnull, os.O_WRONLY), "w", encoding="utf-8")


class Stderr:
    """Messages for a person. ``quiet`` keeps errors only."""

    quiet = False

    def __init__(self) -> None:
        self._line = False
        self._last = 0.0

    def say(self, text: str) -> None:
        if not self.quiet:
            self.print(text)

    def print(self, text: str) -> None:
        self._clear()
        sys.stderr.write(text + "\n")
        sys.stderr.flush()

    def _clear(self) -> None:
        if self._line:
            sys.stderr.write("\r\x1b[K")
            self._line = False

    def tick(self, done: int, total: int, text: str) -> None:
        """Progress, drawn over itself; nothing unless stderr is a terminal."""
        if self.quiet or not sys.stderr.isatty() or os.environ.get("TERM") == "dumb":
            return
        now = time.monotonic()
        if now - self._last < 0.1 and done < total:
            return
        self._last = now
        sys.stderr.write(f"\r\x1b[K{done}/{total}  {text}")
        sys.stderr.flush()
        self._line = True
        if done >= total:
            self._clear()


stderr = Stderr()
_NUMBER = re.compile(r"(-|[+-]?[0-9]+(\.[0-9]+)?\*?( ± [0-9.]+)?)?")


def print_json(data: Any) -> None:
    text = json.dumps(data, ensure_ascii=False, indent=1)
    sys.stdout.write(text.encode("utf-8", "backslashreplace").decode() + "\n")  # a file's name may be no UTF-8


def print_lines(lines: Iterable[str]) -> None:
    for line in lines:
        sys.stdout.write(line + "\n")


def table(head: Sequence[str], rows: Iterable[Sequence[Any]]) -> list[str]:
    """Columns parted by two blanks, each as wide as its widest cell; numbers to the right."""
    cells = [[cell(value) for value in row] for row in rows]
    widths = [max(len(row[i]) for row in [list(head), *cells]) for i in range(len(head))]
    right = numeric(cells, len(head))

    def line(row: Sequence[str]) -> str:
        return "  ".join(c.rjust(w) if n else c.ljust(w) for c, w, n in zip(row, widths, right, strict=True)).rstrip()

    return [line(head), *(line(row) for row in cells)]


def numeric(cells: Sequence[Sequence[str]], columns: int) -> list[bool]:
    """Of each column whether it holds numbers, and nothing else but empty cells."""
    return [any(row[at] for row in cells) and all(_NUMBER.fullmatch(row[at]) for row in cells) for at in range(columns)]


def cell(value: Any) -> str:
    """A value as it stands in a table: nothing in it ends a line or moves the cursor."""
    if isinstance(value, float):
        return f"{value:.4f}"
    return "".join(_escaped(char) if category(char) in ("Cc", "Cs") or char in _BIDI else char for char in str(value))


_BIDI = "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"


def _escaped(char: str) -> str:
    return char.encode("unicode_escape").decode()


def printable(text: str) -> str:
    """Control characters as escapes: a message must not move the cursor."""
    return "".join(char if char.isprintable() or char in "\n\t" else _escaped(char) for char in text)
