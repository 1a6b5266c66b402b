"""What the documents say is so: commands parse, links lead somewhere, figures stand in one place."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

from nlpkit.cli.app import app
from nlpkit.config import recipe as recipes
from nlpkit.data.check import check, check_all

ROOT = Path(__file__).parent.parent.parent
PAGES = sorted(
    path for path in [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("data_cards/*.md")] if path.is_file()
)
NAMES = [str(path.relative_to(ROOT)) for path in PAGES]
TOP: Any = get_command(app)
_BLOCK = re.compile(r"^```\w*\n(.*?)^```", re.MULTILINE | re.DOTALL)
_COMMAND = re.compile(r"(?:^|[|(`\s])nlpkit ((?:[^|#`\n]|`[^`\n]*`)+)")
_LINK = re.compile(r"\]\((?!https?:|#)([^)#]+)")


def commands(page: Path) -> list[str]:
    text = page.read_text(encoding="utf-8").replace("\\\n", " ")
    blocks = [block for block in _BLOCK.findall(text) if "Usage:" not in block]
    return [match.strip() for block in blocks for line in block.split("\n") for match in _COMMAND.findall(line)]


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_every_command_on_the_page_is_one(page: Path) -> None:
    for text in commands(page):
        words = shlex.split(re.sub(r"\s(?:>|2>|&&|\|\||;).*", "", text).rstrip(");"))
        command, args = TOP, [word for word in words if word != "..."]
        if args == ["ner"] or not args:
            continue
        while hasattr(command, "commands"):
            assert args[0] in command.commands, text
            command = command.commands[args.pop(0)]
        given = command.make_context(text, args).params  # raises on an option that is not there
        if words[0] == "train" and "/" not in str(given["recipe"]).removeprefix("ner/"):
            recipes.path_of(given["recipe"])


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_every_link_leads_somewhere(page: Path) -> None:
    for target in _LINK.findall(page.read_text(encoding="utf-8")):
        assert (page.parent / target).exists(), target


def test_the_pages_hold_commands_at_all() -> None:
    assert len(commands(ROOT / "README.md")) >= 8


def test_the_broken_file_of_the_readme_is_answered_as_it_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("broken.conll").write_bytes(b"Rais O\nSamia B-PER\nc\xe9 O\n\nalifika O\nDodoma B-LOC\njana\n")
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    found = check("broken.conll", "conll", {})
    assert len(found.errors) == 2
    for problem in found.errors:
        assert f"{problem.path}:{problem.line}: error: {problem.what}  [{problem.fix}]" in readme


def test_the_sample_corpus_is_clean() -> None:
    for split in ("train", "dev", "test"):
        found = check(str(ROOT / "nlpkit" / "assets" / "samples" / f"{split}.conllu"), "conllu", {"tag": "misc:NER"})
        assert found.problems == []
        assert len(found.langs) == 7


@pytest.mark.parametrize("task", ["translate", "g2p"])
def test_the_sample_pairs_are_clean_and_no_side_stands_in_two_splits(task: str) -> None:
    sources = []
    for split in ("train", "dev", "test"):
        path = ROOT / "nlpkit" / "assets" / "samples" / f"{task}_{split}.tsv"
        sources.append((str(path), "tsv", {}, "auto", "NFC", "pairs", ("", "")))
    for found in check_all(sources):
        assert found.problems == []
        assert found.rows


def test_the_samples_hold_what_later_tasks_need() -> None:
    text = (ROOT / "nlpkit" / "assets" / "samples" / "train.conllu").read_text(encoding="utf-8")
    for key in ("# text = ", "# text_en = ", "# lang = ", "# sentiment = "):
        assert text.count(key) == 196


@pytest.mark.parametrize("page", [page for page in PAGES if page.parent.name == "reference"], ids=lambda p: p.name)
def test_no_page_names_a_path_of_a_machine(page: Path) -> None:
    assert not re.search(r"(?<![\w.])/(?:root|home|tmp|usr)/", page.read_text(encoding="utf-8"))
