"""stdout carries data only, line in -> line out; everything else goes to stderr, and quietly."""

from __future__ import annotations

import io
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from nlpkit.cli import streams

Cli = Callable[..., Any]
TEXT = "Amina Otieno went to Kisumu .\n\nJuma went home 🙂 to Dar es Salaam .\n   \n\nसुनीता went to Kisumu, I think.\n"


def plain(line: str) -> str:
    """A line of tagged text without the brackets around entities."""
    return re.sub(r"\[[A-Z]+ ([^\]]*)\]", r"\1", line)


def tag(cli: Cli, model: Path, text: str | bytes, *args: str) -> Any:
    data = text.encode() if isinstance(text, str) else text
    result = cli("ner", "--model", str(model), *args, stdin=data)
    assert result.code == 0, result.err
    return result


# -- line in, line out


def test_every_line_comes_out_in_order_empty_ones_too(cli: Cli, tiny_model: Path) -> None:
    result = tag(cli, tiny_model, TEXT)
    assert [plain(line) for line in result.out.split("\n")] == TEXT.split("\n")
    assert "[PER Amina Otieno] went to [LOC Kisumu] ." in result.out
    assert result.err == ""


def test_rows_stay_in_order_over_many_batches(cli: Cli, tiny_model: Path) -> None:
    lines = [f"Juma {number}" + " home" * (number % 5) for number in range(1100)]
    out = tag(cli, tiny_model, "\n".join(lines) + "\n", "--batch-tokens", "2048").out
    assert [plain(line) for line in out.split("\n")] == [*lines, ""]


def test_a_last_line_without_its_end_is_a_line(cli: Cli, tiny_model: Path) -> None:
    assert tag(cli, tiny_model, "Juma went\nhome").out.count("\n") == 2


def test_no_input_gives_no_output(cli: Cli, tiny_model: Path) -> None:
    assert tag(cli, tiny_model, "").out == ""


def test_only_line_feeds_end_lines(cli: Cli, tiny_model: Path) -> None:
    text = "Juma\x0bwent\x0chome\u2028to\x85Kisumu\n"
    out = tag(cli, tiny_model, text).out
    assert out.count("\n") == 1
    assert len(tag(cli, tiny_model, text, "--to", "jsonl").out.strip("\n").split("\n")) == 1


@pytest.mark.parametrize("fmt", ["jsonl", "tsv"])
def test_a_format_of_rows_has_one_line_a_row(cli: Cli, tiny_model: Path, fmt: str) -> None:
    lines = tag(cli, tiny_model, TEXT, "--to", fmt).out.rstrip("\n").split("\n")
    assert len(lines) - (fmt == "tsv") == TEXT.count("\n")


def test_conll_has_every_word_of_every_row(cli: Cli, tiny_model: Path) -> None:
    out = tag(cli, tiny_model, "Juma went\n\nhome\n", "--to", "conll").out
    assert out.split("\n") == ["Juma\tB-PER", "went\tO", "", "", "home\tO", "", ""]


# -- offsets


def test_offsets_of_jsonl_are_places_in_the_text(cli: Cli, tiny_model: Path) -> None:
    rows = [json.loads(line) for line in tag(cli, tiny_model, TEXT, "--to", "jsonl").out.splitlines()]
    assert [row["text"] for row in rows] == TEXT.split("\n")[:-1]
    entities = 0
    for row in rows:
        assert len(row["tokens"]) == len(row["offsets"]) == len(row["tags"])
        assert [row["text"][start:end] for start, end in row["offsets"]] == row["tokens"]
        for entity in row["entities"]:
            assert row["text"][entity["start"] : entity["end"]] == entity["text"]
            assert 0 < entity["score"] <= 1
            entities += 1
    assert entities >= 4
    beyond = rows[2]["text"].index("🙂")
    assert any(entity["start"] > beyond for entity in rows[2]["entities"]), "characters are counted, not UTF-16 units"


