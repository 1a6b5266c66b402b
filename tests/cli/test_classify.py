"""`nlpkit classify` in the shell: row in, row out, on any input."""

from __future__ import annotations

import json
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from toy import write_texts

Cli = Callable[..., Any]
NASTY = (
    "the sweet mango\r\n\n12345\n😀\u2028😀\n\ufeffthe loud horn\nرائع\x00 جدا\ta tab\n".encode()
    + b"caf\xe9 au lait\n"
    + ("mango " * 3000).encode()
    + b"\nthe last line, which has no end"
)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    from nlpkit.jobs.prepare import load_recipe
    from nlpkit.jobs.train import train

    folder = tmp_path_factory.mktemp("classify")
    write_texts(folder / "train.tsv", 60)
    write_texts(folder / "dev.tsv", 40)
    files = [f"data.{use}={folder / f'{use}.tsv'}" for use in ("train", "dev")]
    return str(train(load_recipe("classify", files), folder / "run"))


def test_one_line_out_for_each_line_in(cli: Cli, model: str) -> None:
    found = cli("classify", "-m", model, stdin=NASTY)
    assert found.code == 0
    head, *lines = found.out.split("\n")[:-1]
    assert head == "text\tlabel\tscore"
    assert len(lines) == len(NASTY.split(b"\n"))
    cells = [line.split("\t") for line in lines]
    assert all(len(row) == 3 for row in cells)
    assert [cells[at][1] for at in (0, 1, 4)] == ["liked", "", "not liked"]
    assert "1 text held tabs or line breaks" in found.err
    assert "is not UTF-8" in found.err
    data = [json.loads(x) for x in cli("classify", "-m", model, "--to", "jsonl", stdin=NASTY).out.split("\n")[:-1]]
    assert [row.get("label", "") for row in data] == [row[1] for row in cells]
    assert data[5]["text"].endswith("\ta tab")


def test_top_min_score_and_the_columns_it_came_with(cli: Cli, model: str, tmp_path: Path) -> None:
    path = tmp_path / "a.tsv"
    path.write_text('id\ttext\tsource\n7\tthe "sweet mango\tx\n8\tzzz\ty\n', encoding="utf-8")
    found = cli("classify", "-m", model, str(path), "--top", "2", "--min-score", "0.8")
    head, first, second = (line.split("\t") for line in found.out.splitlines())
    assert head == ["text", "label", "score", "label1", "score1", "label2", "score2", "id", "source"]
    assert (first[0], first[1], first[3], first[-2:]) == ('the "sweet mango', "liked", "liked", ["7", "x"])
    assert second[1:3] == ["", ""]  # not probable enough
    assert float(first[4]) + float(first[6]) == pytest.approx(1, abs=2e-4)


def test_what_comes_out_is_gold_that_goes_in(cli: Cli, model: str, tmp_path: Path) -> None:
    texts = ["the sweet mango", "the loud horn", 'warm bread, "fresh"']
    for to in ("tsv", "csv", "jsonl"):
        out = cli("classify", "-m", model, *[part for text in texts for part in ("-t", text)], "--to", to)
        path = tmp_path / f"gold.{to}"
        path.write_text(out.out, encoding="utf-8")
        scores = json.loads(cli("evaluate", model, "--gold", str(path), "--json").out)
        assert (scores["rows"], scores["accuracy"]) == (3, 1.0)
        same = cli(
            "evaluate", "--task", "classify", "--gold", str(path), "--guess", str(path), "--fail-under", "mcc=0.9"
        )
        assert same.code == 0


class Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.add(tag)


def test_explanations_in_every_format(cli: Cli, model: str) -> None:
    text = "The <script>alert(1)</script> Mango, ripe  banana"
    out = cli("classify", "-m", model, "-t", text, "--explain")
    assert out.out.startswith("liked 0.9")
    assert "  words    +" in out.out
    assert "  n-grams  +" in out.out
    (data,) = map(json.loads, cli("classify", "-m", model, "-t", text, "--explain", "--to", "jsonl").out.splitlines())
    assert all(text[word["start"] : word["end"]] == word["text"] for word in data["words"])
    strongest = max(data["words"], key=lambda word: word["weight"])
    assert strongest["text"] in ("Mango,", "ripe", "banana")
    assert sum(word["weight"] for word in data["words"]) == pytest.approx(
        sum(gram["weight"] for gram in data["ngrams"]), abs=1e-2
    )
    page = cli("classify", "-m", model, "-t", text, "--explain", "--to", "html").out
    tags = Tags()
    tags.feed(page)
    assert "script" not in tags.found
    assert "default-src 'none'" in page
    assert cli("classify", "-m", model, "-t", "", "--explain").out == "-\t\n"


