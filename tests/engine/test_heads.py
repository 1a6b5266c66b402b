"""Encoders of several kinds, tiny and random: pooling, a CRF on top, freezing, decay by layer, trimming."""

from __future__ import annotations

import itertools
import json
from pathlib import Path
from typing import Any

import pytest
import torch
from toy import write_toy
from transformers import (
    BertConfig,
    BertForTokenClassification,
    DebertaV2Config,
    DebertaV2ForTokenClassification,
    ModernBertConfig,
    ModernBertForTokenClassification,
    XLMRobertaConfig,
    XLMRobertaForTokenClassification,
)

from nlpkit.config.recipe import Stage
from nlpkit.data.features import Feature
from nlpkit.data.rows import TokenRow
from nlpkit.engine import batches, loop, vocabulary
from nlpkit.engine.encoders import train_tokenizer
from nlpkit.engine.heads import WordHead, independent, with_head
from nlpkit.engine.predict import scores
from nlpkit.engine.pretrained import load_tokenizer
from nlpkit.errors import InputError
from nlpkit.jobs.predict import Predictor
from nlpkit.jobs.prepare import load_recipe
from nlpkit.jobs.train import train

LABELS = ["O", "B-PER", "I-PER"]
SIZE: dict[str, Any] = {
    "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 64, "vocab_size": 200,
    "max_position_embeddings": 66, "pad_token_id": 0,
}  # fmt: skip
_MODERN = {"global_attn_every_n_layers": 2, **{f"{name}_token_id": 2 for name in ("cls", "sep", "bos", "eos")}}
KINDS: dict[str, Any] = {
    "bert": (BertConfig, BertForTokenClassification, {}),
    "xlm-roberta": (XLMRobertaConfig, XLMRobertaForTokenClassification, {}),
    "deberta-v2": (
        DebertaV2Config,
        DebertaV2ForTokenClassification,
        {"relative_attention": True, "pos_att_type": ["p2c", "c2p"]},
    ),
    "modernbert": (ModernBertConfig, ModernBertForTokenClassification, _MODERN),
}


def rows_of(folder: Path) -> list[list[str]]:
    write_toy(folder / "train.conll", 80)
    write_toy(folder / "dev.conll", 12)
    text = (folder / "train.conll").read_text(encoding="utf-8")
    return [[line.split(" ")[0] for line in block.split("\n")] for block in text.strip().split("\n\n")]