def test_the_table_of_entities_agrees_with_jsonl(cli: Cli, tiny_model: Path) -> None:
    head, *lines = tag(cli, tiny_model, TEXT, "--to", "entities").out.splitlines()
    assert head.split("\t") == ["row", "start", "end", "label", "score", "text"]
    rows = [json.loads(line) for line in tag(cli, tiny_model, TEXT, "--to", "jsonl").out.splitlines()]
    expected = [
        [row["id"], *(str(entity[key]) for key in ("start", "end", "label", "score", "text"))]
        for row in rows
        for entity in row["entities"]
    ]
    assert [line.split("\t") for line in lines] == expected


# -- where the input comes from


def test_a_dash_and_no_file_are_stdin(cli: Cli, tiny_model: Path) -> None:
    assert tag(cli, tiny_model, TEXT, "-").out == tag(cli, tiny_model, TEXT).out


def test_text_file_and_stdin_give_the_same(cli: Cli, tiny_model: Path, tmp_path: Path) -> None:
    (tmp_path / "in.txt").write_text("Juma went home\n", encoding="utf-8")
    from_file = tag(cli, tiny_model, "not read", str(tmp_path / "in.txt")).out
    assert from_file == tag(cli, tiny_model, "Juma went home\n").out
    assert from_file == tag(cli, tiny_model, "not read", "-t", "Juma went home").out


def test_several_texts_and_several_files_come_out_in_turn(cli: Cli, tiny_model: Path, tmp_path: Path) -> None:
    assert tag(cli, tiny_model, "", "-t", "Juma", "-t", "", "-t", "home").out.count("\n") == 3
    (tmp_path / "a.txt").write_text("Juma went\n", encoding="utf-8")
    (tmp_path / "b.txt").write_text("home\n", encoding="utf-8")
    paths = [str(tmp_path / name) for name in ("a.txt", "b.txt", "a.txt")]
    assert plain(tag(cli, tiny_model, "", *paths).out) == "Juma went\nhome\nJuma went\n"


