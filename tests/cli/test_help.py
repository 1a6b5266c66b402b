"""Help: one sentence, two examples that work, and no heavy import on the way."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

import nlpkit
from nlpkit.cli.app import app
from nlpkit.config import card as cards
from nlpkit.config import recipe as recipes
from nlpkit.data import formats
from nlpkit.jobs import codemix_stats

ROOT = Path(__file__).parent.parent.parent
TOP: Any = get_command(app)
_SENTENCE_WITHIN = re.compile(r"[.!?] +[A-Z]")


def commands(command: Any = TOP, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """The path of every command and group."""
    yield path
    for name, inner in getattr(command, "commands", {}).items():
        yield from commands(inner, (*path, name))


PATHS = list(commands())
NAMES = [" ".join(("nlpkit", *path)) for path in PATHS]


def parts(text: str) -> tuple[str, str, list[str]]:
    """(usage, sentence, examples) of a help text."""
    usage, sentence, examples, *_ = text.split("\n\n")
    return usage, " ".join(sentence.split()), [line.strip() for line in examples.split("\n")]


def test_the_walk_finds_the_commands() -> None:
    assert {(), ("train",), ("ner",), ("evaluate",), ("data", "check"), ("recipe", "list"), ("model", "show")} <= {
        *PATHS
    }


@pytest.mark.parametrize("path", PATHS, ids=NAMES)
def test_help_is_one_sentence_and_two_examples(cli: Callable[..., Any], path: tuple[str, ...]) -> None:
    result = cli(*path, "--help")
    assert (result.code, result.err) == (0, "")
    usage, sentence, examples = parts(result.out)
    assert usage.startswith(" ".join(("Usage: nlpkit", *path)))
    assert sentence.endswith(".")
    assert not _SENTENCE_WITHIN.search(sentence), "one sentence"
    assert len(examples) == 2
    assert len({*examples}) == 2
    for example in examples:
        assert example.startswith(" ".join(("nlpkit", *path)) + " ") or example == " ".join(("nlpkit", *path))
    assert all(len(line) <= 100 for line in result.out.split("\n"))


@pytest.mark.parametrize("path", PATHS, ids=NAMES)
def test_the_short_option_shows_the_same_help(cli: Callable[..., Any], path: tuple[str, ...]) -> None:
    assert cli(*path, "-h").out == cli(*path, "--help").out


@pytest.mark.parametrize("path", PATHS, ids=NAMES)
def test_every_option_and_argument_is_explained(path: tuple[str, ...]) -> None:
    command = TOP
    for name in path:
        command = command.commands[name]
    for parameter in command.params:
        assert getattr(parameter, "help", None), f"{parameter.name} has no help"


ALL = {name for names in formats.READ.values() for name in names}
READ = {
    "ner": {*formats.READ["tokens"]}, "pos": {*formats.READ["tokens"]},
    "classify": {*formats.READ["texts"]}, "langid": {*formats.READ["texts"]},
    "translate": {*formats.READ["pairs"]}, "g2p": {*formats.READ["pairs"]}, "codemix make": {*formats.READ["pairs"]},
    "codemix stats": {*codemix_stats.READ}, "score": ALL - {"moses", "tmx"},
    "evaluate": ALL - {"text"},  # plain text holds no right answers
    "data check": ALL, "data stats": ALL, "data convert": ALL,
}  # fmt: skip


@pytest.mark.parametrize("name", READ)
def test_from_names_the_formats_that_the_command_reads(name: str) -> None:
    command = TOP
    for part in name.split():
        command = command.commands[part]
    (option,) = (parameter for parameter in command.params if "--from" in parameter.opts)
    listed = option.help.removeprefix("Format read: ").partition(".")[0].split(", ")
    assert len(listed) == len({*listed})
    assert {*listed} == READ[name]


@pytest.mark.parametrize("path", PATHS, ids=NAMES)
def test_the_examples_are_valid_commands(
    cli: Callable[..., Any], path: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)
    for example in parts(cli(*path, "--help").out)[2]:
        words = shlex.split(example)[1:]
        command, args = TOP, list(words)
        while hasattr(command, "commands"):
            command = command.commands[args.pop(0)]
        context = command.make_context(example, list(args))  # raises on an option that is not there
        given = context.params
        if words[:1] == ["train"] or words[:1] == ["recipe"]:
            names = [given[key] for key in ("recipe", "name") if key in given] + list(given.get("names") or [])
            assert all(recipes.path_of(name).is_file() for name in names)
        for card in [given.get("card"), *(given.get("cards") or [])]:
            assert not isinstance(card, str) or cards.load(card)


def test_without_a_command_the_help_is_shown_and_the_exit_code_is_2(cli: Callable[..., Any]) -> None:
    for path in ((), ("data",), ("recipe",), ("model",)):
        result = cli(*path)
        assert result.code == 2
        assert result.out == ""
        assert result.err.startswith("Usage: nlpkit")


def test_version(cli: Callable[..., Any]) -> None:
    assert cli("--version").out == f"nlpkit {nlpkit.__version__}\n"


def loaded_by(args: list[str], names: set[str]) -> set[str]:
    """Which of the modules ``names`` are in sys.modules after the command, run in a process of its own."""
    code = (
        "import sys\n"
        f"sys.argv = ['nlpkit', *{args!r}]\n"
        "from nlpkit.cli.app import main\n"
        "try:\n"
        "    main()\n"
        "except SystemExit as left:\n"
        "    assert not left.code, left.code\n"
        f"print('LOADED', *({names!r} & set(sys.modules)), file=sys.stderr)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True, env={**os.environ}
    )
    assert done.stdout
    last = done.stderr.strip().split("\n")[-1].split()
    assert last[0] == "LOADED"
    return set(last[1:])


def test_the_help_imports_nothing_heavy() -> None:
    heavy = {"torch", "transformers", "datasets", "spacy", "numpy", "tokenizers", "pydantic", "yaml", "huggingface_hub"}
    assert loaded_by(["--help"], heavy) == set()


@pytest.mark.parametrize(
    "args",
    [["recipe", "list"], ["data", "list"], ["recipe", "check", "ner"], ["data", "check", "samples_ner"],
     ["train", "--help"]],
    ids=" ".join,
)  # fmt: skip
def test_commands_without_a_model_do_not_import_torch(args: list[str]) -> None:
    assert loaded_by(args, {"torch", "transformers", "numpy", "tokenizers", "datasets", "spacy"}) == set()
