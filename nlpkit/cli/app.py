"""The commands, in the order of a project's life, and the one place where errors become messages."""

from __future__ import annotations

import contextlib
import errno
import os
import sys
import traceback
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from nlpkit import __version__
from nlpkit.cli import (
    bpe,
    classify,
    codemix,
    data,
    demo,
    doctor,
    evaluate,
    langid,
    model,
    recipe,
    report,
    score,
    tag,
    train,
    translate,
)
from nlpkit.cli.streams import printable, stand_in, stderr
from nlpkit.errors import NlpkitError

SETTINGS: dict[str, Any] = {
    "rich_markup_mode": None,
    "pretty_exceptions_enable": False,
    "no_args_is_help": True,
    "context_settings": {"help_option_names": ["-h", "--help"], "max_content_width": 100},
}

_CLOSED_PIPE = 141  # as the shell reports a program that SIGPIPE ended
_HELP = """Train, evaluate and run multilingual text models from the shell.

\b
nlpkit train ner
nlpkit evaluate runs/ner/default/model --card samples_ner
"""


class _Commands(TyperGroup):
    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        if args[:2] == ["train", "bpe"]:  # the one thing trained without a recipe
            args = ["bpe", "train", *args[2:]]
        elif args[:1] == ["serve"]:
            args = ["demo", *args[1:]]
        return super().resolve_command(ctx, args)

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except BrokenPipeError:  # Typer would leave with 1, which here means that the answer is no
            raise typer.Exit(_CLOSED_PIPE) from None


app = typer.Typer(cls=_Commands, help=_HELP, **SETTINGS)


def _version(wanted: bool) -> None:
    if wanted:
        sys.stdout.write(f"nlpkit {__version__}\n")
        raise typer.Exit


@app.callback()
def _top(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    pass


for _name, _module in (("data", data), ("recipe", recipe), ("codemix", codemix), ("bpe", bpe)):
    app.add_typer(_module.app, name=_name)
app.command("train")(train.train)
app.command("evaluate")(evaluate.evaluate)
app.command("report")(report.report)
app.command("score")(score.score)
app.command("pos")(tag.pos)
app.command("ner")(tag.ner)
app.command("classify")(classify.classify)
app.command("langid")(langid.langid)
app.command("translate")(translate.translate)
app.command("g2p")(translate.g2p)
app.add_typer(model.app, name="model")
app.command("demo")(demo.demo)
app.command("doctor")(doctor.doctor)


def _fail(message: str, hint: str = "") -> None:
    stderr.print(printable(f"error: {message}"))
    if hint:
        stderr.print(printable(f"hint: {hint}"))


def main() -> None:
    """Run the command line; every error leaves through here."""
    debug = bool(os.environ.get("NLPKIT_DEBUG"))
    stand_in()
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(
                encoding="utf-8", newline="\n", errors="strict" if stream is sys.stdout else "backslashreplace"
            )
    try:
        try:
            app(prog_name="nlpkit")
        finally:
            sys.stdout.flush()  # here, where a full disk or a closed pipe can still be told
    except NlpkitError as error:
        if debug:
            traceback.print_exc()
        _fail(error.message, error.hint)
        _leave(error.exit_code)
    except BrokenPipeError:  # `| head` has read enough
        _drop_output()
        _leave(_CLOSED_PIPE)
    except KeyboardInterrupt:
        _leave(130)
    except MemoryError:
        _fail("out of memory", "smaller batches: --batch-tokens 256, or batch_tokens in the recipe")
        _leave(3)
    except OSError as error:
        if debug:
            traceback.print_exc()
        _drop_output()
        where = f" `{error.filename}`" if error.filename else ""
        closed = error.errno == errno.EBADF
        _fail(
            f"reading or writing{where} failed: {error.strerror or error}",
            "is stdin or stdout closed?" if closed else "is the disk full, or a folder read-only?",
        )
        _leave(3)
    except Exception as error:
        if debug:
            traceback.print_exc()
        _fail(
            f"unexpected {type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}",
            "NLPKIT_DEBUG=1 shows the traceback; please report it",
        )
        _leave(3)


def _drop_output() -> None:
    """What is still in the buffer of stdout goes nowhere: it cannot be written, and Python would complain at exit."""
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _leave(code: int) -> None:
    sys.exit(code)
