"""Texts typed one by one: a prompt with history, and commands that begin with a colon."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from nlpkit.cli.streams import printable, stderr
from nlpkit.config.decoding import Decoding, changed
from nlpkit.data.rows import PairRow
from nlpkit.errors import InputError, NlpkitError

if TYPE_CHECKING:
    from nlpkit.jobs.predict import Predictor

_HELP = """a text                 its answer
:greedy  :beam 8       how to search            :nbest 5        so many answers, with their scores
:sample  :seed 7       draw instead             :topk 40  :topp 0.9  :temperature 0.8
:groups 4              diverse answers          :length 1.2     larger: longer answers
:from LANG  :to LANG   languages                :show           how answers are chosen now
q                      leave (also :q, Ctrl-D)"""
_NUMBERS: dict[str, tuple[str, Callable[[str], Any]]] = {
    "beam": ("beam", int), "nbest": ("nbest", int), "seed": ("seed", int), "topk": ("top_k", int),
    "topp": ("top_p", float), "temperature": ("temperature", float), "groups": ("groups", int),
    "length": ("length_penalty", float),
}  # fmt: skip
_DRAWS = ("top_k", "top_p", "temperature")


def ask(predictor: Predictor, lang: str, target_lang: str, read: Callable[[str], str] = input) -> None:
    """Answer what is typed until ``q`` or the end of the input."""
    with contextlib.suppress(ImportError):
        import readline  # noqa: F401  (gives input() its history)

    stderr.say("a text and Enter; :help tells more, q leaves")
    while True:
        try:
            line = read("> ").strip()
        except EOFError:
            return
        except KeyboardInterrupt:  # a fresh line, as in a shell
            sys.stdout.write("\n")
            continue
        if line in ("q", ":q", ":quit"):
            return
        if line.startswith(":"):
            try:
                lang, target_lang = _command(predictor, line[1:], lang, target_lang)
            except NlpkitError as error:
                stderr.print(printable(f"error: {error.message}"))
        elif line:
            _answer(predictor, PairRow("1", line, lang=lang, target_lang=target_lang, line=1))


def _command(predictor: Predictor, line: str, lang: str, target_lang: str) -> tuple[str, str]:
    """Obey; the languages from now on. Raises InputError for what is no command."""
    name, _, value = line.partition(" ")
    value = value.strip()
    now = predictor.decoding
    if name in ("help", "h", "?"):
        stderr.print(_HELP)
    elif name == "show":
        stderr.print(", ".join(f"{key} {value}" for key, value in now.model_dump(exclude_none=True).items()))
    elif name in ("from", "to") and value:
        return (value, target_lang) if name == "from" else (lang, value)
    elif name == "greedy":
        predictor.choose(changed(now, {"beam": 1, "sample": False, "groups": 1, "nbest": 1, **_plain()}))
    elif name == "sample":
        predictor.choose(changed(now, {"sample": True, "groups": 1}))
    elif name in _NUMBERS:
        key, number = _NUMBERS[name]
        try:
            wanted = {key: number(value)}
        except ValueError:
            raise InputError(f"`:{name}` wants a number, e.g. :{name} 5") from None
        if key in _DRAWS:
            wanted["sample"] = True
        if key in ("beam", "groups"):
            wanted |= {"sample": False, **_plain()}
        if key == "beam":
            wanted |= {"nbest": min(now.nbest, wanted["beam"]), "groups": 1}
        predictor.choose(changed(now, wanted))
    else:
        raise InputError(f"no command `:{name}`; :help lists them")
    return lang, target_lang


def _plain() -> dict[str, Any]:
    return {name: Decoding.model_fields[name].default for name in _DRAWS}


def _answer(predictor: Predictor, row: PairRow) -> None:
    try:
        found = next(iter(predictor([row])))
    except KeyboardInterrupt:
        return
    except NlpkitError as error:
        stderr.print(printable(f"error: {error.message}"))
        return
    if predictor.decoding.nbest > 1:
        lines = [f"{score:8.3f}  {text}" for text, score in found.others]
    else:
        lines = [found.target or ""]
    for line in lines:
        sys.stdout.write(line + "\n")
    sys.stdout.flush()
