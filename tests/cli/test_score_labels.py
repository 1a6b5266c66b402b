"""nlpkit score: tags of words and labels of texts, many files at once, and tables to paste."""

from __future__ import annotations

import csv
import io
import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sklearn import metrics as sk

Cli = Callable[..., Any]
LABELS = ("joy", "fear", "no_w & then")


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def written(name: str, lines: list[str]) -> str:
    Path(name).write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return name


def labels(count: int, seed: int) -> list[str]:
    rng = random.Random(seed)
    return [rng.choice(LABELS) for _ in range(count)]


def noisy(gold: list[str], share: float, seed: int) -> list[str]:
    rng = random.Random(seed)
    return [rng.choice(LABELS) if rng.random() < share else label for label in gold]


def scores(cli: Cli, *args: str) -> dict[str, Any]:
    result = cli("score", *args, "--json")
    assert result.code == 0, result.err
    return json.loads(result.out)


@pytest.fixture
def texts() -> tuple[list[str], list[list[str]]]:
    gold = labels(200, 1)
    guesses = [noisy(gold, share, 2 + at) for at, share in enumerate((0.1, 0.15, 0.8))]
    written("gold.txt", gold)
    for name, guess in zip("abc", guesses, strict=True):
        written(f"{name}.txt", guess)
    return gold, guesses


FILES = ("a.txt", "b.txt", "c.txt", "--gold", "gold.txt")


@pytest.mark.parametrize(
    ("name", "reference"),
    [
        ("accuracy", sk.accuracy_score),
        ("macro-f1", lambda a, b: sk.f1_score(a, b, average="macro")),
        ("micro-f1", lambda a, b: sk.f1_score(a, b, average="micro")),
        ("weighted-f1", lambda a, b: sk.f1_score(a, b, average="weighted")),
        ("average-recall", sk.balanced_accuracy_score),
        ("mcc", sk.matthews_corrcoef),
    ],
)
def test_scores_of_labels_are_those_of_scikit_learn(
    cli: Cli, texts: tuple[list[str], list[list[str]]], name: str, reference: Any
) -> None:
    gold, guesses = texts
    found = scores(cli, name, *FILES)
    assert [one["score"] for one in found["systems"]] == pytest.approx([reference(gold, guess) for guess in guesses])
    for one in found["systems"]:
        assert one["interval"][0] < one["score"] < one["interval"][1]


@pytest.mark.usefixtures("texts")
def test_every_two_files_are_compared_and_the_number_of_tests_counts(cli: Cli) -> None:
    found = scores(cli, "macro-f1", *FILES)
    pairs = {(pair["first"], pair["second"]): pair for pair in found["pairs"]}
    assert set(pairs) == {(0, 1), (0, 2), (1, 2)}
    values = [one["score"] for one in found["systems"]]
    for (a, b), pair in pairs.items():
        assert pair["difference"] == pytest.approx(values[b] - values[a])
        assert pair["p_holm"] >= pair["p"]
    assert pairs[0, 2]["p_holm"] < 0.05 < pairs[0, 1]["p_holm"]
    assert found["systems"][2]["p"] == pairs[0, 2]["p"]
    lines = cli("score", "macro-f1", *FILES).out.splitlines()
    start = next(at for at, line in enumerate(lines) if line.startswith("p of each two files"))
    assert lines[start + 1].split() == ["2", "b.txt", "3", "c.txt"]
    assert lines[start + 2].split()[:2] == ["1", "a.txt"]
    assert lines[start + 3].split() == ["2", "b.txt", f"{pairs[1, 2]['p_holm']:.4f}"]


def test_tables_of_texts_and_bare_labels_are_compared_with_an_answer_not_given(cli: Cli) -> None:
    written("gold.tsv", ["text\tlabel", "good\tpos", "bad\tneg", "so\tpos"])
    written("mine.txt", ["pos", "", "neg"])
    (one,) = scores(cli, "accuracy", "mine.txt", "--gold", "gold.tsv")["systems"]
    assert one["score"] == pytest.approx(1 / 3)
    assert one["empty"] == 1


