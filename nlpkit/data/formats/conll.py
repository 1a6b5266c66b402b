"""Column files: one token a line, blank line between sentences (CoNLL-2002, CoNLL-2003 and their kin).

Columns are cut at tabs where the file has tabs, else at runs of blanks. The token is the first column and the
tag the last, unless ``columns`` says otherwise (``{token: 1, tag: 2}``, counted from 0, negative from the end;
``tag: none`` reads tokens alone). ``-DOCSTART-`` lines part documents, comment lines are kept aside.
"""

from __future__ import annotations

import itertools
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import IO

from nlpkit.data.files import Lines, Problem, Report
from nlpkit.data.rows import TokenRow
from nlpkit.errors import InputError

_BLANK = " \t"
_RUN = re.compile(r"[ \t]+")  # not str.split(): a no-break space or U+2028 may stand inside a token


def _fields(line: str, tabbed: bool) -> list[str]:
    return line.split("\t") if tabbed else _RUN.split(line.strip(_BLANK))


def _layout(sample: list[str]) -> tuple[bool, int]:
    """(cut at tabs?, number of columns) by the majority of the first lines."""
    content = [line for line in sample if line.strip(_BLANK) and not line.startswith("-DOCSTART-")]
    body = [line for line in content if not line.startswith("# ")] or content
    tabbed = sum("\t" in line for line in body) * 2 > len(body)
    counts = Counter(len(_fields(line, tabbed)) for line in body)
    return tabbed, counts.most_common(1)[0][0] if counts else 2


def column(columns: dict[str, int | str], name: str, default: int) -> int | None:
    """The number of a named column; None for ``none``."""
    value = columns.get(name, default)
    if value == "none":
        return None
    if not isinstance(value, int):
        raise InputError(f"column `{name}` must be a number or `none`, got `{value}`")
    return value


def _is_comment(line: str, fields: list[str], width: int, inside: bool) -> bool:
    return line.startswith("#") and not inside and len(fields) != width


def read(lines: Lines, where: str, report: Report, columns: dict[str, int | str]) -> Iterator[TokenRow]:
    """Yield sentences; ``-DOCSTART-`` sets ``extra["doc"]``, comments go to ``extra["comments"]``."""
    lines = iter(lines)
    head = list(itertools.islice(lines, 200))
    tabbed, width = _layout([text for _, text in head])
    token_at = column(columns, "token", 0)
    tag_at = column(columns, "tag", -1)
    if token_at is None:
        raise InputError("column `token` cannot be `none`")
    needed = max(number if number >= 0 else -number - 1 for number in (token_at, tag_at or 0)) + 1
    if tag_at == -1 and width == 1:
        tag_at = None  # one column: tokens alone
    tokens: list[str] = []
    tags: list[str] = []
    comments: list[str] = []
    first = count = document = 0

    def row() -> TokenRow:
        nonlocal count
        count += 1
        extra = {"comments": "\n".join(comments)} if comments else {}
        if document:
            extra["doc"] = str(document)
        return TokenRow(str(count), tuple(tokens), tuple(tags) if tag_at is not None else None, extra=extra, line=first)

    for number, line in itertools.chain(head, lines):
        if not line.strip(_BLANK):
            if line:
                what = "a separator line that holds blanks"
                report(Problem(where, number, "stray-blank", what, "read as an empty line", warning=True))
            if tokens:
                yield row()
                tokens, tags, comments = [], [], []
            continue
        fields = _fields(line, tabbed)
        if fields[0] == "-DOCSTART-":
            document += 1
            continue
        if _is_comment(line, fields, width, bool(tokens)):
            comments.append(line)
            continue
        if tabbed and len(fields) > width and not any(field.strip() for field in fields[width:]):
            fields = fields[:width]
            report(Problem(where, number, "stray-blank", "tabs at the end of the line", "dropped", warning=True))
        if len(fields) != width or len(fields) < needed:
            sign = "tab" if tabbed else "blank"
            what = f"{len(fields)} columns, {max(width, needed)} expected (cut at {sign}s)"
            report(Problem(where, number, "columns", what, "give every token line the same columns"))
            if len(fields) < needed:
                continue
        token = fields[token_at].strip(_BLANK)
        tag = fields[tag_at].strip(_BLANK) if tag_at is not None else "O"
        if not token or not tag:
            which = "token" if not token else "tag"
            report(Problem(where, number, "empty-field", f"the {which} is empty", "fill it, or remove the line"))
            continue
        if not tokens:
            first = number
        tokens.append(token)
        tags.append(tag)
    if tokens:
        yield row()


def write(rows: Iterable[TokenRow], file: IO[str]) -> None:
    """Token, tab where a token holds a blank, else blank; then the tag. One empty line after each row."""
    document = ""
    for row in rows:
        if row.extra.get("doc", "") != document:
            document = row.extra["doc"]
            file.write("-DOCSTART- O\n\n")
        if "comments" in row.extra:
            file.write(row.extra["comments"] + "\n")
        tags = row.tags if row.tags is not None else ["O"] * len(row.tokens)
        for token, tag in zip(row.tokens, tags, strict=True):
            file.write(f"{token}\t{tag}\n")
        file.write("\n")
