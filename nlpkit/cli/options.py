"""Options that several commands share."""

from __future__ import annotations

import re
from pathlib import Path
from typing import IO, TYPE_CHECKING, Annotated, Any

import typer

from nlpkit.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from nlpkit.data.files import Report
    from nlpkit.data.rows import TextRow, TokenRow

DataDir = Annotated[
    Path | None, typer.Option(help="Folder that holds the data of the cards; also NLPKIT_DATA_DIR.", show_default=False)
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Print errors only.")]
Columns = Annotated[
    list[str] | None,
    typer.Option(
        "--column", metavar="NAME=PLACE", help="Where the format finds what: tag=3, tag=misc:NER.", show_default=False
    ),
]
Device = Annotated[
    str | None, typer.Option(help="cpu, cuda, cuda:1, mps. Default: a GPU if there is one.", show_default=False)
]
Files = Annotated[
    list[str] | None, typer.Argument(metavar="FILE", help="Files to read; none or - is stdin.", show_default=False)
]
Text = Annotated[list[str] | None, typer.Option("--text", "-t", help="This text instead of files.", show_default=False)]
BatchTokens = Annotated[
    int | None, typer.Option(min=1, help="Padded sub-words a batch. Default: 1024.", show_default=False)
]
Precision = Annotated[str, typer.Option(help="fp32, bf16, or int8 (CPU).")]


_INT = re.compile(r"-?[0-9]+\Z")


def reads(*formats: str) -> Any:
    """``--from`` of a command that reads these formats."""
    text = f"Format read: {', '.join(formats)}. Default: by the file's name."
    return typer.Option("--from", help=text, show_default=False)


TextsFrom = Annotated[str | None, reads("text", "tsv", "csv", "jsonl", "conllu")]


def columns(texts: list[str] | None) -> dict[str, int | str]:
    """``["tag=3"]`` -> ``{"tag": 3}``."""
    found: dict[str, int | str] = {}
    for text in texts or []:
        name, sign, value = text.partition("=")
        if not sign or not name:
            raise InputError(f"`--column {text}` is not NAME=PLACE", "for example: --column tag=3")
        found[name] = int(value) if _INT.match(value) else value
    return found


def utf8(texts: list[str]) -> None:
    """Bytes of an argument that were not UTF-8 come as lone surrogates: raise InputError."""
    if any("\ud800" <= char <= "\udfff" for text in texts for char in text):
        raise InputError("--text is not UTF-8")


def one_source(text: list[str] | None, files: list[str] | None, read: str | None, column: list[str] | None) -> None:
    """Raise InputError where --text stands beside what says how to read files."""
    if text and files:
        raise InputError("both --text and files are given", "use one of them")
    if text and (read not in (None, "text") or column):
        raise InputError("--text is raw text, so --from and --column say nothing", "leave them out")


def text_rows(
    files: list[str] | None, text: list[str] | None, read: str | None, column: list[str] | None, report: Report
) -> Iterator[TextRow]:
    """Rows of texts from files, stdin or --text."""
    from nlpkit.data import formats
    from nlpkit.data.rows import TextRow
    from nlpkit.jobs.predict import read_inputs

    if text:
        utf8(text)
        return (TextRow(str(number), line, line=number) for number, line in enumerate(text, 1))
    if read is not None:
        choice(read, formats.READ["texts"], "--from")
    return read_inputs(files or [], read, columns(column), "", report, "texts")


def choice(value: str, allowed: tuple[str, ...], option: str) -> str:
    from nlpkit.config.explain import nearest

    if value not in allowed:
        raise InputError(
            f"`{option} {value}`: no such choice{nearest(value, allowed)}", "choices: " + ", ".join(allowed)
        )
    return value


def model(name: str | None, task: str) -> str:
    """The model named, or the one that ships for the task."""
    from nlpkit.config import places

    if name is not None:
        return name
    shipped = places.model(task)
    if not shipped.is_dir():
        raise InputError(
            f"no --model is given, and none for {task} ships with nlpkit",
            f"train one: nlpkit train {task}; then nlpkit {task} --model runs/{task}/default/model",
        )
    return str(shipped)


def write(
    fmt: str,
    rows: Iterable[TokenRow],
    file: IO[str],
    *,
    read: str,
    columns: dict[str, int | str],
    spans: bool,
    learned: dict[str, int | str] | None = None,
) -> None:
    """Write rows in a format. CoNLL-U gets its tags where ``columns`` or the model's (``learned``) say.

    Else spans stand in MISC, never in UPOS.
    """
    from nlpkit.data import formats

    default = {"tag": "misc:NER" if spans else "upos"}
    places = {**default, **(learned or {}), **(columns if read == "conllu" else {})}
    formats.named(fmt).write(rows, file, columns=places, spans=spans)
