"""`nlpkit translate` and `nlpkit g2p` in the shell: a line out for a line in, on any input; and at a prompt."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from toy_translate import RNN, write

from nlpkit.cli.prompt import ask
from nlpkit.config.decoding import Decoding
from nlpkit.data import formats
from nlpkit.errors import counted
from nlpkit.jobs.predict import Predictor

Cli = Callable[..., Any]
NASTY = (
    "the big cat\r\n\n12345\n😀\u2028😀\n\ufeffthe dog\nرائع\x00 جدا\ta tab\n".encode()
    + b"caf\xe9 au lait\n"
    + ("the cat " * 1500).encode()
    + b"\nthe last line, which has no end"
)


@pytest.mark.parametrize("engine", ["torch", "ct2"])
def test_one_line_out_for_each_line_in(cli: Cli, pair_model: Path, engine: str) -> None:
    if engine == "ct2":
        pytest.importorskip("ctranslate2")
    found = cli("translate", "-m", str(pair_model), "--engine", engine, stdin=NASTY)
    assert found.code == 0
    lines = found.out.split("\n")[:-1]
    assert len(lines) == len(NASTY.split(b"\n"))
    assert lines[:2] == ["le grand chat", ""]
    assert lines[7].count("chat") > 200  # one part after the other; nothing is cut off
    assert "is not UTF-8" in found.err
    assert "characters that the model has never seen, first row" in found.err


def test_tables_and_n_best(cli: Cli, pair_model: Path, tmp_path: Path) -> None:
    path = write(tmp_path / "in.jsonl", [{"src": "the cat", "id": "a", "note": 7}, {"src": "the dog", "id": "b"}])
    out = cli("translate", "-m", str(pair_model), str(path), "--nbest", "3", "--engine", "torch").out
    first, second = (json.loads(line) for line in out.splitlines())
    assert (first["id"], first["tgt"], first["note"], second["tgt"]) == ("a", "le chat", 7, "le chien")
    scores = [entry["score"] for entry in first["nbest"]]
    assert len(scores) == 3
    assert scores == sorted(scores, reverse=True)
    assert first["nbest"][0] == {"tgt": first["tgt"], "score": first["score"]}
    moses = cli("translate", "-m", str(pair_model), "-t", "the cat", "-t", "the dog", "--nbest", "2").out.splitlines()
    assert [line.split(" ||| ")[0] for line in moses] == ["0", "0", "1", "1"]
    assert moses[0].split(" ||| ")[1] == "le chat"


def test_ways_to_choose(cli: Cli, pair_model: Path) -> None:
    def said(*more: str) -> list[str]:
        found = cli("translate", "-m", str(pair_model), "-t", "the cat sees the dog", *more)
        assert found.code == 0, found.err
        return [line.split(" ||| ")[1] if "|||" in line else line for line in found.out.splitlines()]

    assert said("--greedy") == said("--beam", "1") == said() == ["le chat voit le chien"]
    draws = said("--sample", "--temperature", "3", "--nbest", "8", "--seed", "3")
    assert draws == said("--sample", "--temperature", "3", "--nbest", "8", "--seed", "3")
    assert len(set(draws)) > 2
    assert said("--sample", "--top-k", "1") == ["le chat voit le chien"]
    diverse = said("--groups", "4", "--diversity", "5", "--nbest", "4")
    assert len({line.split()[0] for line in diverse}) > 1
    assert all("petit" in line for line in said("--force", "petit", "--nbest", "2"))
    assert len(said("--max-length", "2")[0].split()) <= 2
    assert len(said("--min-length", "9")[0]) > len("le chat voit le chien")
    arabic = cli("translate", "-m", str(pair_model), "-t", "the cat", "--script", "Arab")
    assert (arabic.code, "no piece in the script `Arab`" in arabic.err) == (2, True)
    other = cli("translate", "-m", str(pair_model), "-t", "the cat", "--target-lang", "yor")
    assert "the model writes fra, not yor" in other.err


@pytest.mark.parametrize(
    ("arguments", "what"),
    [
        (["--greedy", "--beam", "4"], "--greedy is neither"), (["--top-k", "5"], "are for `sample`"),
        (["--beam", "2", "--nbest", "5"], "nbest (5) is more than beam (2)"),
        (["--engine", "ct2", "--sample"], "sampling needs --engine torch"), (["--engine", "gpu"], "no such choice"),
        (["--to", "html"], "no such choice"), (["--force", "  "], "is blank"),
    ],
)  # fmt: skip
def test_what_does_not_go_together(cli: Cli, pair_model: Path, arguments: list[str], what: str) -> None:
    if "ct2" in arguments:
        pytest.importorskip("ctranslate2")
    found = cli("translate", "-m", str(pair_model), "-t", "the cat", *arguments)
    assert found.code == 2
    assert what in found.err


def test_a_model_for_something_else_is_refused(cli: Cli, pair_model: Path, tiny_model: Path) -> None:
    assert "is a model for ner, not for translate" in cli("translate", "-m", str(tiny_model), "-t", "x").err
    found = cli("ner", "-m", str(pair_model), "-t", "x")
    assert (found.code, "not for ner" in found.err) == (2, True)


def test_what_comes_out_is_scored(cli: Cli, pair_model: Path, tmp_path: Path) -> None:
    gold = pair_model.parent.parent / "dev.jsonl"
    scores = json.loads(cli("evaluate", str(pair_model), "--gold", str(gold), "--json").out)
    out = tmp_path / "answers.txt"
    sources = [json.loads(line)["src"] for line in gold.read_text(encoding="utf-8").splitlines()]
    answers = cli(
        "translate", "-m", str(pair_model), "--engine", "torch", stdin=("\n".join(sources) + "\n").encode()
    ).out
    out.write_text(answers, encoding="utf-8")
    right = tmp_path / "right.txt"
    targets = [json.loads(line)["tgt"] for line in gold.read_text(encoding="utf-8").splitlines()]
    right.write_text("\n".join(targets) + "\n", encoding="utf-8")
    again = json.loads(cli("score", "bleu", str(out), "--gold", str(right), "--json").out)
    assert again["systems"][0]["score"] == pytest.approx(scores["bleu"])
    same = cli("evaluate", str(pair_model), "--gold", str(gold), "--baseline", str(pair_model), "--json")
    against = json.loads(same.out)["against"]
    assert (against["metric"], against["difference"], against["p"]) == ("bleu", 0.0, 1.0)
    shown = cli("evaluate", str(pair_model), "--gold", str(gold)).out
    assert f"BLEU {scores['bleu']:.2f}" in shown
    assert "chrF" in shown


def test_at_a_prompt(pair_model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    typed = iter(
        [
            "the cat",
            ":nbest 2",
            "the dog",
            ":groups 0",
            ":sample",
            ":show",
            ":topk x",
            ":greedy",
            "",
            "the bird",
            ":what",
            "q",
            "never",
        ]
    )

    def read(prompt: str, lines: Iterator[str] = typed) -> str:
        assert prompt == "> "
        return next(lines)

    predictor = Predictor(str(pair_model), task="translate")
    ask(predictor, "", "", read)
    found = capsys.readouterr()
    lines = found.out.splitlines()
    assert lines[0] == "le chat"
    assert lines[1].split(maxsplit=1)[1] == "le chien"
    assert lines[3:] == ["le merle"]
    assert "wants a number" in found.err
    assert "no command `:what`" in found.err
    assert "sample True" in found.err
    assert predictor.decoding == Decoding(beam=1)


def test_words_are_pronounced_by_one_model_or_two(cli: Cli, tmp_path: Path) -> None:
    words = ["mama", "dada", "samaki", "kaka", "saka", "dama", "masa", "kasi", "siku", "duka"] * 6
    rows = [{"src": word, "tgt": " ".join(word), "src_lang": "swa"} for word in words]
    path = write(tmp_path / "train.jsonl", rows)
    models = []
    for seed in (1, 2):
        found = cli(
            "train", "g2p", f"data.train={path}", f"data.dev={path}", f"seed={seed}", *RNN, "stages.0.epochs=25",
            "stages.0.lr=1e-2", "stages.0.batch_tokens=100", "--out", str(tmp_path / str(seed)),
        )  # fmt: skip
        assert found.code == 0, found.err
        models += ["-m", found.out.strip()]
    assert cli("g2p", *models[:2], "-t", "samaki", "-t", "").out == "s a m a k i\n\n"
    assert cli("g2p", *models, "-t", "samaki").out == "s a m a k i\n"
    other = cli("g2p", models[1], "-m", models[1], "-t", "x")
    assert other.code == 2


def test_the_formats_in_the_help_are_those_that_are_read(cli: Cli) -> None:
    for command in ("translate", "g2p"):
        text = " ".join(cli(command, "--help").out.split())
        told = re.search(r"Format read: ([a-z, ]+)\.", text)
        assert told is not None
        assert set(told[1].split(", ")) == set(formats.READ["pairs"])


def test_a_path_mistyped_is_first_of_all_no_folder(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    for engine in ("auto", "torch"):
        found = cli("translate", "--engine", engine, "--model", "runz/model", "-t", "x")
        assert found.code == 3
        assert found.err.startswith("error: no folder `runz/model` here, and: ")
        assert "check its path" in found.err


def test_one_of_something_is_told_as_one(cli: Cli, pair_model: Path) -> None:
    found = cli("translate", "-m", str(pair_model), "-t", "😀", "--max-length", "1")
    assert "note: 1 text holds characters that" in found.err
    both = cli("translate", "-m", str(pair_model), "-t", "😀", "-t", "猫")
    assert "note: 2 texts hold characters that" in both.err


@pytest.mark.parametrize(
    ("number", "more", "text"),
    [
        (0, ("row",), "0 rows"),
        (1, ("row",), "1 row"),
        (2, ("process",), "2 processes"),
        (2, ("entity",), "2 entities"),
        (1, ("text", "have"), "1 text has"),
        (2, ("text", "have"), "2 texts have"),
        (1, ("row", "repeat"), "1 row repeats"),
    ],
)
def test_nouns_and_verbs_follow_the_number(number: int, more: tuple[str, ...], text: str) -> None:
    assert counted(number, *more) == text


def test_of_some_the_noun_follows_all_and_the_verb_the_some() -> None:
    assert counted(1, "row", "are", of=2) == "1 of 2 rows is"
    assert counted(1, "row", "are", of=1) == "1 of 1 row is"
    assert counted(2, "pair", of=3) == "2 of 3 pairs"
