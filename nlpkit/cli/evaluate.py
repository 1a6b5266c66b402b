"""``nlpkit evaluate``."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from nlpkit.cli import evaluate_many as many
from nlpkit.cli import options, tables
from nlpkit.cli.evaluate_many import Wanted, suits
from nlpkit.cli.streams import print_json, print_lines, printable, stderr, table
from nlpkit.errors import CheckFailed, InputError

if TYPE_CHECKING:
    from nlpkit.data.rows import Row
    from nlpkit.jobs.predict import Predictor
    from nlpkit.tasks.base import Task


def evaluate(
    models: Annotated[
        list[str] | None,
        typer.Argument(metavar="MODEL", help="Folders of models; none with --guess.", show_default=False),
    ] = None,
    cards: Annotated[
        list[str] | None, typer.Option("--card", help="Data card to score on; again for others.", show_default=False)
    ] = None,
    split: Annotated[str, typer.Option(help="Split of the cards.")] = "test",
    golds: Annotated[
        list[str] | None,
        typer.Option(
            "--gold", metavar="FILE", help="File with the right answers, instead of a card.", show_default=False
        ),
    ] = None,
    guess: Annotated[
        str | None, typer.Option(help="File with the tags to score, instead of a model.", show_default=False)
    ] = None,
    by: Annotated[
        str | None,
        typer.Option(
            metavar="HOW",
            help="Also by lang, length, seen (words all known), a column; type (ner), tag (pos), label (classify).",
            show_default=False,
        ),
    ] = None,
    baseline: Annotated[
        str | None,
        typer.Option(help="A second model (or guess file): difference, interval and p value.", show_default=False),
    ] = None,
    fail_under: Annotated[
        str | None,
        typer.Option(metavar="METRIC=VALUE", help="Exit with 1 below this, e.g. f1=0.8.", show_default=False),
    ] = None,
    task: Annotated[
        str | None, typer.Option(help="Task, when no model says it. Default: ner.", show_default=False)
    ] = None,
    plots: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Draw confusions and reliability (classify) as SVG.", show_default=False),
    ] = None,
    errors: Annotated[
        int, typer.Option(min=0, help="Show so many mistakes, those first of which the model was surest.")
    ] = 0,
    read: Annotated[str | None, options.reads("conll", "conllu", "jsonl", "tsv", "csv", "moses", "tmx")] = None,
    column: options.Columns = None,
    scheme: Annotated[
        str | None,
        typer.Option(help="Tag scheme of the files: iob1, iob2, iobes, bilou. Default: found.", show_default=False),
    ] = None,
    precision: options.Precision = "fp32",
    device: options.Device = None,
    data_dir: options.DataDir = None,
    to: tables.To = "text",
    as_json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Score a model on a card or file, or one file against another; several models or cards make one table.

    \b
    nlpkit evaluate runs/ner/default/model --card samples_ner --by type
    nlpkit evaluate runs/*/model --card masakhaner2_swa --card masakhaner2_yor --to md
    """
    from nlpkit.data import formats
    from nlpkit.text import spans

    stderr.quiet = quiet
    models, cards, golds = models or [], cards or [], golds or []
    _one_each(models, guess, cards, golds)
    tables.check(to)
    options.choice(precision, ("fp32", "bf16", "int8"), "--precision")
    options.choice(scheme or "iob2", spans.SCHEMES, "--scheme")
    options.choice(read or "conll", tuple(name for known in formats.READ.values() for name in known), "--from")
    if as_json and errors:
        raise InputError("--errors says nothing beside --json", "leave one of them out")
    if as_json and to != "text":
        raise InputError("both --json and --to are given", "use one of them")
    limit = _limit(fail_under)
    wanted = Wanted(split, read, options.columns(column), scheme, data_dir, by, precision, device)
    if len(models) > 1 or len(cards) + len(golds) > 1 or (to != "text" and models):
        single = {"--guess": guess, "--baseline": baseline, "--plots": plots, "--errors": errors}
        for option, value in single.items():
            if value:
                raise InputError(f"{option} is for one model on one card or file", "leave it out")
        figures = many.table(models, cards, golds, task, limit[0] if limit else None, wanted)
        many.show(figures, to, as_json)
        if limit is not None:
            many.hold(figures, limit[1])
        return
    if to != "text":
        raise InputError("--to is for a table of models", "--json, or nlpkit score METRIC --to")
    if not models and baseline is None and (precision != "fp32" or device is not None):
        raise InputError("no model is run, so --precision and --device say nothing", "leave them out")
    name = f"{cards[0]}/{split}" if cards else golds[0]
    model, asked = models[0] if models else None, limit[0] if limit else None
    rows, found, judge, scores = _single(model, guess, baseline, cards, golds, task, asked, wanted)
    if plots is not None:
        _draw(scores, plots, cards[0] if cards else Path(golds[0]).name.split(".")[0])
    if as_json:
        print_json(scores)
    else:
        _print(scores, judge, name, by)
        _print_mistakes(rows, found, errors)
    if limit is not None:
        _hold(scores, *limit)


