"""The models that ship: small, open, whole, and what answers when no model is named."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from nlpkit.config import bundle_info, places
from nlpkit.config import card as cards
from nlpkit.config.recipe import Source
from nlpkit.jobs.evaluate import evaluate

Cli = Callable[..., Any]
OPEN = {"cc0-1.0", "cc-by-4.0", "cc-by-sa-3.0", "cc-by-sa-4.0"}


@pytest.mark.parametrize("task", ["ner", "pos"])
def test_a_shipped_model_is_small_open_and_whole(task: str) -> None:
    folder = places.model(task)
    assert sum(path.stat().st_size for path in folder.iterdir()) < 6_000_000
    info = bundle_info.read(folder)
    bundle_info.verify(folder, info)
    assert set(info["sha256"]) == {path.name for path in folder.iterdir()} - {"bundle.json", "README.md"}
    used = [entry for entry in info["data"] if entry["use"] == "train"]
    assert {cards.load(entry["card"]).license for entry in used} == {entry["licence"] for entry in used}
    assert {entry["licence"] for entry in used} <= OPEN
    card = (folder / "README.md").read_text(encoding="utf-8")
    assert "license: cc-by-sa-4.0" in card
    assert "hardly known: " in card
    assert all(entry["card"] in card for entry in used)
    assert not any(place in text for text in (card, json.dumps(info)) for place in ("/tmp", "/home", "/work", "/root"))


def test_the_shipped_translator_is_small_open_and_whole() -> None:
    folder = places.model("translate")
    assert sum(path.stat().st_size for path in folder.iterdir()) < 12_000_000
    info = bundle_info.read(folder)
    bundle_info.verify(folder, info)
    used = [entry for entry in info["data"] if entry["use"] == "train"]
    assert [entry["licence"] for entry in used] == ["apache-2.0", "cc-by-4.0", "cc-by-sa-3.0"]
    card = (folder / "README.md").read_text(encoding="utf-8")
    assert "license: cc-by-sa-4.0" in card
    assert not any(place in text for text in (card, json.dumps(info)) for place in ("/tmp", "/home", "/work", "/root"))


def test_it_answers_when_no_model_is_named(cli: Cli) -> None:
    found = cli("translate", "-t", "Set an alarm for 7 am tomorrow", "-t", "")
    assert found.code == 0
    first, second = found.out.split("\n")[:2]
    assert "alarm" in first
    assert "7" in first
    assert second == ""
    again = cli("translate", "-t", "Set an alarm for 7 am tomorrow", "--engine", "torch")
    assert again.out.strip() == first


def test_they_answer_when_no_model_is_named(cli: Cli) -> None:
    pos = cli("pos", "-t", "Amina moved to Kisumu.")
    assert (pos.code, pos.err) == (0, "")
    assert pos.out == "Amina/PROPN moved/VERB to/ADP Kisumu/PROPN ./PUNCT\n"
    ner = cli("ner", "-t", "Sanna Marin vieraili Tampereella.", "-t", "")
    assert ner.out == "[PER Sanna Marin] vieraili [LOC Tampereella].\n\n"
    listed = json.loads(cli("model", "list", "--json").out)
    assert [(entry["task"], entry["shipped"]) for entry in listed[:4]] == [
        ("langid", True), ("ner", True), ("pos", True), ("translate", True),
    ]  # fmt: skip


@pytest.mark.parametrize(("task", "metric", "least"), [("ner", "f1", 0.5), ("pos", "accuracy", 0.8)])
def test_their_scores_on_the_sample_corpus_hold(task: str, metric: str, least: float) -> None:
    source = Source.model_validate({"card": f"samples_{task}", "split": "test"})
    assert evaluate(str(places.model(task)), source)[metric] > least
