"""CoNLL-U: ten columns cut at tabs, comments, multiword tokens ``3-4`` and empty nodes ``8.1`` kept.

The tag is UPOS; ``columns: {tag: xpos}`` or ``{tag: misc:NER}`` reads another column or one key of FEATS or MISC.
``# lang = xxx_Xxxx`` names a sentence's language.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import IO

from nlpkit.data.files import Lines, Problem, Report
from nlpkit.data.rows import TokenRow
from nlpkit.errors import InputError

COLUMNS = ("id", "form", "lemma", "upos", "xpos", "feats", "head", "deprel", "deps", "misc")
_WORD = re.compile(r"[1-9][0-9]*\Z")
_RANGE = re.compile(r"([1-9][0-9]*)-([1-9][0-9]*)\Z")
_EMPTY = re.compile(r"[0-9]+\.[1-9][0-9]*\Z")


def _place(columns: dict[str, int | str]) -> tuple[int, str]:
    """(column, key inside it or the empty string)."""
    name, _, key = str(columns.get("tag", "upos")).partition(":")
    if name not in COLUMNS or (key and name not in ("feats", "misc")):
        raise InputError(f"no CoNLL-U column `{columns['tag']}`", "for example upos, xpos, misc:NER")
    return COLUMNS.index(name), key


def _get(field: str, key: str) -> str:
    if not key:
        return field
    return next((part.partition("=")[2] for part in field.split("|") if part.partition("=")[0] == key), "O")


def _put(field: str, key: str, value: str) -> str:
    if not key:
        return value
    parts = [part for part in field.split("|") if part != "_" and part.partition("=")[0] != key]
    return "|".join(sorted([*parts, f"{key}={value}"], key=str.lower)) or "_"


def read(lines: Lines, where: str, report: Report, columns: dict[str, int | str]) -> Iterator[TokenRow]:
    """Yield sentences; the block as it stood is in ``extra["conllu"]``."""
    column, key = _place(columns)
    block: list[tuple[int, str]] = []
    count = 0
    for number, line in lines:
        if line.strip(" \t"):
            block.append((number, line))
            continue
        if line:
            report(
                Problem(
                    where,
                    number,
                    "stray-blank",
                    "a separator line that holds blanks",
                    "read as an empty line",
                    warning=True,
                )
            )
        if block:
            count += 1
            if row := _sentence(block, where, report, column, key, count):
                yield row
            block = []
    if block:
        what = "the file ends without an empty line after its last sentence"
        report(Problem(where, block[-1][0], "final-line", what, "read all the same", warning=True))
        if row := _sentence(block, where, report, column, key, count + 1):
            yield row


def _sentence(
    block: list[tuple[int, str]], where: str, report: Report, column: int, key: str, count: int
) -> TokenRow | None:
    tokens: list[str] = []
    tags: list[str] = []
    meta: dict[str, str] = {}
    spaces: list[tuple[str, bool]] = []  # surface form, followed by a space
    first, covered = 0, 0
    for number, line in block:
        if line.startswith("#"):
            name, sign, value = line[1:].partition("=")
            if sign:
                meta[name.strip()] = value.strip()
            continue
        fields = line.split("\t")
        if len(fields) != 10:
            what = f"{len(fields)} columns, 10 expected (cut at tabs)"
            report(Problem(where, number, "columns", what, "CoNLL-U separates its ten columns by single tabs"))
            continue
        ident, form = fields[0], fields[1]
        if not form:
            report(Problem(where, number, "empty-field", "the form is empty", "write `_` for a form that is not known"))
            continue
        gap = "SpaceAfter=No" not in fields[9].split("|")
        if match := _RANGE.match(ident):
            start, end = int(match[1]), int(match[2])
            if start != len(tokens) + 1 or end <= start:
                report(
                    Problem(
                        where,
                        number,
                        "ids",
                        f"multiword token {ident} does not cover the next words",
                        "number words from 1",
                    )
                )
            covered = end
            spaces.append((form, gap))
        elif _EMPTY.match(ident):
            continue
        elif _WORD.match(ident):
            if int(ident) != len(tokens) + 1:
                what = f"word {ident} where {len(tokens) + 1} was expected"
                report(Problem(where, number, "ids", what, "number words from 1; is an empty line missing?"))
            first = first or number
            tokens.append(form)
            tags.append(_get(fields[column], key))
            if len(tokens) > covered:
                spaces.append((form, gap))
        else:
            report(Problem(where, number, "ids", f"`{ident}` is no word number", "write 1, 3-4 or 8.1"))
    if not tokens:
        report(Problem(where, block[0][0], "empty-sentence", "a block without words", "remove it"))
        return None
    text, offsets = _surface(tokens, spaces, covered > 0)
    return TokenRow(
        meta.get("sent_id", str(count)), tuple(tokens), tuple(tags), meta.get("lang", ""),
        {"conllu": "\n".join(line for _, line in block), **{f"meta:{k}": v for k, v in meta.items()}},
        text if offsets is not None else None, offsets, first,
    )  # fmt: skip


def _surface(
    tokens: list[str], spaces: list[tuple[str, bool]], multiword: bool
) -> tuple[str, list[tuple[int, int]] | None]:
    """The sentence with its spaces. Words inside a multiword token have no offsets of their own: then none."""
    if multiword:
        return "", None
    text, offsets = "", []
    for form, gap in spaces:
        offsets.append((len(text), len(text) + len(form)))
        text += form + (" " if gap else "")
    return text.rstrip(" "), offsets


def write(rows: Iterable[TokenRow], file: IO[str], columns: dict[str, int | str] | None = None) -> None:
    """Write rows; a row read from CoNLL-U keeps all its other columns and lines."""
    column, key = _place(columns or {})
    for row in rows:
        tags = list(row.tags) if row.tags is not None else ["_"] * len(row.tokens)
        if "conllu" not in row.extra:
            text = row.text if row.text is not None else " ".join(row.tokens)
            file.write(f"# sent_id = {row.id}\n")
            file.write("# text = " + text.replace("\n", " ") + "\n")
            if row.lang:
                file.write(f"# lang = {row.lang}\n")
            for number, (token, tag) in enumerate(zip(row.tokens, tags, strict=True), 1):
                fields = [str(number), token, *["_"] * 8]
                fields[column] = _put("_", key, tag)
                file.write("\t".join(fields) + "\n")
        else:
            at = 0
            for line in row.extra["conllu"].split("\n"):
                fields = line.split("\t")
                if not line.startswith("#") and len(fields) == 10 and _WORD.match(fields[0]):
                    if row.tags is not None:
                        fields[column] = _put(fields[column], key, tags[at])
                    at += 1
                    line = "\t".join(fields)
                file.write(line + "\n")
        file.write("\n")
