"""CoNLL-U: ten columns cut at tabs, comments, multiword tokens ``3-4`` and empty nodes ``8.1`` kept.

The tag is UPOS; ``columns: {tag: xpos}`` or ``{tag: misc:NER}`` reads another column or one key of FEATS or MISC.
``# lang = xxx_Xxxx`` names a sentence's language.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import IO

from nlpkit.data.files import Lines, Problem, Report
from nlpkit.data.rows import TokenRow, refuse
from nlpkit.errors import InputError, counted

PLACES = ("tag",)  # what `columns` may name

COLUMNS = ("id", "form", "lemma", "upos", "xpos", "feats", "head", "deprel", "deps", "misc")
_WORD = re.compile(r"[1-9][0-9]{0,8}\Z")
_RANGE = re.compile(r"([1-9][0-9]{0,8})-([1-9][0-9]{0,8})\Z")
_EMPTY = re.compile(r"[0-9]+\.[1-9][0-9]*\Z")


def _place(tag: int | str) -> tuple[int, str]:
    """(column, key inside it or the empty string)."""
    name, _, key = str(tag).partition(":")
    if name not in COLUMNS[2:] or (key and name not in ("feats", "misc")):
        raise InputError(f"no CoNLL-U column `{tag}`", "for example upos, xpos, misc:NER")
    return COLUMNS.index(name), key


def _get(field: str, key: str) -> str:
    if not key:
        return field
    return next((part.partition("=")[2] for part in field.split("|") if part.partition("=")[0] == key), "O")


def _put(field: str, key: str, value: str) -> str:
    if not key:
        return value
    parts = [] if field == "_" else field.split("|")
    names = [part.partition("=")[0] for part in parts]
    if key in names:
        at = names.index(key)
        # a key that is not there reads as O; NER=O is how entities are usually written
        parts[at : at + 1] = [f"{key}={value}"] if value != "O" or key == "NER" else []
    elif value != "O":  # which is what `_get` says of a key that is not there
        at = next((number for number, name in enumerate(names) if name.lower() > key.lower()), len(names))
        parts.insert(at, f"{key}={value}")
    return "|".join(parts) or "_"


def read(lines: Lines, where: str, report: Report, columns: dict[str, int | str]) -> Iterator[TokenRow]:
    """Yield sentences; ``extra`` holds the block as it stood (``conllu``) and where its tags are (``conllu:tag``)."""
    tag = str(columns.get("tag", "upos"))
    _place(tag)
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
            if row := _sentence(block, where, report, tag, count):
                yield row
            block = []
    if block:
        what = "the file ends without an empty line after its last sentence"
        report(Problem(where, block[-1][0], "final-line", what, "read all the same", warning=True))
        if row := _sentence(block, where, report, tag, count + 1):
            yield row


def _sentence(block: list[tuple[int, str]], where: str, report: Report, tag: str, count: int) -> TokenRow | None:
    column, key = _place(tag)
    words: list[tuple[str, str, int]] = []
    meta: dict[str, str] = {}
    spaces: list[bool] = []  # whether a space follows the word
    last = 0
    multiword: tuple[int, str, int] | None = None  # line, number and last word of the latest one
    for number, line in block:
        if line.startswith("#"):
            name, sign, value = line[1:].partition("=")
            if sign:
                meta[name.strip()] = value.strip()
            continue
        fields = line.split("\t")
        if len(fields) != 10:
            what = f"{counted(len(fields), 'column')}, 10 expected (cut at tabs)"
            report(Problem(where, number, "columns", what, "CoNLL-U separates its ten columns by single tabs"))
            continue
        ident, form = fields[0], fields[1]
        if not form.strip(" "):
            report(Problem(where, number, "empty-field", "the form is empty", "write `_` for a form that is not known"))
            continue
        if match := _RANGE.match(ident):
            start, end = int(match[1]), int(match[2])
            if start != last + 1 or end <= start or (multiword and start <= multiword[2]):
                what = f"multiword token {ident} does not cover the next words"
                report(Problem(where, number, "ids", what, "number words from 1"))
            multiword = number, ident, end
        elif _EMPTY.match(ident):
            continue
        elif _WORD.match(ident):
            if int(ident) != last + 1:
                what = f"word {ident} where {last + 1} was expected"
                report(Problem(where, number, "ids", what, "number words from 1; is an empty line missing?"))
            last = int(ident)
            found = _get(fields[column], key)
            if not found:
                report(Problem(where, number, "empty-field", "the tag is empty", "fill it, or write `_`"))
            words.append((form, found or "_", number))
            spaces.append("SpaceAfter=No" not in fields[9].split("|"))
        else:
            report(Problem(where, number, "ids", f"`{ident}` is no word number", "write 1, 3-4 or 8.1"))
    if multiword and multiword[2] > last:
        what = f"multiword token {multiword[1]} goes beyond the last word, {last}"
        report(Problem(where, multiword[0], "ids", what, "number words from 1"))
    if not words and meta.get("text") == "" and all(line.startswith("#") for _, line in block):
        kept = {"conllu": "\n".join(line for _, line in block), "conllu:tag": tag}
        return TokenRow(meta.get("sent_id", str(count)), (), (), meta.get("lang", ""), kept, "", [], block[0][0])
    if not words:
        report(Problem(where, block[0][0], "empty-sentence", "a block without words", "remove it"))
        return None
    tokens, tags, places = zip(*words, strict=True)
    kept = {"conllu": "\n".join(line for _, line in block), "conllu:tag": tag}
    # words inside a multiword token have no offsets of their own
    text, offsets = (None, None) if multiword else _surface(tokens, spaces)
    return TokenRow(
        meta.get("sent_id", str(count)), tokens, tags, meta.get("lang", ""),
        {**kept, **{f"meta:{name}": value for name, value in meta.items()}},
        text, offsets, places[0], lines=places,
    )  # fmt: skip


def _surface(tokens: Sequence[str], spaces: list[bool]) -> tuple[str, list[tuple[int, int]]]:
    """The sentence with its spaces, and the offsets of its words."""
    text, offsets = "", []
    for form, gap in zip(tokens, spaces, strict=True):
        offsets.append((len(text), len(text) + len(form)))
        text += form + (" " if gap else "")
    return text[: offsets[-1][1]], offsets


def write(
    rows: Iterable[TokenRow], file: IO[str], *, columns: dict[str, int | str] | None = None, spans: bool = False
) -> None:
    """Write rows; a row read from CoNLL-U keeps all its other columns and lines, and its tags where they stood.

    Without a place in ``columns`` or the row, ``spans`` go to MISC and other tags to UPOS. A token or tag that a column
    cannot hold raises InputError.
    """
    for row in rows:
        column, key = _place((columns or {}).get("tag", row.extra.get("conllu:tag", "misc:NER" if spans else "upos")))
        tags = list(row.tags) if row.tags is not None else ["O" if key else "_"] * len(row.tokens)
        refuse(row, tags, "\t\n\0|" if key else "\t\n\0", "conllu")
        if "conllu" not in row.extra:
            refuse(row, (token.strip(" ") for token in row.tokens), "\t\n\0", "conllu")
            refuse(row, (row.id or "_", row.lang or "_"), "\n\0", "conllu")
            text = row.text if row.text is not None else " ".join(row.tokens)
            file.write(f"# sent_id = {row.id}\n")
            file.write("# text = " + text.replace("\n", " ").replace("\r", " ") + "\n")
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
