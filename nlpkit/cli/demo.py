"""``nlpkit demo``: one page and a small JSON API for models, on this machine."""

from __future__ import annotations

import signal
import threading
from typing import Annotated

import typer

from nlpkit.cli import options
from nlpkit.cli.streams import printable, stderr
from nlpkit.errors import InputError, counted


def demo(
    model: Annotated[
        list[str] | None,
        typer.Option(
            "--model", "-m", metavar="TASK=MODEL", help="Serve this model beside or instead of those that ship.",
            show_default=False,
        ),
    ] = None,
    tasks: Annotated[
        str | None, typer.Option(help="Only these tasks, e.g. ner,translate.", show_default=False)
    ] = None,
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port; 0 picks a free one.")] = 8765,
    host: Annotated[str, typer.Option(help="IP address to listen at.")] = "127.0.0.1",
    expose: Annotated[
        bool, typer.Option("--expose", help="Allow a --host that lets other machines in; there is no password.")
    ] = False,
    browser: Annotated[bool, typer.Option("--open/--no-open", help="Open the page in a browser.")] = False,
    time_limit: Annotated[float, typer.Option(min=1, max=3600, help="Seconds a request may take.")] = 30.0,
    log: Annotated[bool, typer.Option("--log", help="Print a line for each request, without its texts.")] = False,
    device: options.Device = None,
    quiet: options.Quiet = False,
) -> None:  # fmt: skip
    """Serve models on this machine: a page to try them, and the same as JSON for programs.

    \b
    nlpkit demo --open
    nlpkit demo --model ner=runs/ner/default/model --tasks ner,langid --port 0
    """
    try:
        from nlpkit.jobs import serve as job
    except ModuleNotFoundError as error:
        if error.name not in ("starlette", "uvicorn", "anyio", "h11"):
            raise
        raise InputError(f"the demo needs the package {error.name}", "pip install 'nlpkit[demo]'") from None
    from nlpkit.jobs.serve_models import Models, chosen

    stderr.quiet = quiet
    only = None if tasks is None else [task.strip() for task in tasks.split(",")]
    models = Models(chosen(model or [], only), device=device)
    if not models.by_task:
        raise InputError("there is no model to serve", "add --model TASK=MODEL")
    models.facts()  # a damaged model is told now
    listening = job.bound(host, port, exposed=expose)
    where = job.address(listening)
    stderr.print(where)  # even where --quiet: with --port 0 there is no other way to know it
    stderr.say(f"note: {counted(len(models.by_task), 'task')}: {', '.join(models.by_task)}; Ctrl-C ends")
    if browser:
        threading.Thread(target=_open, args=[where], daemon=True).start()
    tell = (lambda line: stderr.print(printable(line))) if log else None
    if job.serve(models, listening, seconds=time_limit, log=tell) == signal.SIGINT:
        raise typer.Exit(130)


def _open(where: str) -> None:
    import webbrowser

    webbrowser.open(where)