def test_occlusion_for_models_that_are_not_linear(cli: Cli, tmp_path: Path) -> None:
    from nlpkit.jobs.prepare import load_recipe
    from nlpkit.jobs.train import train

    write_texts(tmp_path / "train.tsv", 60)
    small = ["model.scratch.arch=bilstm", "model.scratch.state=8", "model.scratch.hidden=16", "stages.0.steps=60"]
    recipe = load_recipe("classify", [*small, "stages.0.lr=5e-3", f"data.train={tmp_path / 'train.tsv'}"])
    model = str(train(recipe, tmp_path / "run"))
    text = "the sweet mango of day 3"
    (data,) = map(json.loads, cli("classify", "-m", model, "-t", text, "--explain", "--to", "jsonl").out.splitlines())
    assert data["label"] == "liked"
    assert [word["text"] for word in data["words"]] == text.split()
    assert max(data["words"], key=lambda word: word["weight"])["text"] in ("sweet", "mango")
    assert "ngrams" not in data
    (one,) = map(json.loads, cli("classify", "-m", model, "-t", "mango", "--explain", "--to", "jsonl").out.splitlines())
    assert one["words"][0]["weight"] == 0.0  # nothing would be left


@pytest.mark.parametrize(
    ("args", "told"),
    [
        (["--explain", "--top", "2"], "--top and --min-score say nothing beside --explain"),
        (["--explain", "--to", "tsv"], "`--to tsv`: no such choice"),
        (["--to", "conll"], "`--to conll`: no such choice"),
        (["--from", "tsv", "-t", "x"], "--text is raw text"),
        (["-t", "x", "y.txt"], "both --text and files"),
        (["-t", "x", "--device", "cuda:7"], "runs on the CPU only"),
    ],
)
def test_options_that_would_be_ignored(cli: Cli, model: str, args: list[str], told: str) -> None:
    found = cli("classify", "-m", model, *args)
    assert (found.code, found.out) == (2, "")
    assert told in found.err


def test_a_model_for_another_task(cli: Cli, tiny_model: Path) -> None:
    found = cli("classify", "-m", str(tiny_model), "-t", "x")
    assert found.code == 2
    assert "is a model for ner, not for classify" in found.err


def test_train_by_columns_folds_and_a_curve(cli: Cli, tmp_path: Path) -> None:
    lines = ["tweet,mood"] + [
        f'"a {"good" if n % 2 else "bad"} day, {n}",{"yes" if n % 2 else "no"}' for n in range(40)
    ]
    path = tmp_path / "mine.csv"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    columns = ["data.columns.text=tweet", "data.columns.label=mood"]
    out = tmp_path / "run"
    found = cli("train", "classify", f"data.train={path}", *columns, "evaluate.folds=2", "--out", str(out))
    assert (found.code, found.out) == (0, f"{out / 'model'}\n")
    assert "2 folds: macro_f1 1.0000" in found.err
    missing = cli("train", "classify", f"data.train={path}", "--out", str(tmp_path / "no"))
    assert missing.code == 2
    assert "no column `text`, there are `tweet`, `mood`" in missing.err
    bad = cli("train", "classify", f"data.train={path}", *columns, "--curve", "10,0")
    assert (bad.code, "is no list of whole percents" in bad.err) == (2, True)


