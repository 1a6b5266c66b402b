"""nlpkit evaluate: several models and sets of rows in one table, leaks told."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from toy import write_toy

from nlpkit.jobs.prepare import load_recipe
from nlpkit.jobs.train import train

Cli = Callable[..., Any]


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    """A model that learned the toy, and one that learned ten sentences of it with the places unnamed."""
    folder = tmp_path_factory.mktemp("models")
    write_toy(folder / "train.conll", 120)
    few = folder / "few.conll"
    write_toy(few, 10)
    few.write_text(few.read_text().replace("Dar B-LOC\nes I-LOC\nSalaam I-LOC", "Dar O\nes O\nSalaam O"))
    for name in ("train", "few"):
        data = [f"data.{use}={folder / name}.conll" for use in ("train", "dev")]
        recipe = load_recipe("ner", ["model.scratch.arch=crf", *data, "data.lang=eng_Latn"])
        train(recipe, folder / f"run-{name}")
    return str(folder / "run-train" / "model"), str(folder / "run-few" / "model")


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write_toy(Path("near.conll"), 40)
    write_toy(Path("other.conll"), 30)
    other = Path("other.conll")
    other.write_text(other.read_text().replace("Juma", "Kito"))


FILES = ("--gold", "near.conll", "--gold", "other.conll")


def figures(cli: Cli, *args: str) -> Any:
    found = cli("evaluate", *args, "--json")
    assert found.code == 0, found.err
    return json.loads(found.out)


def test_a_table_holds_what_each_model_scores_alone(cli: Cli, models: tuple[str, str]) -> None:
    found = figures(cli, *models, *FILES)
    assert found["columns"] == [{"name": "near.conll", "rows": 40}, {"name": "other.conll", "rows": 30}]
    for entry in found["models"]:
        alone = {name: figures(cli, entry["model"], "--gold", name)["f1"] for name in ("near.conll", "other.conll")}
        assert {name: part["value"] for name, part in entry["scores"].items()} == pytest.approx(alone)
        assert entry["macro"] == pytest.approx(sum(alone.values()) / 2)
    assert found["best"] == {"near.conll": 0, "other.conll": 0}
    assert found["macro_best"] == 0
    (pair,) = found["macro_pairs"]
    assert pair["difference"] == pytest.approx(found["models"][1]["macro"] - found["models"][0]["macro"])
    assert pair["low"] < pair["difference"] < pair["high"] < 0


def test_the_best_has_a_star_only_where_it_is_sure(cli: Cli, models: tuple[str, str]) -> None:
    lines = cli("evaluate", *models, *FILES).out.splitlines()
    assert lines[0].split() == ["model", "near.conll", "other.conll", "macro"]
    assert lines[1].count("*") == 3
    assert lines[2].count("*") == 0
    write_toy(Path("tiny.conll"), 2)
    lines = cli("evaluate", *models, "--gold", "tiny.conll").out.splitlines()
    assert "*" not in lines[1] + lines[2]


def test_markdown_and_parts(cli: Cli, models: tuple[str, str]) -> None:
    near = Path("near.conll")
    near.write_text(near.read_text() + "Juma B-PER\nwent O\nhome O\n\n")
    lines = cli("evaluate", *models, "--gold", "near.conll", "--by", "length", "--to", "md").out.splitlines()
    assert lines[0] == "| model | 1-5 | 6-10 | macro |"
    assert lines[2].startswith(f"| {models[0]} | ")
    lines = cli("evaluate", *models, *FILES, "--by", "lang", "--to", "csv").out.splitlines()
    assert lines[0] == "model,near.conll und,other.conll und,macro"
    found = figures(cli, models[0], "--gold", "near.conll", "--by", "seen")
    assert {name: part["rows"] for name, part in found["by_seen"].items()} == {"seen": 41}


def test_a_part_without_entities_is_in_no_mean_and_a_part_may_have_any_name(cli: Cli, models: tuple[str, str]) -> None:
    rows = [("macro", "Juma B-PER\nwent O\nhome O\n"), ("none", "it O\nwent O\nhome O\n")]
    text = "".join(
        "# meta = x\n"
        + "".join(
            "\t".join([str(at), word, "_", "_", "_", "_", "_", "_", "_", "_" if tag == "O" else f"NER={tag}"]) + "\n"
            for at, (word, tag) in enumerate((line.split() for line in body.splitlines()), 1)
        )
        + "\n"
        for _, body in rows
    )
    Path("two.conllu").write_text(text.replace("# meta = x", "# lang = macro", 1).replace("# meta = x", "# lang = zul"))
    result = cli("evaluate", *models, "--gold", "two.conllu", "--by", "lang", "--column", "tag=misc:NER", "--to", "csv")
    assert result.code == 0, result.err
    head, first, _ = result.out.splitlines()
    assert head.startswith("model,")
    cells = dict(zip(head.split(",")[1:], first.split(",")[1:], strict=True))
    assert "-" in cells.values()
    shown = [value.rstrip("*") for name, value in cells.items() if value != "-"]
    assert len(set(shown)) == 1  # the mean is that of the one part


def test_a_limit_holds_for_every_cell(cli: Cli, models: tuple[str, str]) -> None:
    assert cli("evaluate", models[0], *FILES, "--fail-under", "f1=0.2").code == 0
    low = cli("evaluate", *models, *FILES, "--fail-under", "f1=0.9")
    assert low.code == 1
    assert "f1 of `" in low.err


def test_rows_in_the_training_data_are_told(cli: Cli, tmp_path: Path) -> None:
    recipe = load_recipe("ner", ["model.scratch.arch=crf"])
    train(recipe, tmp_path / "run")
    result = cli("evaluate", str(tmp_path / "run" / "model"), "--card", "samples_ner", "--split", "train")
    assert "196 of 196 rows are in samples_ner/train too, of which" in result.err
    clean = cli("evaluate", str(tmp_path / "run" / "model"), "--card", "samples_ner")
    assert "note:" not in clean.err
    found = figures(cli, str(tmp_path / "run" / "model"), "--card", "samples_ner", "--split", "train")
    (leak,) = found["leaks"]["found"]
    assert (leak["card"], leak["split"]) == ("samples_ner", "train")
    assert 0 < leak["rows"] <= found["rows"]


@pytest.mark.parametrize(
    ("args", "told"),
    [
        (("A", "B", "--gold", "near.conll", "--baseline", "x"), "--baseline is for one model on one card or file"),
        (("A", "B", "--gold", "near.conll", "--errors", "3"), "--errors is for one model"),
        (("A", "A", "--gold", "near.conll"), "named twice"),
        (("A", "none", "--gold", "near.conll"), "no model folder `none`"),
        (("A", "B", "--gold", "near.conll", "--by", "seen"), "each model has seen other words"),
        (("A", "B", "--gold", "near.conll", "--by", "type"), "--by type is for one model"),
        (("A", "B", "--gold", "near.conll", "--fail-under", "recall=1"), "the table has no `recall`"),
        (("A", "--gold", "near.conll", "--json", "--to", "md"), "both --json and --to"),
        (("--gold", "near.conll", "--guess", "near.conll", "--to", "md"), "--to is for a table of models"),
        (("A", "B", "--gold", "near.conll", "--gold", "gone.conll"), "no file `gone.conll`"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_wrong_questions_get_one_clear_error(
    cli: Cli, models: tuple[str, str], args: tuple[str, ...], told: str
) -> None:
    names = dict(zip("AB", models, strict=True))
    result = cli("evaluate", *(names.get(arg, arg) for arg in args))
    assert result.out == ""  # told before the work
    assert result.code == 2
    assert result.err.count("error:") == 1
    assert told in result.err
