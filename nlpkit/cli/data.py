"""``nlpkit data``."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer

from nlpkit.cli import options
from nlpkit.cli.streams import print_json, print_lines, stderr, table
from nlpkit.errors import CheckFailed, InputError, counted

_HELP = """List, show, fetch, check and convert data cards and data files.

\b
nlpkit data list
nlpkit data check my.conll
"""
app = typer.Typer(help=_HELP, no_args_is_help=True, rich_markup_mode=None)
Card = Annotated[str, typer.Argument(metavar="CARD", help="Name of a card, see `nlpkit data list`.")]
_SHOWN = 5


@app.command("list")
def list_(data_dir: options.DataDir = None, as_json: options.Json = False) -> None:
    """List the data cards, and which data is on this machine.

    \b
    nlpkit data list
    nlpkit data list --json
    """
    from nlpkit.config import card as cards
    from nlpkit.data.load import find

    rows: list[dict[str, Any]] = []
    for name in cards.names():
        card = cards.load(name)
        try:
            here = bool(find(card, next(iter(card.nlpkit.splits)), data_dir))
        except InputError:
            here = False
        rows.append(
            {
                "name": name,
                "kind": card.nlpkit.kind,
                "language": card.language,
                "license": card.license,
                "here": here,
                "about": card.pretty_name,
            }
        )
    if as_json:
        print_json(rows)
        return
    body = [
        [r["name"], r["kind"], ",".join(r["language"]), r["license"], "yes" if r["here"] else "no", r["about"]]
        for r in rows
    ]
    print_lines(table(["name", "kind", "languages", "licence", "here", "about"], body))


@app.command()
def show(card: Card, as_json: options.Json = False) -> None:
    """Show a card: what it is, its splits, its licence, where it comes from.

    \b
    nlpkit data show masakhaner2_swa
    nlpkit data show samples_ner --json
    """
    from nlpkit.config import card as cards

    found = cards.load(card)
    if as_json:
        print_json(found.model_dump(mode="json", exclude_none=True))
        return
    block = found.nlpkit
    print_lines([f"{found.name}: {found.pretty_name}", f"licence: {found.license}  {block.licence_url or ''}".rstrip()])
    if found.noncommercial:
        print_lines(["         not for commercial use"])
    print_lines(
        [
            f"languages: {', '.join(found.language)}",
            f"format: {block.format.name} {block.format.columns or ''}".rstrip(),
        ]
    )
    if block.labels.types:
        print_lines([f"labels: {', '.join(block.labels.types)}"])
    print_lines(
        [
            "",
            *table(
                ["split", "rows", "file"],
                [[n, s.rows if s.rows is not None else "?", s.path] for n, s in block.splits.items()],
            ),
            "",
        ]
    )
    print_lines(file.url for file in block.files)
    print_lines(["", found.prose])


@app.command()
def fetch(
    card: Card,
    to: Annotated[
        Path | None, typer.Option(help="Folder for the data. Default: the cache of nlpkit.", show_default=False)
    ] = None,
    accept_unpinned: Annotated[
        bool, typer.Option("--accept-unpinned", help="Take files for which the card has no checksum.")
    ] = False,
    quiet: options.Quiet = False,
) -> None:
    """Download the data of a card; the only data command that opens a socket.

    \b
    nlpkit data fetch wnut17_en --accept-unpinned
    nlpkit data fetch masakhaner2_swa --to data --accept-unpinned
    """
    from nlpkit.config import card as cards
    from nlpkit.data.fetch import fetch as job

    stderr.quiet = quiet
    found = cards.load(card)
    stderr.say(f"licence: {found.license}" + (", not for commercial use" if found.noncommercial else ""))
    print_lines([str(job(found, to, accept_unpinned=accept_unpinned, say=stderr.say))])


def _sources(
    names: list[str], read: str | None, column: list[str] | None, data_dir: Path | None, kind: str
) -> list[tuple[str, str, dict[str, int | str], str, str, str, tuple[str, str]]]:
    """(path, format, columns, scheme, normal form, kind, languages of pairs) of files and of the splits of cards."""
    from nlpkit.config import card as cards
    from nlpkit.config.explain import nearest
    from nlpkit.data.files import parts
    from nlpkit.data.load import find

    known = cards.names()
    found: list[tuple[str, str, dict[str, int | str], str, str, str, tuple[str, str]]] = []
    for name in names:
        missing = [part for part in parts(name) if part != "-" and not Path(part).exists()]
        if name.endswith(".md") or (name in known and missing):
            card = cards.load(name)
            block = card.nlpkit
            found += [
                (
                    str(find(card, split, data_dir)),
                    block.format.name,
                    {**block.format.columns, **facts.columns, **options.columns(column)},
                    block.labels.scheme or "auto",
                    block.text.form,
                    block.kind,
                    (block.text.lang or "", block.text.target_lang or "") if block.kind == "pairs" else ("", ""),
                )
                for split, facts in block.splits.items()
            ]
        else:
            own, fmt = _read_as(name, read, kind)
            if missing:
                raise InputError(f"no file or card `{missing[0]}`{nearest(name, known)}", "see `nlpkit data list`")
            found.append((name, fmt, options.columns(column), "auto", "NFC", own, ("", "")))
    return found


def _read_as(name: str, read: str | None, kind: str) -> tuple[str, str]:
    """The kind of a file's rows and its format; formats that only pairs have need no --pairs."""
    from nlpkit.data import formats

    if kind == "tokens" and (read or formats.guess(name, "", "pairs")) in ("moses", "tmx"):
        kind = "pairs"
    return kind, options.choice(read or formats.guess(name, formats.DEFAULT[kind], kind), formats.READ[kind], "--from")


