"""Encoders that answer for texts: pooling, pairs, losses, and what transformers reads of them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from toy import TINY, write_texts
from transformers import (
    AutoModelForSequenceClassification,
    AutoTokenizer,
    BertConfig,
    BertModel,
    RobertaConfig,
    RobertaModel,
    pipeline,
)

from nlpkit.data.features import Feature
from nlpkit.data.rows import TextRow
from nlpkit.engine import batches, loop, text_heads
from nlpkit.engine.encoders import train_tokenizer
from nlpkit.engine.pooling import AttentionPooling, mean_of
from nlpkit.errors import InputError
from nlpkit.jobs.predict import Predictor
from nlpkit.jobs.prepare import load_recipe
from nlpkit.jobs.train import train

SIZE: dict[str, Any] = {
    "hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 64,
    "max_position_embeddings": 66, "pad_token_id": 0,
}  # fmt: skip
WORDS = "a the goat hen cow slept ate sweet mango ripe banana warm bread loud horn broken drum of day and"
FEW = ["stages.0.steps=60", "stages.0.lr=3e-3", "stages.0.batch_tokens=256", "model.max_length=32"]


def encoder(folder: Path, kind: str = "bert", rows: list[list[str]] | None = None) -> Path:
    """A folder with a tiny random encoder and its tokenizer."""
    torch.manual_seed(3)
    tokenizer = train_tokenizer(rows or [WORDS.split() * 3], 300, 64)
    config, model = {"bert": (BertConfig, BertModel), "roberta": (RobertaConfig, RobertaModel)}[kind]
    model(config(vocab_size=len(tokenizer.hf), **SIZE)).save_pretrained(folder)
    tokenizer.save(folder)
    return folder


def learned(folder: Path, *more: str, rows: int = 60, task: str = "classify", **kind: bool) -> Path:
    write_texts(folder / "train.tsv", rows, **kind)
    write_texts(folder / "dev.tsv", 30, **kind)
    files = [f"data.train={folder / 'train.tsv'}", f"data.dev={folder / 'dev.tsv'}"]
    return train(load_recipe(task, [*files, *more]), folder / "run")


def f1_of(model: Path) -> float:
    return float(json.loads((model.parent / "metrics.json").read_text())["dev"]["macro_f1"])


def test_pooling_sees_what_the_mask_shows() -> None:
    states, mask = torch.randn(2, 5, 8), torch.tensor([[1, 1, 1, 0, 0], [1, 1, 1, 1, 1]]).bool()
    assert torch.allclose(mean_of(states, mask)[0], states[0, :3].mean(0), atol=1e-6)
    pool = AttentionPooling(8)
    other = states.clone()
    other[0, 3:] = 99.0
    assert torch.allclose(pool(states, mask), pool(other, mask))


@pytest.mark.parametrize("pooling", ["cls", "mean", "attention"])
@pytest.mark.parametrize("kind", ["bert", "roberta"])
def test_every_pooling_learns_and_comes_back(tmp_path: Path, pooling: str, kind: str) -> None:
    base = encoder(tmp_path / "base", kind)
    model = learned(tmp_path, f"model.base={base}", f"model.pooling={pooling}", *FEW)
    assert f1_of(model) > 0.95
    rows = [TextRow("1", "the sweet mango of day 3"), TextRow("2", ""), TextRow("3", "the loud horn " * 60)]
    found = list(Predictor(str(model))(rows))
    assert [row.label for row in found] == ["liked", None, "not liked"]
    alone = next(iter(Predictor(str(model))([rows[0]])))
    assert alone.score == pytest.approx(found[0].score, abs=1e-5)
    assert (model / text_heads.FILE).is_file() == (pooling != "cls")
    if pooling != "cls":
        (model / text_heads.FILE).unlink()
        with pytest.raises(InputError, match="damaged"):
            Predictor(str(model))


def test_transformers_reads_the_stock_head(tmp_path: Path) -> None:
    model = learned(tmp_path, f"model.base={encoder(tmp_path / 'base')}", "model.pooling=cls", *FEW)
    texts = ["the sweet mango of day 3", "the broken drum of day 9"]
    theirs = pipeline(
        "text-classification",
        model=AutoModelForSequenceClassification.from_pretrained(model),
        tokenizer=AutoTokenizer.from_pretrained(model),
    )(texts)
    assert [entry["label"] for entry in theirs] == [row.label for row in Predictor(str(model))(rows_of(texts))]
    (model / "bundle.json").unlink()  # now it is a model of others
    other = Predictor(str(model), task="classify")
    assert [row.label for row in other(rows_of(texts))] == [entry["label"] for entry in theirs]
    assert next(iter(other(rows_of(texts)))).score == pytest.approx(theirs[0]["score"], abs=1e-4)


def rows_of(texts: list[str]) -> list[TextRow]:
    return [TextRow(str(number), text) for number, text in enumerate(texts)]


def test_any_number_of_labels(tmp_path: Path) -> None:
    base = encoder(tmp_path / "base")
    more = ["options.multi_label=true", "stages.0.class_weights=balanced", "stages.0.focal=1"]
    model = learned(tmp_path, f"model.base={base}", *FEW, *more, multi_label=True)
    assert f1_of(model) > 0.95
    found = next(iter(Predictor(str(model))(rows_of(["the ripe banana and loud horn of day 4"]))))
    assert set(found.labels) == {"food", "noise"}
    assert len(found.scores) == 2
    config = json.loads((model / "config.json").read_text())
    assert config["problem_type"] == "multi_label_classification"


def test_pairs_are_told_apart_by_their_types(tmp_path: Path) -> None:
    base = encoder(tmp_path / "base")
    model = learned(tmp_path, f"model.base={base}", *FEW, "stages.0.steps=4", pairs=True)
    predictor = Predictor(str(model), nbest=2)

    def score(a: str, b: str | None) -> float:
        return dict(next(iter(predictor([TextRow("1", a, text_b=b)]))).others)["same"]

    assert score("a goat slept", "a hen ate") != score("a hen ate", "a goat slept")
    assert score("a goat slept", "a hen ate") != score("a goat slept a hen ate", None)
    assert 0 < score("a goat slept", "") < 1


def test_a_small_encoder_and_a_bilstm_from_scratch(tmp_path: Path) -> None:
    for arch, more in (("bert", TINY[1:]), ("bilstm", ["model.scratch.state=16", "model.scratch.hidden=32"])):
        folder = tmp_path / arch
        folder.mkdir()
        model = learned(folder, f"model.scratch.arch={arch}", *more, "stages.0.steps=80", "stages.0.lr=5e-3")
        assert f1_of(model) > 0.95
        found = list(Predictor(str(model))(rows_of(["THE RIPE BANANA", "the loud horn", "\t"])))
        assert [row.label for row in found][1:] == ["not liked", None]


def test_a_bilstm_reads_pairs_and_sets_of_labels(tmp_path: Path) -> None:
    small = ["model.scratch.arch=bilstm", "model.scratch.state=8", "model.scratch.hidden=16", "stages.0.steps=3"]
    pair = learned(tmp_path, *small, pairs=True)
    assert next(iter(Predictor(str(pair))([TextRow("1", "a goat slept", text_b="a goat ate")]))).label in (
        "same",
        "other",
    )
    (tmp_path / "sets").mkdir()
    sets = learned(tmp_path / "sets", *small, "options.multi_label=true", multi_label=True)
    assert next(iter(Predictor(str(sets))(rows_of(["the loud horn"])))).labels is not None


def feature(label: int | None, *ids: int) -> Feature:
    return Feature(0, list(ids), [] if label is None else [label], [0], [0], [], 0)


def test_focal_loss_and_weights() -> None:
    rows = [feature(0, 5, 6), feature(1, 7), feature(1, 8)]
    logits = torch.tensor([[2.0, 0.0], [0.5, 0.0], [-1.0, 3.0]])

    class Fixed(torch.nn.Module):
        def forward(self, **_: torch.Tensor) -> Any:
            return type("Out", (), {"logits": logits})

    batch = batches.collate(rows, 0, "cpu", learn=True, reads="texts")
    assert batch["labels"].tolist() == [0, 1, 1]
    plain = float(loop.loss_of(Fixed(), dict(batch), 0.0))
    chances = logits.softmax(1)[range(3), [0, 1, 1]]
    assert plain == pytest.approx(float(-chances.log().sum()))
    focal = float(loop.loss_of(Fixed(), dict(batch), 0.0, None, 2.0))
    assert focal == pytest.approx(float(-(chances.log() * (1 - chances) ** 2).sum()))
    sets = batches.collate([*rows, feature(None, 9)], 0, "cpu", learn=True, reads="texts", classes=2)
    assert sets["labels"].tolist() == [[1, 0], [0, 1], [0, 1], [0, 0]]
    weights = loop.label_weights([*rows, feature(None, 9)], 2, "balanced", multi_label=True)
    assert weights is not None
    assert weights.tolist() == [3.0, 1.0]


@pytest.mark.parametrize(
    ("more", "told"),
    [
        (["model.pooling=first"], "model.pooling: classify has no first"),
        (["model.crf=true"], "a CRF is for labels of words"),
        (["model.scratch.arch=hashed"], "classify has no family hashed"),
        (["stages.0.epochs=2", "model.scratch.arch=ngrams"], "the family ngrams has no epochs"),
    ],
)
def test_what_would_be_ignored_is_refused(more: list[str], told: str) -> None:
    base = [] if any("scratch" in text for text in more) else ["model.scratch.arch=bert"]
    with pytest.raises(InputError) as caught:
        load_recipe("classify", [*base, *more])
    assert told in caught.value.message
    with pytest.raises(InputError, match="ner has no attention"):
        load_recipe("ner", ["model.scratch.arch=bert", "model.pooling=attention"])
    with pytest.raises(InputError, match="has no focal"):
        load_recipe("ner", ["stages.0.focal=2"])


def test_an_encoder_without_a_head_is_no_classifier(tmp_path: Path) -> None:
    base = encoder(tmp_path / "base")
    with pytest.raises(InputError, match="it was not trained to classify texts"):
        Predictor(str(base), task="classify")
    model = learned(tmp_path, f"model.base={base}", *FEW, "stages.0.steps=2")
    info = json.loads((model / "bundle.json").read_text())
    (model / "bundle.json").write_text(json.dumps({**info, "pooling": "cls"}))
    with pytest.raises(InputError, match="it was not trained to classify texts"):
        Predictor(str(model))


def test_every_weight_of_a_pooled_encoder_learns(tmp_path: Path) -> None:
    model, tokenizer, _ = text_heads.load_base(
        str(encoder(tmp_path / "base")), ["a", "b"], pooling="mean", multi_label=False, revision=None, seed=1
    )
    batch = batches.collate([feature(0, *tokenizer.texts(["the goat"])[0])], 0, "cpu", learn=True, reads="texts")
    loop.loss_of(model, batch, 0.0).backward()
    assert [name for name, weight in model.named_parameters() if weight.grad is None] == []


@pytest.mark.parametrize(("pooling", "library"), [("cls", "transformers"), ("mean", "nlpkit")])
def test_the_card_says_what_reads_the_model(tmp_path: Path, pooling: str, library: str) -> None:
    model = learned(
        tmp_path, f"model.base={encoder(tmp_path / 'base')}", f"model.pooling={pooling}", *FEW, "stages.0.steps=2"
    )
    card = (model / "README.md").read_text(encoding="utf-8")
    assert f"library_name: {library}\n" in card
    assert ("pipeline('text-classification'" in card) == (pooling == "cls")
