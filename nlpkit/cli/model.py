"""``nlpkit model``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from nlpkit.cli import options
from nlpkit.cli.streams import print_json, print_lines, stderr, table
from nlpkit.errors import InputError, counted

_HELP = """List, show, check and export trained models.

\b
nlpkit model list
nlpkit model show runs/ner/default/model
"""
app = typer.Typer(help=_HELP, no_args_is_help=True, rich_markup_mode=None)
Folder = Annotated[str, typer.Argument(metavar="MODEL", help="Folder of a model.")]
_RUNS = Path("runs")
_MOST = 60


def _some(names: list[str], sign: str) -> str:
    """The names, or how many where they are too many to read."""
    return sign.join(names) if len(names) <= _MOST else f"{len(names)} of them"


@app.command("list")
def list_(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="Where to look.")] = _RUNS,
    as_json: options.Json = False,
) -> None:
    """List the models that ship with nlpkit, and those below a folder.

    \b
    nlpkit model list
    nlpkit model list experiments --json
    """
    from nlpkit.jobs.models import facts, find, shipped

    if not folder.is_dir() and folder != _RUNS:
        raise InputError(f"no folder `{folder}`", "nlpkit model list looks in `runs`")
    found = [{**facts(path), "shipped": True} for path in shipped()]
    found += [{**facts(path), "shipped": False} for path in find(folder)]
    if as_json:
        print_json(found)
        return
    body = [
        [
            "(the default)" if m["shipped"] else m["path"],
            m["task"],
            _some(m["languages"], ",") or "-",
            f"{m['megabytes']:.1f}",
            m["metric"],
            m["test"],
        ]
        for m in found
    ]
    print_lines(table(["model", "task", "languages", "MB", "metric", "test"], body))


@app.command()
def show(model: Folder, as_json: options.Json = False) -> None:
    """Show what a model is, what it learned from and how it scores.

    \b
    nlpkit model show runs/ner/default/model
    nlpkit model show runs/ner/default/model --json
    """
    from nlpkit.config.bundle_info import read
    from nlpkit.jobs.models import facts

    info = read(Path(model))
    if as_json:
        print_json(info)
        return
    brief = facts(Path(model))
    print_lines(f"{key}: {_some(value, ', ') if isinstance(value, list) else value}" for key, value in brief.items())
    if info.get("head") == "pairs":
        print_lines(["target languages: " + _some(info.get("target_languages", []), ", ")])
    else:
        print_lines(["labels: " + _some(info["labels"], ", ")])
    print_lines(
        f"data: {entry['use']}: {entry.get('card', 'own files')}, {counted(entry['rows'], 'row')}"
        for entry in info.get("data", [])
    )


@app.command()
def check(model: Folder) -> None:
    """Check that a model is whole and loads, and that its sample prediction works; exit 2 if not.

    \b
    nlpkit model check runs/ner/default/model
    nlpkit model check FOLDER
    """
    from nlpkit.jobs.models import check as job

    if not Path(model).is_dir():
        raise InputError(f"no model folder `{model}`", "see `nlpkit model list`")
    print_lines([f"{model}: {job(model)}"])


@app.command()
def export(
    model: Folder,
    to: Annotated[str, typer.Option("--to", help="spacy: a pip-installable pipeline; onnx: an encoder as ONNX.")],
    out: Annotated[Path | None, typer.Option(help="New folder. Default: MODEL-TO.", show_default=False)] = None,
    quiet: options.Quiet = False,
) -> None:
    """Write a model for other tools, and check that it tags the sample corpus as before; exit 1 if not.

    \b
    nlpkit model export runs/ner/default/model --to spacy
    nlpkit model export FOLDER --to onnx --out ner-onnx
    """
    from nlpkit.jobs.export import TARGETS
    from nlpkit.jobs.export import export as job

    stderr.quiet = quiet
    options.choice(to, TARGETS, "--to")
    folder = Path(model)
    print_lines([str(job(model, to, out or folder.with_name(f"{folder.name}-{to}"), say=stderr.say))])