def _kind(texts: bool, pairs: bool) -> str:
    """What a row of a file is."""
    if texts and pairs:
        raise InputError("both --texts and --pairs are given", "use one of them")
    return "texts" if texts else "pairs" if pairs else "tokens"


def _identifier() -> Any:
    """What names languages, or None where no model ships for it."""
    from nlpkit.config import places
    from nlpkit.jobs.langid import Identifier

    model = places.model("langid")
    return Identifier(str(model)) if model.is_dir() else None


def _report(findings: Any, show_all: bool) -> Iterator[str]:
    counts: Counter[str] = Counter()
    for problem in findings.problems:
        counts[problem.code] += 1
        if show_all or counts[problem.code] <= _SHOWN:
            fix = f"  [{problem.fix}]" if problem.fix else ""
            yield f"{problem.path}:{problem.line}: {'warning' if problem.warning else 'error'}: {problem.what}{fix}"
    for code, count in counts.items():
        if count > _SHOWN and not show_all:
            yield f"{findings.path}: {count - _SHOWN} more of `{code}` (--all shows them)"
    errors = len(findings.errors)
    faults = f"{counted(errors, 'error')}, {counted(len(findings.problems) - errors, 'warning')}"
    yield f"{findings.path}: {_size(findings)}, {faults}"


def _size(findings: Any) -> str:
    return f"{counted(findings.rows, 'row')}, {counted(findings.tokens, 'token')}"


Texts = Annotated[bool, typer.Option("--texts", help="A row is a text with one label, not a sentence of words.")]
From = Annotated[str | None, options.reads("text", "conll", "conllu", "jsonl", "tsv", "csv", "moses", "tmx")]
Pairs = Annotated[bool, typer.Option("--pairs", help="A row is a text and its translation; 'a.{en,yo}' is two files.")]
Names = Annotated[list[str], typer.Argument(metavar="FILE|CARD", help="Files (- is stdin) or cards.")]


@app.command()
def check(
    names: Names,
    texts: Texts = False,
    pairs: Pairs = False,
    read: From = None,
    column: options.Columns = None,
    data_dir: options.DataDir = None,
    show_all: Annotated[bool, typer.Option("--all", help="Show every problem, not the first five of a kind.")] = False,
    as_json: options.Json = False,
) -> None:
    """Report everything that is wrong or odd in files as path:line, what, fix; exit 1 if something is wrong.

    \b
    nlpkit data check my.conll
    nlpkit data check --pairs 'train.{en,yo}' 'test.{en,yo}'
    """
    from nlpkit.data.check import check_all

    sources = _sources(names, read, column, data_dir, _kind(texts, pairs))
    found = check_all(sources, _identifier() if any(source[5] == "pairs" for source in sources) else None)
    if as_json:
        print_json([findings.as_dict() for findings in found])
    else:
        for findings in found:
            print_lines(_report(findings, show_all))
    bad = sum(len(findings.errors) for findings in found)
    if bad:
        raise CheckFailed(f"{bad} errors" if bad > 1 else "1 error")


