"""``nlpkit score``."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Annotated, Any

import typer

from nlpkit.cli import options, tables
from nlpkit.cli.streams import cell, print_json, print_lines, stderr, table
from nlpkit.errors import CheckFailed, InputError, counted

Shown = Callable[[float], str]
_METRICS = (
    "Texts: bleu, chrf, chrf++, ter, wer, cer, per, g2p. Tags of words: span-f1, tag-accuracy. "
    "Labels of texts: accuracy, macro-f1, micro-f1, weighted-f1, average-recall, mcc."
)


def score(
    metric: Annotated[str, typer.Argument(metavar="METRIC", help=_METRICS)],
    guess: Annotated[
        list[str],
        typer.Argument(metavar="GUESS", help="Files to score; - is stdin, for texts and for labels, one a line."),
    ],
    gold: Annotated[
        list[str], typer.Option(metavar="FILE", help="File with right answers; again for other right answers.")
    ],
    lang: Annotated[
        str | None,
        typer.Option(
            help="Language of the texts, which chooses the tokenizer of bleu: swh, zho_Hans.", show_default=False
        ),
    ] = None,
    tokenize: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="Tokenizer of bleu: 13a, intl, char, zh, ja-mecab, ko-mecab, none. Default: by --lang, else 13a.",
            show_default=False,
        ),
    ] = None,
    lower: Annotated[bool, typer.Option("--lower", help="Score lower-cased texts only.")] = False,
    read: Annotated[str | None, options.reads("text", "tsv", "jsonl", "csv", "conll", "conllu")] = None,
    column: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=PLACE", help="Where a table holds what: tgt=phones, tag=3, label=1.", show_default=False
        ),
    ] = None,
    fail_under: Annotated[
        float | None,
        typer.Option(
            metavar="N", help="Exit with 1 if a score is under this: 30 for bleu, 0.8 for a share.", show_default=False
        ),
    ] = None,
    fail_over: Annotated[
        float | None,
        typer.Option(
            metavar="N", help="Exit with 1 if a rate is over this (ter, wer, cer, per, g2p).", show_default=False
        ),
    ] = None,
    scheme: Annotated[
        str | None,
        typer.Option(help="Tag scheme of span-f1: iob1, iob2, iobes, bilou. Default: found.", show_default=False),
    ] = None,
    to: tables.To = "text",
    as_json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Score files of answers, and tell which differences between them are more than chance.

    \b
    nlpkit score bleu mine.txt --gold gold.txt --lang swh
    nlpkit score span-f1 theirs.conll mine.conll --gold gold.conll --to md
    """
    from nlpkit.jobs import score as texts
    from nlpkit.jobs import score_labels as labels

    stderr.quiet = quiet
    tables.check(to)
    options.choice(metric, (*texts.METRICS, *labels.METRICS), "METRIC")
    if as_json and to != "text":
        raise InputError("both --json and --to are given", "use one of them")
    _limits(fail_under, fail_over, metric in texts.ERRORS, metric)
    if [*guess, *gold].count("-") > 1:
        raise InputError("stdin can be read once only", "name files for the others")
    if metric in labels.METRICS:
        if fail_under is not None and not -1 <= fail_under <= 1:
            raise InputError(f"--fail-under {fail_under:g} is beyond what {metric} can be", "0.8 for 80 percent")
        _refuse(metric, {"--lang": lang, "--tokenize": tokenize, "--lower": lower}, "texts that a model has written")
        title = labels.METRICS[metric].title
        found = _labels(metric, guess, gold, read, column, scheme)
    else:
        _refuse(metric, {"--scheme": scheme}, "tags")
        title = texts.TITLES[metric]
        found = _texts(metric, guess, gold, read, column, lang, tokenize, lower)
    shown: Shown = ("{:.2f}" if metric in texts.METRICS else "{:.4f}").format  # percents, and shares of 1
    if as_json:
        print_json(found)
    elif to == "text":
        print_lines(_lines(found, title, shown))
    else:
        lines = tables.render(*_table(found, title, shown), to)
        print_lines([*lines, *tables.notes([found["signature"]], to)])
    _hold(found["systems"], title, shown, fail_under, fail_over)


def _refuse(metric: str, given: dict[str, Any], what: str) -> None:
    """Options that say nothing here."""
    for option, value in given.items():
        if value:
            raise InputError(f"{option} is for {what}, not for {metric}", "leave it out")


def _texts(
    metric: str,
    guess: list[str],
    gold: list[str],
    read: str | None,
    column: list[str] | None,
    lang: str | None,
    tokenize: str | None,
    lower: bool,
) -> dict[str, Any]:
    """Scores of texts that a model has written."""
    from nlpkit.jobs import score as job

    if read is not None:
        options.choice(read, job.READ, "--from")
    if tokenize is not None and metric != "bleu":
        raise InputError(f"{metric} has no tokenizer to choose", "leave out --tokenize")
    if lower and metric not in job.CASED:
        why = "ter is lower-cased already" if metric == "ter" else "phones have no case"
        raise InputError(f"--lower says nothing here: {why}", "leave it out")
    if lang is not None:
        job.check_lang(lang)
    columns = options.columns(column)
    golds = [job.read(path, read, columns, stderr.say) for path in gold]
    guesses = [job.read(path, read, columns, stderr.say) for path in guess]
    return job.score(metric, golds, guesses, lang=lang, tokenize=tokenize, lower=lower, say=stderr.say)


