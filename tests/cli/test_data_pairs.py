"""nlpkit data check, stats and convert on pairs of texts."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Cli = Callable[..., Any]
TABLE = "src\ttgt\tsrc_lang\ttgt_lang\tfrom\nHello there\tHabari\teng\tswh\tx\nYes\tNdiyo ndiyo\teng\tswh\ty\n"
MEMORY = """<tmx version="1.4"><header srclang="en"/><body>
<tu><tuv xml:lang="en"><seg>Hello there</seg></tuv><tuv xml:lang="sw"><seg>Habari</seg></tuv></tu>
</body></tmx>
"""


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("a.tsv").write_text(TABLE, encoding="utf-8")
    Path("a.tmx").write_text(MEMORY, encoding="utf-8")
    Path("t.en").write_text("Hello there\nYes\n", encoding="utf-8")
    Path("t.sw").write_text("Habari\nNdiyo ndiyo\n", encoding="utf-8")


def test_good_pairs_have_exit_code_0(cli: Cli) -> None:
    result = cli("data", "check", "--pairs", "a.tsv")
    assert (result.code, result.out, result.err) == (0, "a.tsv: 2 rows, 3 tokens, 0 errors, 0 warnings\n", "")


def test_faults_are_named_by_line_and_fail(cli: Cli) -> None:
    Path("t.sw").write_text("Habari\n", encoding="utf-8")
    result = cli("data", "check", "t.{en,sw}")
    assert result.code == 1
    assert "t.{en,sw}:2: error: `t.en` has 2 lines, `t.sw` has 1 line: line 2 has no partner" in result.out
    assert cli("data", "check", "t.{en,fr}").err.startswith("error: no file or card `t.fr`")


def test_a_side_in_another_language_is_noticed_by_the_model_that_ships(cli: Cli) -> None:
    sentence = "The children walked to the market early in the morning to buy fruit and bread."
    line = json.dumps({"src": sentence, "tgt": sentence, "src_lang": "eng", "tgt_lang": "fra"})
    found = json.loads(cli("data", "check", "--pairs", "--json", "--from", "jsonl", "-", stdin=line.encode()).out)
    assert {problem["code"] for problem in found[0]["problems"]} == {"copy", "other-language"}


def test_test_rows_that_stand_in_the_training_rows_are_noticed(cli: Cli) -> None:
    Path("b.tsv").write_text("src\ttgt\tsrc_lang\ttgt_lang\nnew\thabari!\teng\tswh\n", encoding="utf-8")
    result = cli("data", "check", "--pairs", "a.tsv", "b.tsv")
    assert result.code == 0
    assert "b.tsv:2: warning: 1 of 1 pair has a side that stands in `a.tsv` too" in result.out


def test_stats_of_pairs(cli: Cli) -> None:
    assert cli("data", "stats", "--pairs", "a.tsv").out.splitlines() == [
        "a.tsv: 2 rows, 3 tokens, 1.5 a row; 3 tokens of targets", "  eng > swh               2 rows",
    ]  # fmt: skip
    (found,) = json.loads(cli("data", "stats", "a.tmx", "--json").out)
    assert (found["rows"], found["target_tokens"], found["langs"]) == (1, 1, {"eng_Latn > swh_Latn": 1})


def test_pairs_convert_from_each_format(cli: Cli) -> None:
    result = cli("data", "convert", "--pairs", "a.tsv", "--to", "jsonl")
    assert (result.code, result.err) == (0, "")
    assert json.loads(result.out.splitlines()[0]) == {
        "id": "1", "src_lang": "eng", "tgt_lang": "swh", "src": "Hello there", "tgt": "Habari", "from": "x",
    }  # fmt: skip
    assert cli("data", "convert", "a.tmx", "--to", "tsv").out.splitlines() == [
        "src\ttgt\tsrc_lang\ttgt_lang", "Hello there\tHabari\teng_Latn\tswh_Latn",
    ]  # fmt: skip
    assert cli("data", "convert", "t.{en,sw}", "--to", "text").out == "Habari\nNdiyo ndiyo\n"
    assert cli("data", "convert", "--pairs", "a.tsv", "--to", "tsv").out == TABLE
    columns = ["--column", "src=0", "--column", "tgt=1"]
    plain = cli("data", "convert", "--pairs", "-", "--from", "tsv", "--to", "tsv", *columns, stdin=b"Hello\tHabari\n")
    assert plain.out == "src\ttgt\nHello\tHabari\n"


@pytest.mark.parametrize(
    ("args", "told"),
    [
        (["check", "--pairs", "--texts", "a.tsv"], "both --texts and --pairs are given"),
        (["convert", "--pairs", "a.tsv", "--to", "tsv", "--mend"], "pairs have no tag scheme"),
        (["convert", "--pairs", "a.tsv", "--to", "conll"], "`--to conll`: no such choice"),
        (["check", "--pairs", "--from", "conll", "a.tsv"], "`--from conll`: no such choice"),
        (["check", "--from", "moses", "t.en"], "`t.en` is one file, moses needs one for each language"),
        (["check", "--pairs", "a.tsv", "--column", "text=0"], "no column is called `text`"),
    ],
)
def test_what_does_not_go_is_refused(cli: Cli, args: list[str], told: str) -> None:
    result = cli("data", *args)
    assert (result.code, result.out) == (2, "")
    assert told in result.err