def test_any_number_of_labels(cli: Cli) -> None:
    written("gold.txt", ["a|b", "a", "", "b"])
    written("mine.txt", ["b|a", "a|b", "", "a"])
    (one,) = scores(cli, "accuracy", "mine.txt", "--gold", "gold.txt")["systems"]
    assert one["score"] == 0.5
    (one,) = scores(cli, "micro-f1", "mine.txt", "--gold", "gold.txt")["systems"]
    assert one["score"] == pytest.approx(2 * 3 / (4 + 5))
    assert "mcc is for one label" in cli("score", "mcc", "mine.txt", "--gold", "gold.txt").err


CONLL = "Amina B-PER\nOtieno I-PER\nwent O\n\nJuma B-PER\nsat O\n\nKisumu B-LOC\nis O\nfar O\n\n"


def test_entities_and_tags_score_what_evaluate_says(cli: Cli) -> None:
    Path("gold.conll").write_text(CONLL)
    Path("half.conll").write_text(CONLL.replace("Juma B-PER", "Juma O"))
    files = ("half.conll", "gold.conll", "--gold", "gold.conll")
    found = scores(cli, "span-f1", *files)
    told = json.loads(cli("evaluate", "--gold", "gold.conll", "--guess", "half.conll", "--json").out)
    assert [one["score"] for one in found["systems"]] == [pytest.approx(told["f1"]), 1.0]
    assert found["systems"][0]["precision"] == 1.0
    assert found["systems"][0]["recall"] == pytest.approx(told["recall"])
    tags = CONLL.replace("B-PER", "PROPN").replace("I-PER", "PROPN").replace("B-LOC", "X").replace("O\n", "VERB\n")
    Path("pos.conll").write_text(tags)
    Path("mine.conll").write_text(tags.replace("X", "PROPN"))
    (one,) = scores(cli, "tag-accuracy", "mine.conll", "--gold", "pos.conll")["systems"]
    assert one["score"] == pytest.approx(7 / 8)


@pytest.mark.usefixtures("texts")
def test_tables_to_paste(cli: Cli) -> None:
    Path("a.txt").rename("a_1|x&.txt")
    files = ("a_1|x&.txt", "b.txt", "--gold", "gold.txt")
    found = scores(cli, "accuracy", *files)["systems"]
    rows = list(csv.reader(io.StringIO(cli("score", "accuracy", *files, "--to", "csv").out)))
    assert rows[0] == ["file", "accuracy", "low", "high", "difference", "p"]
    assert [row[0] for row in rows[1:]] == ["a_1|x&.txt", "b.txt"]
    assert float(rows[2][1]) == pytest.approx(found[1]["score"], abs=1e-4)
    markdown = cli("score", "accuracy", *files, "--to", "md").out.splitlines()
    assert markdown[2].startswith("| a_1\\|x&.txt | ")
    latex = cli("score", "accuracy", *files, "--to", "latex").out
    assert "a\\_1\\textbar{}x\\&.txt & " in latex
    assert latex.startswith("\\begin{tabular}{lrrrrr}\n\\toprule\n")
    assert "\\bottomrule\n\\end{tabular}\n% labels|unit:text" in latex


def test_limits(cli: Cli) -> None:
    written("gold.txt", ["a", "b"])
    written("mine.txt", ["a", "a"])
    assert cli("score", "accuracy", "mine.txt", "--gold", "gold.txt", "--fail-under", "0.5").code == 0
    low = cli("score", "accuracy", "mine.txt", "--gold", "gold.txt", "--fail-under", "0.51")
    assert (low.code, low.err) == (1, "error: accuracy of `mine.txt` is 0.5000, under 0.51\n")


