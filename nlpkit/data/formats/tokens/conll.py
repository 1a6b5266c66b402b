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
from dataclasses import dataclass
from typing import IO

from nlpkit.data.files import Lines, Problem, Report
from nlpkit.data.rows import TokenRow, refuse
from nlpkit.errors import InputError, counted

PLACES = ("token", "tag")  # what `columns` may name

_BLANK = " \t"
_RUN = re.compile(r"[ \t]+")  # not str.split(): a no-break space or U+2028 may stand inside a token


def _border(line: str) -> bool:
    """Whether a document begins here; the line may be cut otherwise than the others."""
    return "-DOCSTART-" in line and _RUN.split(line.strip(_BLANK), maxsplit=1)[0] == "-DOCSTART-"


def _fields(line: str, tabbed: bool) -> list[str]:
    return line.split("\t") if tabbed else _RUN.split(line.strip(_BLANK))


def _majority(sample: list[str]) -> tuple[bool, int]:
    """(cut at tabs?, number of columns) by the majority of the first lines."""
    content = [line for line in sample if line.strip(_BLANK) and not _border(line)]
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


@dataclass(frozen=True, slots=True)
class _Layout:
    """How the token lines of a file are cut, and where the token and the tag stand."""

    tabbed: bool
    width: int
    token: int
    tag: int | None

    @property
    def needed(self) -> int:
        return max(at if at >= 0 else -at - 1 for at in (self.token, self.tag or 0)) + 1

    def cut(self, line: str) -> list[str]:
        return _fields(line, self.tabbed)

    def parse(self, fields: list[str], where: str, number: int, report: Report) -> tuple[str, str] | None:
        """(token, tag) of a line; None, after a report, where it has none."""
        if self.tabbed and len(fields) > self.width and not any(field.strip() for field in fields[self.width :]):
            fields = fields[: self.width]
            report(Problem(where, number, "stray-blank", "tabs at the end of the line", "dropped", warning=True))
        if len(fields) != self.width or len(fields) < self.needed:
            sign = "tab" if self.tabbed else "blank"
            wanted = max(self.width, self.needed)
            what = f"{counted(len(fields), 'column')}, {wanted} expected (cut at {sign}s)"
            report(Problem(where, number, "columns", what, "give every token line the same columns"))
            return None
        token = fields[self.token].strip(_BLANK)
        tag = fields[self.tag].strip(_BLANK) if self.tag is not None else "O"
        if token and tag:
            return token, tag
        which = "token" if not token else "tag"
        report(Problem(where, number, "empty-field", f"the {which} is empty", "fill it, or remove the line"))
        return None


def _find_layout(sample: list[str], columns: dict[str, int | str]) -> _Layout:
    tabbed, width = _majority(sample)
    token, tag = column(columns, "token", 0), column(columns, "tag", -1)
    if token is None:
        raise InputError("column `token` cannot be `none`")
    if tag == -1 and width == 1:
        tag = None  # one column: tokens alone
    return _Layout(tabbed, width, token, tag)


def read(lines: Lines, where: str, report: Report, columns: dict[str, int | str]) -> Iterator[TokenRow]:
    """Yield sentences; ``-DOCSTART-`` sets ``extra["doc"]``, comments go to ``extra["comments"]``."""
    lines = iter(lines)
    head = list(itertools.islice(lines, 200))
    layout = _find_layout([text for _, text in head], columns)
    words: list[tuple[str, str, int]] = []
    comments: list[str] = []
    count = document = 0

    def row() -> TokenRow:
        extra = {"comments": "\n".join(comments)} if comments else {}
        if document:
            extra["doc"] = str(document)
        if not layout.tabbed:
            extra["sep"] = " "
        tokens, tags, places = zip(*words, strict=True)
        kept = tags if layout.tag is not None else None
        return TokenRow(str(count), tokens, kept, extra=extra, line=places[0], lines=places)

    for number, line in itertools.chain(head, lines):
        border = _border(line)
        if border or not line.strip(_BLANK):
            if line and not border:
                what = "a separator line that holds blanks"
                report(Problem(where, number, "stray-blank", what, "read as an empty line", warning=True))
            if words:
                count += 1
                yield row()
                words, comments = [], []
            document += border
            continue
        fields = layout.cut(line)
        if line.startswith("#") and not words and len(fields) != layout.width:
            comments.append(line)
        elif word := layout.parse(fields, where, number, report):
            words.append((*word, number))
    if words:
        count += 1
        yield row()


def write(
    rows: Iterable[TokenRow], file: IO[str], *, columns: dict[str, int | str] | None = None, spans: bool = True
) -> None:
    """Token and tag (in an untagged row O, or _ without ``spans``), parted by a tab, or a blank where it was read so.

    One empty line follows each row.

    A token or tag that a column cannot hold (a tab, a line feed, blanks at its ends) raises InputError.
    """
    document = ""
    for row in rows:
        if row.extra.get("doc", "") != document:
            document = row.extra.get("doc", "")
            file.write("-DOCSTART-\tO\n\n")
        if "comments" in row.extra:
            file.write(row.extra["comments"].replace("\t", " ") + "\n")
        sep = row.extra.get("sep", "\t")
        tags = row.tags if row.tags is not None else ["O" if spans else "_"] * len(row.tokens)
        for token, tag in zip(row.tokens, tags, strict=True):
            refuse(row, (token, tag), "\t\n\0", "conll")
            if token.strip(_BLANK) != token or tag.strip(_BLANK) != tag or token == "-DOCSTART-":
                raise InputError(f"row {row.id}: conll would read `{token}`, `{tag}` otherwise", "use --to jsonl")
            file.write(f"{token}{sep}{tag}\n")
        file.write("\n")
