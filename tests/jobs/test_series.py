"""Folds and learning curves: what each run learns from, and going on after a stop."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest
from toy import write_texts, write_toy

from nlpkit.data.rows import TextRow
from nlpkit.errors import InputError
from nlpkit.jobs import series
from nlpkit.jobs.prepare import Data, load_recipe

SILENT = {"data_dir": None, "overwrite": False, "say": lambda _: None, "tick": lambda *_: None}


def recipe(folder: Path, *more: str):
    write_texts(folder / "train.tsv", 40)
    write_texts(folder / "dev.tsv", 20)
    return load_recipe("classify", [f"data.train={folder / 'train.tsv'}", f"data.dev={folder / 'dev.tsv'}", *more])


def test_parts_hold_labels_evenly_and_equal_texts_together() -> None:
    rows = [TextRow(str(n), f"text {n // 2} here now", ("ab"[n // 2 % 2],)) for n in range(80)]
    part = series._parts(rows, 4, 1)
    assert all(part[n] == part[n + 1] for n in range(0, 80, 2))
    for label in "ab":
        assert set(Counter(p for p, row in zip(part, rows, strict=True) if row.label == label).values()) == {10}
    assert part == series._parts(rows, 4, 1)
    with pytest.raises(InputError, match="2 different rows cannot be parted into 4 folds"):
        series._parts(rows[:4], 4, 1)


def test_every_row_is_held_out_once(tmp_path: Path) -> None:
    checked = recipe(tmp_path, "evaluate.folds=3")
    model = series.folds(checked, tmp_path / "run", **SILENT)
    facts = json.loads((tmp_path / "run" / "folds.json").read_text())
    assert (model, facts["folds"], len(facts["each"])) == (tmp_path / "run" / "model", 3, 3)
    assert facts["all"]["macro_f1"] > 0.9
    held = [
        next(entry["rows"] for entry in json.loads(path.read_text()) if entry["use"] == "test")
        for path in sorted((tmp_path / "run" / "folds").glob("*/data.json"))
    ]
    assert sum(held) == 40
    with pytest.raises(InputError, match="holds finished folds"):
        series.folds(checked, tmp_path / "run", **SILENT)
    (tmp_path / "run" / "folds.json").unlink()  # a command that was stopped before the end
    before = (tmp_path / "run" / "folds" / "01" / "DONE").stat().st_mtime_ns
    series.folds(checked, tmp_path / "run", **SILENT)
    assert (tmp_path / "run" / "folds" / "01" / "DONE").stat().st_mtime_ns == before
    assert json.loads((tmp_path / "run" / "folds.json").read_text()) == facts


def test_folds_of_sentences(tmp_path: Path) -> None:
    write_toy(tmp_path / "train.conll", 30)
    checked = load_recipe(
        "ner", ["model.scratch.arch=crf", f"data.train={tmp_path / 'train.conll'}", "evaluate.folds=2"]
    )
    series.folds(checked, tmp_path / "run", **SILENT)
    assert json.loads((tmp_path / "run" / "folds.json").read_text())["all"]["f1"] > 0.9


def test_shares_grow_out_of_each_other() -> None:
    rows = [TextRow(str(n), f"t {n}", ("a",)) for n in range(50)]
    data = Data(train=[rows], sources=[[0] * 50], record=[{"use": "train", "rows": 50}])
    small, large = (series._share(data, share, 1) for share in (10, 50))
    assert [len(part.train[0]) for part in (small, large)] == [5, 25]
    assert {row.id for row in small.train[0]} < {row.id for row in large.train[0]}
    assert large.record[0]["rows"] == 25


def test_a_curve_is_drawn(tmp_path: Path) -> None:
    model = series.curve(recipe(tmp_path), tmp_path / "run", [50, 100], **SILENT)
    assert model == tmp_path / "run" / "curve-100" / "model"
    points = json.loads((tmp_path / "run" / "curve.json").read_text())["points"]
    assert [point["rows"] for point in points] == [20, 40]
    assert "<svg" in (tmp_path / "run" / "curve.svg").read_text()


def test_pictures_hold_any_label_as_text(tmp_path: Path) -> None:
    from nlpkit.jobs import plots

    labels = ["<script>alert(1)</script>", '$x$ & "y"', "حب", "प्रेम"]
    scores = {"matrix": {"labels": labels, "counts": [[1, 2, 0, 0]] * 4}, "reliability": [[0.4, 0.5, 3]]}
    drawn = plots.of_scores(scores, tmp_path, "test")
    assert [path.name for path in drawn] == ["test-confusion.svg", "test-reliability.svg"]
    text = drawn[0].read_text(encoding="utf-8")
    assert "<script>" not in text
    assert "حب" in text
    assert "प्रेम" in text
    assert "$x$ &amp;" in text
    plots.of_scores(scores, tmp_path / "again", "test")
    assert (tmp_path / "again" / "test-confusion.svg").read_text(encoding="utf-8") == text
    assert plots.of_scores({"f1": 0.5}, tmp_path, "none") == []


def test_other_rows_or_folds_are_refused_not_mixed_in(tmp_path: Path) -> None:
    series.folds(recipe(tmp_path, "evaluate.folds=2"), tmp_path / "run", **SILENT)
    (tmp_path / "run" / "folds.json").unlink()
    with pytest.raises(InputError, match="01` was trained on other rows"):
        series.folds(recipe(tmp_path, "evaluate.folds=3"), tmp_path / "run", **SILENT)
    facts = json.loads((tmp_path / "run" / "folds" / "01" / "model" / "bundle.json").read_text())
    assert facts["data"][0]["rows"] == sum(facts["label_counts"].values()) == 20
    series.curve(recipe(tmp_path), tmp_path / "curve", [50], **SILENT)
    checked = recipe(tmp_path)
    write_texts(tmp_path / "train.tsv", 44)
    with pytest.raises(InputError, match="curve-050` was trained on other rows"):
        series.curve(checked, tmp_path / "curve", [50, 100], **SILENT)
    with pytest.raises(InputError, match="44 different rows cannot be parted into 90 folds"):
        series.folds(recipe_of(tmp_path, "evaluate.folds=90"), tmp_path / "many", **SILENT)
    assert not (tmp_path / "many").exists()


def recipe_of(folder: Path, *more: str):
    return load_recipe("classify", [f"data.train={folder / 'train.tsv'}", *more])


def test_a_small_share_holds_every_label() -> None:
    rows = [TextRow(str(n), f"t {n}", ("rare" if n == 47 else "often",)) for n in range(50)]
    data = Data(train=[rows], sources=[[0] * 50], record=[{"use": "train", "rows": 50}])
    assert {row.label for row in series._share(data, 4, 1).train[0]} == {"rare", "often"}