def _single(
    model: str | None,
    guess: str | None,
    baseline: str | None,
    cards: Sequence[str],
    golds: Sequence[str],
    task: str | None,
    limit: str | None,
    wanted: Wanted,
) -> tuple[list[Row], list[Row], Task, dict[str, Any]]:
    """(gold, guess) rows, their task and scores, of one model or file of guesses on one card or file."""
    from nlpkit.jobs import evaluate as job
    from nlpkit.jobs import leaks
    from nlpkit.jobs.signals import Signals

    with Signals() as signals:
        predictor = None
        if model is not None:
            predictor = wanted.model(model, task)
            task = str(predictor.info["task"])
        task = task or "ner"
        judge = predictor.task if predictor else job.scorer(task)
        suits(judge, task, wanted.by, wanted.scheme)
        if limit is not None and not limit.startswith(("official", "macro_", "accuracy_")):  # which some scores have
            _known(limit, judge.score([], []))  # before the work is done
        learned = predictor.columns if predictor else {}
        source = wanted.card(cards[0]) if cards else wanted.file(golds[0], judge.head, learned)
        right = job.load_gold(source, wanted.data_dir, stderr.say, task)
        files = [] if model is not None else [str(guess)]
        files += [baseline] if baseline is not None and Path(baseline).is_file() else []
        sides = {
            name: job.load_gold(wanted.file(name, judge.head, learned), wanted.data_dir, stderr.say, task, "guessed")
            for name in files
        }
        if predictor is None:
            judge = job.scorer(task, [row for side in (right, *sides.values()) for row in side.rows])
        signals.poll()

        def outputs(name: str, reader: Predictor | None) -> tuple[list[Row], list[Row]]:
            if reader is None:
                return job.compare(right, sides[name], judge, stderr.say)
            return job.run_model(right, reader, signals.poll)

        rows, found = outputs(str(model or guess), predictor)
        scores = job.score(rows, found, judge, wanted.by, predictor.seen if predictor else None)
        if model is not None and predictor is not None:
            scores["leaks"] = leaks.Leaks(wanted.data_dir, judge.head).of(predictor.info, rows)
            name = f"{cards[0]}/{wanted.split}" if cards else golds[0]
            leaks.tell(model, name, scores["leaks"], len(rows), stderr.say)
        if baseline is not None:
            other = None if Path(baseline).is_file() else wanted.model(baseline, task)
            _, guessed = outputs(baseline, other)
            scores["against"] = {"baseline": baseline, **job.against(rows, found, guessed, judge)}
    return rows, found, judge, scores


def _one_each(models: Sequence[str], guess: str | None, cards: list[str], golds: list[str]) -> None:
    """What is scored, and against what."""
    if bool(models) == (guess is not None):
        raise InputError(
            "name a MODEL or a --guess file", "nlpkit evaluate MODEL --card NAME, or nlpkit evaluate --gold F --guess F"
        )
    if guess is not None and len(cards + golds) > 1:
        raise InputError(
            "--guess is scored against one --card or --gold file", "nlpkit score METRIC takes several guesses"
        )
    if not cards + golds:
        raise InputError(
            "name a --card or a --gold file", "nlpkit evaluate MODEL --card NAME, or nlpkit evaluate MODEL --gold F"
        )


def _draw(scores: dict[str, Any], folder: Path, name: str) -> None:
    from nlpkit.jobs import plots

    drawn = plots.of_scores(scores, folder, name)
    if not drawn:
        raise InputError("there is no picture of these scores", "leave out --plots")
    for path in drawn:
        stderr.say(f"note: `{path}`")


def _print(scores: dict[str, Any], judge: Task, name: str, by: str | None) -> None:
    from nlpkit.jobs.model_card import scores_table

    first, *rest = judge.lines(scores)
    print_lines([f"{name}: {first}", *rest])
    if by == judge.unit and f"per_{by}" in scores:
        print_lines(["", *scores_table(scores, judge.unit)])
    print_lines(_more(scores, judge.main_metric, by))


def _print_mistakes(gold: Sequence[Row], guess: Sequence[Row], most: int) -> None:
    from nlpkit.jobs import mistakes

    for mistake in mistakes.worst(gold, guess, most) if most else ():
        print_lines(["", *map(printable, mistakes.lines(mistake))])


def _more(scores: dict[str, Any], metric: str, by: str | None) -> Iterator[str]:
    """The parts that only some calls ask for."""
    name = {"f1": "F1"}.get(metric, metric)
    if by is not None and (parts := scores.get(f"by_{by}")):
        others = {"gold": "support"} if "macro_f1" in scores else {}
        others |= {"macro F1": "macro_f1"} if "macro_f1" in scores and metric != "macro_f1" else {}
        heads = ["rows", *list(others)[:1], name, *list(others)[1:]]
        keys = ["rows", *list(others.values())[:1], metric, *list(others.values())[1:]]
        body = [[part, *(found[key] for key in keys)] for part, found in parts.items()]
        yield from ["", *table([by, *heads], body)]
        yield f"macro over {'languages' if by == 'lang' else by}  {scores[f'macro_{by}_{metric}']:.4f}"
    if d := scores.get("against"):
        yield ""
        interval = f"95 %: {d['low']:+.4f} to {d['high']:+.4f}"
        yield f"against {d['baseline']}: {d['difference']:+.4f} {name} ({interval}), p = {d['p']:.4f}"


def _hold(scores: dict[str, Any], name: str, least: float) -> None:
    """Raise CheckFailed when a score is under the limit."""
    value = _known(name, scores)
    if value < least:
        raise CheckFailed(f"{name} is {value:.4f}, under {least}")


def _known(name: str, scores: dict[str, Any]) -> float:
    value = scores.get(name)
    if not isinstance(value, float):
        known = ", ".join(key for key, found in scores.items() if isinstance(found, float))
        raise InputError(f"--fail-under: no metric `{name}`", f"metrics: {known}")
    return value


def _limit(text: str | None) -> tuple[str, float] | None:
    if text is None:
        return None
    name, sign, value = text.partition("=")
    if name in ("ece", "hamming"):
        raise InputError(f"--fail-under is not for {name}, where lower is better", "leave it out")
    try:
        if not sign or not math.isfinite(least := float(value)):
            raise ValueError
        return name, least
    except ValueError:
        raise InputError(f"`--fail-under {text}` is not METRIC=VALUE", "for example: --fail-under f1=0.8") from None
