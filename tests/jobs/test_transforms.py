"""Filters and back-translation between a source and training."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from toy_translate import RNN, recipe, write, write_toys

from nlpkit.errors import InputError
from nlpkit.jobs.prepare import load_data, load_recipe


def test_a_filter_drops_pairs_and_tells_how_many(tmp_path: Path) -> None:
    rows = [
        {"src": "a b", "tgt": "c d"}, {"src": "a b", "tgt": "c d"}, {"src": "x", "tgt": "x"}, {"src": "alone"},
        {"src": "a", "tgt": "a very long answer to one letter"},
    ]  # fmt: skip
    path = write(tmp_path / "t.jsonl", rows)
    said: list[str] = []
    more = [f"data.train={path}", "stages.0.data.0.transforms.0.filter.shortest=1"]
    wanted = ["shortest: 1", "ratio: 5", "copies: true", "duplicates: true"]
    more = [f"data.train={path}", f"data.transforms=[{{filter: {{{', '.join(wanted)}}}}}]"]
    data = load_data(load_recipe(str(recipe(tmp_path)), more), None, said.append)
    assert [row.text for row in data.train[0]] == ["a b"]
    assert any("1 of 5 pairs kept" in line and "copies 1" in line and "duplicates 1" in line for line in said)
    assert data.record[0]["rows"] == 1


def test_a_filter_that_leaves_nothing_is_an_error(tmp_path: Path) -> None:
    path = write(tmp_path / "t.jsonl", [{"src": "x", "tgt": "x"}])
    more = [f"data.train={path}", "data.transforms=[{filter: {copies: true}}]"]
    with pytest.raises(InputError, match=r"leaves none of 1 row$"):
        load_data(load_recipe(str(recipe(tmp_path)), more), None, lambda _: None)


def test_pairs_that_are_nearly_the_same_on_both_sides_are_dropped(tmp_path: Path) -> None:
    nearly = {
        "src": "he kept the old green door locked all night long",
        "tgt": "He kept the old green door locked all night yaar",
    }
    apart = {"src": "the green door", "tgt": "green darwaza"}
    path = write(tmp_path / "t.jsonl", [nearly, apart, {"src": "x y", "tgt": "x y"}])
    said: list[str] = []
    more = [f"data.train={path}", "data.transforms=[{filter: {overlap: 0.7}}]"]
    data = load_data(load_recipe(str(recipe(tmp_path)), more), None, said.append)
    assert [row.target for row in data.train[0]] == ["green darwaza"]
    assert any("overlap 2" in line for line in said)
    assert (data.record[0]["rows"], data.record[0]["tokens"]) == (1, 3)  # of what is learned from


def test_back_translation_makes_sources_for_targets(pair_model: Path, tmp_path: Path) -> None:
    mono = tmp_path / "mono.txt"
    mono.write_text("the cat\n\nthe big dog\n", encoding="utf-8")
    said: list[str] = []
    spec = f"{{model: {pair_model}, tag: true, decoding: {{beam: 1}}}}"
    more = [f"data.train={mono}", "data.format=text", f"data.transforms=[{{backtranslate: {spec}}}]"]
    data = load_data(load_recipe(str(recipe(tmp_path)), more), None, said.append)
    assert [(row.text, row.target) for row in data.train[0]] == [
        ("<bt> le chat", "the cat"),
        ("<bt> le grand chien", "the big dog"),
    ]
    assert {(row.lang, row.target_lang) for row in data.train[0]} == {("fra", "eng")}
    assert any("2 pairs of 3 texts" in line for line in said)


def test_another_model_writes_targets(pair_model: Path, tmp_path: Path) -> None:
    mono = write(tmp_path / "mono.jsonl", [{"src": "the cat", "tgt": "old"}, {"src": "the big dog", "tgt": "older"}])
    said: list[str] = []
    more = [f"data.train={mono}", f"data.transforms=[{{translate: {{model: {pair_model}}}}}]"]
    data = load_data(load_recipe(str(recipe(tmp_path)), more), None, said.append)
    assert [(row.text, row.target) for row in data.train[0]] == [
        ("<ft> the cat", "le chat"),
        ("<ft> the big dog", "le grand chien"),
    ]
    assert {(row.lang, row.target_lang) for row in data.train[0]} == {("eng", "fra")}
    assert any(line.startswith("translate: 2 pairs of 2 texts") for line in said)


def test_a_model_that_does_not_read_the_texts_writes_no_targets(pair_model: Path, tmp_path: Path) -> None:
    rows = write(tmp_path / "t.jsonl", [{"src": "le chat", "tgt": "the cat", "src_lang": "fra", "tgt_lang": "eng"}])
    more = [f"data.train={rows}", f"data.transforms=[{{translate: {{model: {pair_model}}}}}]"]
    with pytest.raises(InputError, match=r"translate: .* reads eng, the texts are in fra"):
        load_data(load_recipe(str(recipe(tmp_path)), more), None, lambda _: None)


def test_the_mean_of_the_last_weights(tmp_path: Path) -> None:
    """A stage that ends with a mean keeps as many checkpoints as it needs, and tells the same after a resume."""
    from nlpkit.jobs.train import train

    files = [*write_toys(tmp_path), *RNN, "stages.0.epochs=3", "stages.0.last=2", "stages.0.average=0.0"]
    model = train(load_recipe(str(recipe(tmp_path)), files), tmp_path / "run")
    one = train(load_recipe(str(recipe(tmp_path)), [*files[:-2], "stages.0.average=0.0"]), tmp_path / "one")
    read = [(folder / "model.safetensors").read_bytes() for folder in (model, one)]
    assert read[0] != read[1]
    metrics = json.loads((tmp_path / "run" / "metrics.json").read_text(encoding="utf-8"))
    assert metrics["dev"]["chrf"] > 0
    assert not list((tmp_path / "run").rglob("last-*"))


def test_the_mean_of_checkpoints() -> None:
    import torch

    from nlpkit.engine.loop import mean_of

    found = mean_of([{"a": torch.tensor([1.0, 2.0])}, {"a": torch.tensor([3.0, 6.0])}])
    assert found["a"].tolist() == [2.0, 4.0]
    assert found["a"].dtype == torch.float32