def test_each_file_is_read_in_the_format_of_its_own_name(cli: Cli, tiny_model: Path, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("Juma went home\n", encoding="utf-8")
    (tmp_path / "b.conll").write_text("Juma O\nwent O\n\n", encoding="utf-8")
    out = tag(cli, tiny_model, "", str(tmp_path / "a.txt"), str(tmp_path / "b.conll")).out
    assert out == "[PER Juma] went home\n[PER Juma] went\n"


def test_the_language_given_is_kept_in_the_output(cli: Cli, tiny_model: Path) -> None:
    for result in (
        tag(cli, tiny_model, "Juma\n", "--lang", "swa", "--to", "jsonl"),
        tag(cli, tiny_model, "", "-t", "Juma", "--lang", "sw", "--to", "jsonl"),
    ):
        assert json.loads(result.out)["lang"] == "swh_Latn"


def test_the_output_format_is_the_one_read(cli: Cli, tiny_model: Path) -> None:
    out = tag(cli, tiny_model, "Juma O\nwent O\n\n", "--from", "conll").out
    assert [line.split() for line in out.split("\n")] == [["Juma", "B-PER"], ["went", "O"], [], []]


def test_tags_of_conllu_go_to_misc_and_the_other_columns_stay(cli: Cli, tiny_model: Path) -> None:
    block = "# sent_id = a\n# text = Juma went\n1\tJuma\tjuma\tPROPN\tN\tCase=Nom\t2\tnsubj\t_\tGloss=j\n"
    block += "2\twent\tgo\tVERB\tV\t_\t0\troot\t_\t_\n\n"
    out = tag(cli, tiny_model, block, "--from", "conllu").out
    assert out.replace("\tNER=O\n", "\t_\n") == block.replace("Gloss=j", "Gloss=j|NER=B-PER")


# -- what goes to stderr


def test_crlf_input_comes_out_with_line_feeds_and_one_note(cli: Cli, tiny_model: Path) -> None:
    result = tag(cli, tiny_model, b"Juma went home\r\nto Kisumu\r\n")
    assert "\r" not in result.out
    assert result.out.count("\n") == 2
    assert result.err == "note: <stdin>:1: line ends in CR LF (and 1 more)\n"


def test_quiet_silences_notes_but_not_errors(cli: Cli, tiny_model: Path) -> None:
    assert tag(cli, tiny_model, b"Juma\r\n", "--quiet").err == ""
    result = cli("ner", "--model", str(tiny_model), "--quiet", "none.txt")
    assert result.err.startswith("error: no file")


def test_training_writes_the_path_alone_to_stdout(cli: Cli, tmp_path: Path) -> None:
    from toy import TINY, write_toy

    write_toy(tmp_path / "train.conll", 8)
    command = ["train", "ner", *TINY, f"data.train={tmp_path / 'train.conll'}", "stages.0.steps=1"]
    loud = cli(*command, "--out", str(tmp_path / "loud"))
    assert loud.out == f"{tmp_path / 'loud' / 'model'}\n"
    assert "8 rows, 1 step, 2 an epoch" in loud.err
    assert loud.err.rstrip().split("\n")[-1].startswith("next: nlpkit ner --model")
    assert "\x1b" not in loud.err
    assert "\r" not in loud.err
    quiet = cli(*command, "--out", str(tmp_path / "quiet"), "--quiet")
    assert (quiet.code, quiet.err) == (0, "")
    assert quiet.out == f"{tmp_path / 'quiet' / 'model'}\n"


def test_a_dry_run_writes_json_and_no_file(cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from toy import TINY, write_toy

    write_toy(tmp_path / "train.conll", 8)
    monkeypatch.chdir(tmp_path)
    result = cli("train", "ner", *TINY, "data.train=train.conll", "--dry-run")
    assert result.code == 0
    assert json.loads(result.out)["labels"] == ["O", "B-LOC", "I-LOC", "B-PER", "I-PER"]
    assert [path.name for path in tmp_path.iterdir()] == ["train.conll"]


@pytest.mark.parametrize(
    "args",
    [("data", "list"), ("data", "show", "samples_ner"), ("data", "stats", "samples_ner"), ("recipe", "list"),
     ("recipe", "show", "ner"), ("--help",), ("train", "--help"), ("doctor",)],
    ids=" ".join,
)  # fmt: skip
@pytest.mark.parametrize("variable", [None, "NO_COLOR", "FORCE_COLOR"])
def test_no_escape_sequence_where_there_is_no_terminal(
    cli: Cli, monkeypatch: pytest.MonkeyPatch, args: tuple[str, ...], variable: str | None
) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    if variable:
        monkeypatch.setenv(variable, "1")
    result = cli(*args)
    assert result.code == 0
    assert result.out
    assert "\x1b" not in result.out + result.err


@pytest.mark.parametrize("args", [("data", "list"), ("recipe", "list"), ("doctor",), ("data", "show", "samples_ner")])
def test_json_is_all_there_is_on_stdout(cli: Cli, args: tuple[str, ...]) -> None:
    result = cli(*args, "--json")
    assert json.loads(result.out)
    assert result.err == ""


# -- pipes


def shell(command: str, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    """Run a pipeline of ``python -m nlpkit``; stdout buffered as users have it."""
    env = {key: value for key, value in os.environ.items() if key != "PYTHONUNBUFFERED"}
    return subprocess.run(
        ["bash", "-c", f"set -o pipefail; {command}"], input=stdin, capture_output=True, timeout=120, check=False,
        env={**env, "NLPKIT": f"{sys.executable} -m nlpkit"},
    )  # fmt: skip


def test_head_ends_a_long_run_quietly(tiny_model: Path) -> None:
    done = shell(f"$NLPKIT ner --model '{tiny_model}' | head -1", b"Juma went home\n" * 6000)
    assert done.stdout == b"[PER Juma] went home\n"
    assert done.stderr == b""
    assert done.returncode == 141  # as with any program that SIGPIPE ends; 1 would mean `the answer is no`


def test_a_pipe_that_is_closed_before_a_short_output_is_quiet_too() -> None:
    done = shell("$NLPKIT data list | (exec 0<&-; sleep 0.1)")
    assert done.stderr == b""
    assert done.returncode == 141


@pytest.mark.parametrize("command", ["translate --engine torch", "ner", "langid"])
def test_a_stream_that_is_closed_is_one_error(command: str, tmp_path: Path) -> None:
    path = tmp_path / "in.txt"
    path.write_text("Juma went home\n", encoding="utf-8")
    for closed in (f"$NLPKIT {command} '{path}' >&-", f"$NLPKIT {command} <&-"):
        done = shell(closed)
        assert (done.returncode, done.stdout) == (3, b"")
        assert done.stderr.decode().splitlines() == [
            "error: reading or writing failed: Bad file descriptor",
            "hint: is stdin or stdout closed?",
        ]
    done = shell(f"$NLPKIT {command} '{path}' <&- 2>&-")
    assert (done.returncode, done.stdout.count(b"\n")) == (0, 1)


def test_head_ends_a_translation_quietly() -> None:
    done = shell("$NLPKIT translate --engine torch --greedy | head -1", b"Hello.\n" + b"\n" * 70000)
    assert (done.returncode, done.stdout.count(b"\n"), done.stderr) == (141, 1, b"")


def test_output_is_utf8_with_line_feeds_whatever_the_locale() -> None:
    done = shell("LC_ALL=C PYTHONIOENCODING=latin-1 $NLPKIT data convert - --from text --to jsonl", "पुणे é\r\n".encode())
    assert done.returncode == 0, done.stderr
    assert done.stdout.endswith(b"\n")
    assert b"\r" not in done.stdout
    assert json.loads(done.stdout.decode("utf-8"))["tokens"] == ["पुणे", "é"]


# -- the parts


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_progress_is_drawn_on_a_terminal_only(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: dict[str, str] = {}
    for name, stream in (("terminal", Terminal()), ("file", io.StringIO())):
        monkeypatch.setattr(sys, "stderr", stream)
        monkeypatch.setenv("TERM", "xterm")
        told = streams.Stderr()
        told.tick(1, 10, "loss 1.0")
        told.say("a note")
        drawn[name] = stream.getvalue()
    assert "1/10  loss 1.0" in drawn["terminal"]
    assert drawn["terminal"].endswith("\r\x1b[Ka note\n"), "the line of progress is gone before the note"
    assert drawn["file"] == "a note\n"


@pytest.mark.parametrize("how", ["quiet", "dumb"])
def test_progress_can_be_switched_off(monkeypatch: pytest.MonkeyPatch, how: str) -> None:
    stream = Terminal()
    monkeypatch.setattr(sys, "stderr", stream)
    monkeypatch.setenv("TERM", "dumb" if how == "dumb" else "xterm")
    told = streams.Stderr()
    told.quiet = how == "quiet"
    told.tick(1, 10, "loss")
    assert stream.getvalue() == ""


def test_progress_leaves_no_line_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = Terminal()
    monkeypatch.setattr(sys, "stderr", stream)
    monkeypatch.setenv("TERM", "xterm")
    streams.Stderr().tick(10, 10, "loss")
    assert stream.getvalue().endswith("\r\x1b[K")


def test_a_table_aligns_numbers_right_and_text_left() -> None:
    assert streams.table(["name", "rows"], [["a", 5], ["long", 1200]]) == ["name  rows", "a        5", "long  1200"]
    assert streams.table(["name", "rows"], []) == ["name  rows"]


def test_printable_shows_control_characters_and_keeps_letters() -> None:
    assert streams.printable("a\x1b[0m\u202e\tपुणे\n") == "a\\x1b[0m\\u202e\tपुणे\n"