def _labels(
    metric: str,
    guess: list[str],
    gold: list[str],
    read: str | None,
    column: list[str] | None,
    scheme: str | None,
) -> dict[str, Any]:
    """Scores of tags and of labels."""
    from nlpkit.data import formats
    from nlpkit.jobs import score_labels as job
    from nlpkit.tasks import named
    from nlpkit.text import spans

    kind = named(job.METRICS[metric].task)
    if read is not None:
        options.choice(
            read, tuple(name for name in formats.READ[kind.head] if kind.head == "texts" or name != "text"), "--from"
        )
    if scheme is not None and not kind.spans:
        raise InputError(f"{metric} has no tag scheme", "leave out --scheme")
    options.choice(scheme or "iob2", spans.SCHEMES, "--scheme")
    if len(gold) > 1:
        raise InputError(
            f"{metric} takes one --gold file", "other right answers are for texts that a model has written"
        )
    columns = options.columns(column)
    right = job.read(gold[0], metric, read, columns, scheme, stderr.say, "gold")
    said = [(path, job.read(path, metric, read, columns, scheme, stderr.say, "guessed")) for path in guess]
    return job.run(metric, gold[0], right, said, stderr.say)


def _limits(under: float | None, over: float | None, errors: bool, metric: str) -> None:
    """Raise InputError for a limit that is no number, or on the wrong side of the metric."""
    for option, value, wrong in (("--fail-under", under, errors), ("--fail-over", over, not errors)):
        if value is None:
            continue
        if not math.isfinite(value):
            raise InputError(f"`{option} {value}` is no finite number", f"for example: {option} 30")
        if wrong:
            better, other = ("lower", "--fail-over") if errors else ("higher", "--fail-under")
            raise InputError(f"{option} is not for {metric}, where {better} is better", f"use {other}")


def _hold(systems: list[dict[str, Any]], title: str, shown: Shown, under: float | None, over: float | None) -> None:
    """Raise CheckFailed at the first guess beyond the limit."""
    for found in systems:
        if under is not None and found["score"] < under:
            raise CheckFailed(f"{title} of `{found['guess']}` is {shown(found['score'])}, under {under:g}")
        if over is not None and found["score"] > over:
            raise CheckFailed(f"{title} of `{found['guess']}` is {shown(found['score'])}, over {over:g}")


def _lines(found: dict[str, Any], title: str, shown: Shown) -> Iterator[str]:
    several = f", up to {found['references']} references" if found.get("references", 1) > 1 else ""
    yield f"{cell(', '.join(found['gold']))}: {counted(found['rows'], 'row')}{several}"
    systems = found["systems"]
    if len(systems) == 1:
        yield from _details(systems[0], title, shown)
    else:
        yield from table(*_table(found, title, shown))
    if len(systems) > 2:
        yield from _pairs(found)
    yield found["signature"]


def _details(one: dict[str, Any], title: str, shown: Shown) -> Iterator[str]:
    """The scores of a lone file, and what they come from."""
    low, high = map(shown, one["interval"])
    small = f"  lower-cased {one['score_lower']:.2f}" if "score_lower" in one else ""
    yield f"{title} {shown(one['score'])}  (95 %: {low} to {high}){small}"
    if "precision" in one:
        yield f"precision {one['precision']:.4f}  recall {one['recall']:.4f}"
    if "precisions" in one:
        precisions = "/".join(f"{value:.1f}" for value in one["precisions"])
        yield f"precisions {precisions}  brevity penalty {one['brevity_penalty']:.3f}  length {one['length_ratio']:.3f}"
    if "per_lang" in one:
        yield f"PER {one['per']:.2f}  (official {one['per_official']:.2f})  accuracy {one['accuracy']:.4f}"
        body = [
            [lang, s["rows"], *(f"{s[name]:.2f}" for name in ("wer", "per", "per_official"))]
            for lang, s in one["per_lang"].items()
        ]
        yield from table(["lang", "rows", "WER", "PER", "official PER"], body)
    yield f"exact {one['exact']:.4f}  empty {one['empty']}" if "exact" in one else f"empty {one['empty']}"


def _table(found: dict[str, Any], title: str, shown: Shown) -> tuple[list[str], list[list[str]]]:
    """A line a file; differences and p values are against the first."""
    systems = found["systems"]
    columns = {"score": title, "score_lower": "lower-cased", "low": "low", "high": "high", "per": "PER"}
    columns |= {"precision": "precision", "recall": "recall"}
    body = []
    for one in systems:
        numbers = {**one, "low": one["interval"][0], "high": one["interval"][1]}
        cells = [one["guess"], *(shown(numbers[key]) for key in columns if key in numbers)]
        cells += [f"{one['exact']:.4f}"] if "exact" in one else []
        if len(systems) > 1:
            gain = one.get("difference")
            cells += ["", ""] if gain is None else [("+" if gain >= 0 else "") + shown(gain), f"{one['p']:.4f}"]
        body.append(cells)
    there = {*systems[0], "low", "high"}
    head = ["file", *(name for key, name in columns.items() if key in there)]
    head += ["exact"] if "exact" in systems[0] else []
    return [*head, *(["difference", "p"] if len(systems) > 1 else [])], body


def _pairs(found: dict[str, Any]) -> Iterator[str]:
    """p of each two files, corrected for their number."""
    from nlpkit.jobs import systems as job

    names = [one["guess"] for one in found["systems"]]
    cells = job.matrix(found["pairs"], len(names))
    yield ""
    yield "p of each two files (paired permutation, corrected for their number by Holm's method)"
    numbers = [str(at) for at in range(1, len(names) + 1)]
    body = [[at, name, *row] for at, name, row in zip(numbers, names, cells, strict=False)]
    yield from table(
        ["", "", *(f"{at} {name}" if len(names) < 5 else at for at, name in zip(numbers[1:], names[1:], strict=True))],
        body,
    )
    yield ""