@app.command()
def stats(
    names: Names,
    texts: Texts = False,
    pairs: Pairs = False,
    read: From = None,
    column: options.Columns = None,
    data_dir: options.DataDir = None,
    as_json: options.Json = False,
) -> None:
    """Count rows, tokens, labels and languages.

    \b
    nlpkit data stats samples_ner
    nlpkit data stats my.conll --json
    """
    from nlpkit.data.check import check as job

    found = [job(*source) for source in _sources(names, read, column, data_dir, _kind(texts, pairs))]
    if as_json:
        print_json([{k: v for k, v in findings.as_dict().items() if k != "problems"} for findings in found])
        return
    for findings in found:
        if findings.errors:
            stderr.say(f"note: {counted(len(findings.errors), 'error')}: nlpkit data check {findings.path}")
        mean = findings.tokens / findings.rows if findings.rows else 0.0
        print_lines(
            [
                f"{findings.path}: {_size(findings)}, {mean:.1f} a row"
                + (f", {findings.scheme.upper()}" if findings.scheme else "")
                + ("" if (targets := findings.target_tokens) is None else f"; {counted(targets, 'token')} of targets")
            ]
        )
        print_lines(f"  {label:<16} {count:>8}" for label, count in findings.labels.most_common(40))
        print_lines(f"  {lang:<16} {count:>8} rows" for lang, count in sorted(findings.langs.items()))


@app.command()
def convert(
    file: Annotated[str, typer.Argument(metavar="FILE", help="File to read; - is stdin.")],
    to: Annotated[
        str, typer.Option("--to", help="Format written: conll, conllu, jsonl, tsv, csv, text, entities, html.")
    ],
    texts: Texts = False,
    pairs: Pairs = False,
    read: From = None,
    column: options.Columns = None,
    scheme: Annotated[
        str | None,
        typer.Option(help="Tag scheme written: iob1, iob2, iobes, bilou. Default: iob2.", show_default=False),
    ] = None,
    mend: Annotated[bool, typer.Option("--mend", help="Turn an I- tag that opens an entity into B-.")] = False,
) -> None:
    """Write a file in another format or tag scheme, on stdout.

    \b
    nlpkit data convert my.conll --to jsonl
    nlpkit data convert my.conll --to conll --scheme iobes
    """
    import io
    import sys
    from dataclasses import replace

    from nlpkit.data import formats
    from nlpkit.data.files import Strictly
    from nlpkit.data.load import read_file
    from nlpkit.text import spans

    kind, fmt = _read_as(file, read, _kind(texts, pairs))
    options.choice(to, formats.WRITE[kind], "--to")
    options.choice(scheme or "iob2", spans.SCHEMES, "--scheme")
    report = Strictly()
    columns = options.columns(column)
    rows = list(read_file(file, fmt, report, columns, kind=kind))
    if kind != "tokens" and (scheme or mend):
        raise InputError(f"{kind} have no tag scheme", "leave out --scheme and --mend")
    tags = [] if kind != "tokens" else [row.tags for row in rows if row.tags is not None]
    are_spans = any(spans.split(tag)[1] for row in tags for tag in row)
    if are_spans:
        came = spans.detect(tags)
        for number, row in enumerate(rows):
            if row.tags is not None:
                inner = spans.to_iob2(row.tags, came)
                inner = spans.mend(inner) if mend else inner
                rows[number] = replace(row, tags=spans.from_iob2(inner, scheme or "iob2"))
    whole = io.StringIO()  # all or nothing
    if texts:
        several = any(row.labels is not None and len(row.labels) != 1 for row in rows)
        formats.named(to, kind).write(rows, whole, multi_label=several)
    elif kind == "pairs":
        formats.named(to, kind).write(rows, whole)
    else:
        options.write(to, rows, whole, read=fmt, columns=columns, spans=are_spans)
    sys.stdout.write(whole.getvalue())
    for line in report.summary():
        stderr.say(f"note: {line}")