@pytest.fixture
def base(tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    """A folder with a random encoder of the kind asked for and a tokenizer of the toy's words."""
    config, model, more = KINDS[request.param]
    torch.manual_seed(0)
    tokenizer = train_tokenizer(rows_of(tmp_path), 200, 64)
    folder = tmp_path / "base"
    found = model(config(**{**SIZE, "vocab_size": len(tokenizer.hf)}, **more, num_labels=2))
    found.save_pretrained(folder)
    tokenizer.save(folder)
    return folder


@pytest.mark.parametrize("base", list(KINDS), indirect=True)
@pytest.mark.parametrize("head", [[], ["model.pooling=mean"], ["model.crf=true", "model.pooling=mean"]])
def test_every_kind_of_encoder_learns_the_toy_with_every_head(base: Path, head: list[str]) -> None:
    folder = base.parent
    more = [f"model.base={base}", f"data.train={folder / 'train.conll'}", f"data.dev={folder / 'dev.conll'}", *head]
    small = ["stages.0.epochs=12", "stages.0.lr=5e-3", "stages.0.batch_tokens=512", "model.max_length=60"]
    model = train(load_recipe("ner", [*more, *small, "stages.0.layer_decay=0.9"]), folder / "run")
    metrics = json.loads((folder / "run" / "metrics.json").read_text())
    assert metrics["dev"]["f1"] > 0.9
    predictor = Predictor(str(model), nbest=2)
    (row,) = predictor([TokenRow("1", ("Amina", "Otieno", "went", "to", "Kisumu", "3", "."))])
    assert row.tags == ("B-PER", "I-PER", "O", "O", "B-LOC", "O", "O")
    assert tuple(row.others[0][0]) == row.tags
    assert row.others[0][1] >= row.others[1][1]
    long = TokenRow("2", row.tokens * 20)  # several windows
    (found,) = predictor([long])
    assert len(found.tags or ()) == len(long.tokens)
    assert not found.others


@pytest.mark.parametrize("base", ["bert"], indirect=True)
def test_a_crf_lies_beside_what_transformers_reads(base: Path) -> None:
    from transformers import AutoModelForTokenClassification

    folder = base.parent
    more = [f"model.base={base}", f"data.train={folder / 'train.conll'}", "model.crf=true", "stages.0.steps=2"]
    model = train(load_recipe("ner", [*more, "model.max_length=60"]), folder / "run")
    assert AutoModelForTokenClassification.from_pretrained(model).config.id2label[1] == "B-LOC"
    (model / "crf.safetensors").write_bytes(b"x")
    with pytest.raises(InputError, match=r"crf.safetensors` is damaged"):
        Predictor(str(model))


def features(lengths: list[int]) -> list[Feature]:
    """Rows of words with two sub-words each, between two special ones."""
    found = []
    for row, words in enumerate(lengths):
        ids = [2, *range(10, 10 + 2 * words), 3]
        places = list(range(1, 1 + 2 * words, 2))
        labels = [-100] * len(ids)
        for at, place in enumerate(places):
            labels[place] = at % 3
        found.append(Feature(row, ids, labels, places, list(range(words)), [(place, place + 2) for place in places], 0))
    return found


def encoder() -> Any:
    torch.manual_seed(0)
    return BertForTokenClassification(BertConfig(**SIZE, num_labels=3)).eval()


def test_mean_pooling_is_the_mean_of_a_words_logits_whatever_the_padding() -> None:
    net = encoder()
    head = WordHead(net, LABELS, pooling="mean", crf=False)
    rows = features([2, 4])
    with torch.inference_mode():
        batch = batches.collate(rows, 0, "cpu", learn=False, reads="words")
        found = head(**batch).logits
        plain = net(input_ids=batch["input_ids"], attention_mask=batch["attention_mask"]).logits
        assert torch.allclose(found[1, 1], plain[1, 3:5].mean(0), atol=1e-5)
        alone = head(**batches.collate(rows[:1], 0, "cpu", learn=False, reads="words")).logits
    assert torch.allclose(found[0, :2], alone[0], atol=1e-5)


def test_first_pooling_with_labels_by_word_equals_the_plain_loss() -> None:
    net = encoder()
    rows = features([2, 4, 3])
    with torch.inference_mode():
        plain = loop.loss_of(net, batches.collate(rows, 0, "cpu", learn=True), 0.0)
        head = WordHead(net, LABELS, pooling="first", crf=False)
        by_words = loop.loss_of(head, batches.collate(rows, 0, "cpu", learn=True, reads="words"), 0.0)
    assert float(plain) == pytest.approx(float(by_words), rel=1e-5)
    assert with_head(net, LABELS) is net


def test_independent_labels_in_order_of_their_product() -> None:
    logits = torch.randn(1, 3, 3, generator=torch.Generator().manual_seed(4))
    chances = logits.softmax(-1)[0]
    paths = itertools.product(range(3), repeat=3)
    products = [float(torch.stack([chances[at, label] for at, label in enumerate(path)]).prod()) for path in paths]
    every = sorted(products, reverse=True)
    (found,) = independent(logits, torch.tensor([3]), 5)
    assert [score for _, score in found] == pytest.approx(every[:5], rel=1e-4)


def test_label_weights_have_mean_one_over_the_words() -> None:
    rows = [Feature(0, [1] * 6, [0, 0, 0, 1, -100, 0], [], [], [], 0)]
    for how in ("balanced", "sqrt"):
        weights = loop.label_weights(rows, 3, how)
        assert weights is not None
        assert float((weights[torch.tensor([0, 0, 0, 1, 0])]).mean()) == pytest.approx(1.0)
        assert weights[1] > weights[0]
        assert weights[2] == 1.0
    assert float(
        loop.label_weights(rows, 3, "balanced")[1] / loop.label_weights(rows, 3, "balanced")[0]
    ) == pytest.approx(4)
    assert loop.label_weights(rows, 3, "none") is None


def test_layers_below_learn_more_slowly() -> None:
    stage = Stage.model_validate({"name": "s", "data": [{"files": ["x"]}], "lr": 1.0, "layer_decay": 0.5})
    rates = {group["lr"] for group in loop.optimizer_for(encoder(), stage).param_groups}
    assert rates == {1.0, 0.5, 0.25, 0.125}


@pytest.mark.parametrize("base", ["xlm-roberta", "bert"], indirect=True)
def test_trimming_keeps_pieces_and_numbers_and_can_be_saved(base: Path, tmp_path: Path) -> None:
    tokenizer = load_tokenizer(base)
    kind = json.loads((base / "config.json").read_text())["model_type"]
    model = KINDS[kind][1].from_pretrained(base)
    model.eval()
    rows = [["Amina", "went", "to", "Kisumu"], ["Juma", "."]]

    def outputs(tokens: Any) -> tuple[list[list[str]], torch.Tensor]:
        pieces = [number for word in tokens.pieces(rows[:1])[0] for number in word]
        ids = torch.tensor([[*tokens.prefix, *pieces, *tokens.suffix]])
        with torch.inference_mode():
            logits = model(input_ids=ids, attention_mask=torch.ones_like(ids)).logits
        return [tokens.hf.convert_ids_to_tokens(ids[0].tolist())], logits

    before = outputs(tokenizer)
    kept, whole = vocabulary.trim(model, tokenizer, rows)
    after = outputs(tokenizer)
    assert kept < whole
    assert before[0] == after[0]
    assert torch.equal(before[1], after[1])
    assert model.config.vocab_size == kept == model.get_input_embeddings().weight.shape[0]
    model.save_pretrained(tmp_path / "m")
    tokenizer.save(tmp_path / "m")
    again = load_tokenizer(tmp_path / "m")
    assert again.pieces(rows) == tokenizer.pieces(rows)
    assert (again.prefix, again.suffix, again.pad) == (tokenizer.prefix, tokenizer.suffix, tokenizer.pad)


def test_a_crf_sees_the_words_around_its_own_so_an_entity_crosses_windows() -> None:
    """Labels that a window may not begin with are fine at the first word it answers for."""
    from nlpkit.tasks.ner import Ner

    class Letters:
        prefix, suffix, pad, width = (2,), (3,), 0, 1

        def pieces(self, rows):
            return [[[10 + len(word)] for word in row] for row in rows]

    task = Ner(Ner.Options(), LABELS)
    row = TokenRow("1", tuple("abcdefghijkl"), ("B-PER", *["I-PER"] * 11))
    found = task.encode([row], Letters(), 8, learn=True)
    assert len(found) > 1
    assert found[1].first > 0
    head = WordHead(encoder(), LABELS, pooling="first", crf=True)
    with torch.no_grad():
        loss = head(**batches.collate(found, 0, "cpu", learn=True, reads="words"))
        head.encoder.classifier.bias.data = torch.tensor([0.0, 0.0, 30.0])  # I-PER wherever it may stand
    assert float(loss) < 1000
    outputs = scores(head, found, 0)
    assert task.decode(row, list(zip(found, outputs, strict=True))).tags == row.tags


def test_a_word_longer_than_half_a_window_leaves_no_window_without_words() -> None:
    from nlpkit.tasks.ner import Ner

    class Wide:
        prefix, suffix = (1,), (2,)

        def pieces(self, rows):
            return [[[9] * size for size in (60, 60, 60, 60, 250, 3)] for _ in rows]

    found = Ner(Ner.Options(), LABELS).encode([TokenRow("1", tuple("abcdef"))], Wide(), 256, learn=False)
    assert all(feature.words for feature in found)
    assert sorted(word for feature in found for word in feature.words) == list(range(6))