@pytest.mark.parametrize(
    ("args", "told"),
    [
        (("macro-f2", "mine.txt"), "did you mean `macro-f1`?"),
        (("accuracy", "mine.txt", "--lang", "swh"), "--lang is for texts that a model has written, not for accuracy"),
        (("accuracy", "mine.txt", "--scheme", "iob1"), "accuracy has no tag scheme"),
        (("bleu", "mine.txt", "--scheme", "iob1"), "--scheme is for tags, not for bleu"),
        (("accuracy", "mine.txt", "--fail-over", "1"), "--fail-over is not for accuracy"),
        (("accuracy", "mine.txt", "--to", "pdf"), "`--to pdf`: no such choice"),
        (("accuracy", "mine.txt", "--to", "md", "--json"), "both --json and --to are given"),
        (("accuracy", "mine.txt", "--gold", "mine.txt"), "accuracy takes one --gold file"),
        (("accuracy", "short.txt"), "2 gold rows and 1 guessed row"),
        (("accuracy", "nothing.txt"), "no lines in `nothing.txt`"),
        (("accuracy", "none.txt"), "no file `none.txt`"),
        (("accuracy", "table.txt"), "table.txt:1: a label holds a tab"),
        (("accuracy", "mine.txt", "--fail-under", "80"), "--fail-under 80 is beyond what accuracy can be"),
        (("span-f1", "mine.txt", "--from", "text"), "`--from text`: no such choice"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_wrong_questions_get_one_clear_error(cli: Cli, args: tuple[str, ...], told: str) -> None:
    written("gold.txt", ["a", "b"])
    written("mine.txt", ["a", "a"])
    written("short.txt", ["a"])
    written("table.txt", ["text\tlabel", "x\ta"])
    Path("nothing.txt").touch()
    result = cli("score", *args, "--gold", "gold.txt")
    assert (result.code, result.out) == (2, "")
    assert result.err.count("error:") == 1
    assert told in result.err


def test_a_scheme_that_cannot_be_mistaken_is_read_as_it_is(cli: Cli) -> None:
    Path("gold.conll").write_text(CONLL)
    Path("iobes.conll").write_text(
        "Amina B-PER\nOtieno E-PER\nwent O\n\nJuma S-PER\nsat O\n\nKisumu S-LOC\nis O\nfar O\n\n"
    )
    (one,) = scores(cli, "span-f1", "iobes.conll", "--gold", "gold.conll")["systems"]
    assert one["score"] == 1.0
    note = cli("score", "span-f1", "iobes.conll", "--gold", "gold.conll").err
    assert "the guess `iobes.conll` like IOBES; it is read as IOBES" in note


def test_a_missing_answer_counts_alike_in_score_and_evaluate(cli: Cli) -> None:
    written("gold.tsv", ["text\tlabel", "w\ta", "x\tb", "y\tb", "z\ta"])
    written("mine.tsv", ["text\tlabel", "w\ta", "x\tb", "y\ta", "z\t"])
    (one,) = scores(cli, "micro-f1", "mine.tsv", "--gold", "gold.tsv")["systems"]
    told = json.loads(cli("evaluate", "--task", "classify", "--gold", "gold.tsv", "--guess", "mine.tsv", "--json").out)
    assert one["score"] == pytest.approx(told["micro_f1"]) == pytest.approx(4 / 7)


def test_labels_that_differ_in_normal_form_get_a_note_and_names_cannot_write_on_the_terminal(cli: Cli) -> None:
    written("gold.txt", ["caf\u00e9", "b"])
    name = written("red\x1b[31m.txt", ["cafe\u0301", "b"])
    result = cli("score", "accuracy", name, "gold.txt", "--gold", "gold.txt")
    assert "1 row would be right in NFC" in result.err
    assert "\x1b" not in result.out
    assert "red\\x1b[31m.txt" in result.out


def test_right_answers_are_one_each_or_any_number_never_by_accident(cli: Cli) -> None:
    written("gold.txt", ["a", "", "b"])
    written("mine.txt", ["a", "b", "b"])
    assert "gold.txt:2: no label" in cli("score", "accuracy", "mine.txt", "--gold", "gold.txt").err


def test_labels_come_from_stdin_and_tables_do_not(cli: Cli) -> None:
    written("gold.tsv", ["text\tlabel", "w\ta", "x\tb"])
    found = cli("score", "accuracy", "-", "--gold", "gold.tsv", "--json", stdin=b"a\na\n")
    assert json.loads(found.out)["systems"][0]["score"] == 0.5
    refused = cli("score", "accuracy", "-", "--from", "tsv", "--gold", "gold.tsv", stdin=b"text\tlabel\nw\ta\n")
    assert (refused.code, refused.out) == (2, "")
    assert "tsv is not read from stdin here" in refused.err