def test_data_check_and_convert_of_sets_of_labels(cli: Cli, tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    rows = [{"text": "the same words here", "labels": ["a", "b"]}, {"text": "none", "labels": []}]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    assert cli("data", "convert", str(path), "--texts", "--to", "tsv").out == (
        "text\tlabels\nthe same words here\ta|b\nnone\t\n"
    )
    other = tmp_path / "b.tsv"
    other.write_text("text\tlabels\nThe same words here!\ta|b\n", encoding="utf-8")
    found = cli("data", "check", "--texts", str(path), str(other))
    assert found.code == 0
    assert f"{other}:2: warning: 1 of 1 text is nearly" in found.out
    assert cli("data", "convert", str(other), "--texts", "--to", "jsonl").out == (
        json.dumps({"id": "1", "text": "The same words here!", "labels": ["a", "b"]}) + "\n"
    )


def test_a_blank_first_line_takes_no_columns_away(cli: Cli, model: str) -> None:
    found = cli("classify", "-m", model, "--top", "2", stdin=b"\nthe sweet mango\n").out.splitlines()
    assert found[0] == "text\tlabel\tscore\tlabel1\tscore1\tlabel2\tscore2"
    assert found[1] == "\t" * 6
    assert cli("classify", "-m", model, stdin=b"").out == "text\tlabel\tscore\n"


def test_answers_replace_older_answers_and_ids_stay(cli: Cli, model: str, tmp_path: Path) -> None:
    path = tmp_path / "again.tsv"
    path.write_text("id\ttext\tlabel\tscore\tjson\n7\tthe loud horn\tx\t0.1\tmine\n", encoding="utf-8")
    head, row = (line.split("\t") for line in cli("classify", "-m", model, str(path)).out.splitlines())
    assert head == ["text", "label", "score", "id", "json"]
    assert (row[1], row[3:]) == ("not liked", ["7", "mine"])
    assert json.loads(cli("classify", "-m", model, str(path), "--to", "jsonl").out)["json"] == "mine"
    path.write_text("text\ttext\na\tb\n", encoding="utf-8")
    assert "two columns are called `text`" in cli("classify", "-m", model, str(path)).err


def test_sets_of_labels_go_round_with_empty_ones(cli: Cli, tmp_path: Path) -> None:
    gold, guess = tmp_path / "gold.tsv", tmp_path / "guess.tsv"
    gold.write_text("text\tlabels\na\tx|y\nb\t\nc\ty\n", encoding="utf-8")
    guess.write_text("text\tlabels\na\tx\nb\t\nc\tx|y\n", encoding="utf-8")
    scores = json.loads(cli("evaluate", "--task", "classify", "--gold", str(gold), "--guess", str(guess), "--json").out)
    assert scores["micro_f1"] == pytest.approx(4 / 6)
    gold.write_text("text\tlabel\na\tx|y\nb\tx\nc\ty\n", encoding="utf-8")  # parts of x|y are labels themselves
    guess.write_text("text\tlabel\na\tx|y\nb\t\nc\ty\n", encoding="utf-8")
    scores = json.loads(cli("evaluate", "--task", "classify", "--gold", str(gold), "--guess", str(guess), "--json").out)
    assert "hamming" in scores
    bad = tmp_path / "bad.jsonl"
    bad.write_text('{"text": "a", "label": "x\\ty"}\n', encoding="utf-8")
    assert "holds an empty label or a control character" in cli("data", "check", "--texts", str(bad)).out


@pytest.mark.parametrize(
    "damage",
    [{"temperature": 0}, {"temperature": "x"}, {"shift": [1.0]}, {"shift": None}, {"bias": [float("nan"), 0.0]}],
)
def test_a_damaged_decision_is_told(cli: Cli, model: str, tmp_path: Path, damage: dict[str, Any]) -> None:
    import shutil

    copy = tmp_path / "model"
    shutil.copytree(model, copy)
    info = json.loads((copy / "bundle.json").read_text())
    info["decision"] |= damage
    (copy / "bundle.json").write_text(json.dumps(info))
    found = cli("classify", "-m", str(copy), "-t", "x")
    assert (found.code, "`decision` in bundle.json is damaged" in found.err) == (2, True)


def test_model_check_and_export(cli: Cli, model: str, tmp_path: Path) -> None:
    assert "good, classify with 2 labels" in cli("model", "check", model).out
    found = cli("model", "export", model, "--to", "spacy", "--out", str(tmp_path / "x"))
    assert (found.code, "export is for models that label words" in found.err) == (2, True)
