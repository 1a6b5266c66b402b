from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from toy_pairs import answers, features_of, learn, toy_pairs

from nlpkit.config.recipe import RnnScratch, TransformerScratch
from nlpkit.engine import bundle, seq2seq
from nlpkit.engine.batches import collate, padded
from nlpkit.engine.hypotheses import chances
from nlpkit.engine.joint import Joint
from nlpkit.engine.loop import loss_of, round_to_half
from nlpkit.engine.predict import lower_precision
from nlpkit.errors import InputError

LAYERS = [{"layers": 1}, {"layers": 2}]
INFO: dict[str, Any] = {"task": "translate", "head": "pairs", "options": {}, "labels": [], "max_length": 64}


def rnn(pieces: Joint, seed: int = 0, **more: Any) -> seq2seq.AttentionRnn:
    torch.manual_seed(seed)
    return seq2seq.AttentionRnn(
        RnnScratch(**{"embedding": 16, "state": 16, "dropout": 0.0, **more}), len(pieces), pieces.pad
    )


def stock(pieces: Joint, seed: int = 0, **more: Any) -> seq2seq.Stock:
    spec = TransformerScratch(**{"hidden": 16, "layers": 1, "heads": 2, "dropout": 0.0, **more})
    return seq2seq.transformer(spec, pieces, 64, seed)


MAKERS: list[Callable[..., Any]] = [rnn, stock]
BOTH = pytest.mark.parametrize("make", MAKERS)


def batch_of(pieces: Joint, count: int = 8, seed: int = 3) -> tuple[dict[str, torch.Tensor], torch.Tensor]:
    """What a model reads, and the labels."""
    batch = collate(features_of(pieces, toy_pairs(count, seed)), pieces.pad, "cpu", learn=True, reads="pairs")
    return batch, batch.pop("labels")


# -- step by step


@BOTH
@pytest.mark.parametrize("more", LAYERS)
def test_step_by_step_is_all_at_once(pieces: Joint, make: Callable[..., Any], more: dict[str, Any]) -> None:
    model = make(pieces, **more).eval()
    batch, _ = batch_of(pieces)
    with torch.inference_mode():
        wanted = model(**batch).logits
        opened = model.open(batch["input_ids"], batch["attention_mask"], 1)
        for at in range(wanted.shape[1]):
            now = opened.step(batch["decoder_input_ids"][:, at])
            assert torch.allclose(now, wanted[:, at], atol=1e-5)


@BOTH
def test_hypotheses_change_places_and_rows_leave(pieces: Joint, make: Callable[..., Any]) -> None:
    """After any exchange within rows, and rows that go, each hypothesis continues what it wrote."""
    model = make(pieces).eval()
    batch, _ = batch_of(pieces, 5)
    dice, count = random.Random(0), 3
    ids, mask = batch["input_ids"], batch["attention_mask"]
    rows = list(range(len(ids)))
    written = [[pieces.pad] for _ in range(len(ids) * count)]
    with torch.inference_mode():
        opened = model.open(ids, mask, count)
        for step in range(7):
            now = opened.step(torch.tensor([one[-1] for one in written]))
            which = torch.tensor(rows).repeat_interleave(count)
            told = torch.tensor(written)
            wanted = model(input_ids=ids[which], attention_mask=mask[which], decoder_input_ids=told).logits[:, -1]
            assert torch.allclose(now, wanted, atol=1e-5)
            kept = sorted(dice.sample(range(len(rows)), len(rows) - 1)) if step in (2, 3, 5) else None
            chosen = [at * count + dice.randrange(count) for at in kept or range(len(rows)) for _ in range(count)]
            opened.select(torch.tensor(chosen), None if kept is None else torch.tensor(kept))
            rows = rows if kept is None else [rows[at] for at in kept]
            written = [[*written[at], dice.randrange(1, pieces.pad)] for at in chosen]


@BOTH
@pytest.mark.parametrize("more", LAYERS)
def test_padding_changes_nothing(pieces: Joint, make: Callable[..., Any], more: dict[str, Any]) -> None:
    model = make(pieces, **more).eval()
    batch, _ = batch_of(pieces)
    with torch.inference_mode():
        together = model(**batch).logits
        for row in range(len(together)):
            size = int(batch["attention_mask"][row].sum())
            ids, mask = batch["input_ids"][row : row + 1, :size], torch.ones(1, size, dtype=torch.long)
            told = batch["decoder_input_ids"][row : row + 1]
            alone = model(input_ids=ids, attention_mask=mask, decoder_input_ids=told).logits
            assert torch.allclose(alone[0], together[row], atol=1e-5)


@BOTH
def test_chances_are_those_of_the_pieces(pieces: Joint, make: Callable[..., Any]) -> None:
    model = make(pieces).eval()
    features = features_of(pieces, toy_pairs(6))
    sources, targets = [f.ids for f in features], [f.labels or [] for f in features]
    found = chances(model, sources, targets, pieces.pad)
    for source, target, row in zip(sources, targets, found, strict=True):
        [alone] = chances(model, [source], [target], pieces.pad)
        assert row == pytest.approx(alone, abs=1e-4)
        assert len(row) == len(target) - 1
        (ids, mask), (told, _) = padded([source], pieces.pad), padded([target[:-1]], pieces.pad)
        with torch.inference_mode():
            logits = model(input_ids=ids, attention_mask=mask, decoder_input_ids=told).logits[0].log_softmax(-1)
        assert row == pytest.approx([float(logits[at, piece]) for at, piece in enumerate(target[1:])], abs=1e-4)


# -- learning


def test_models_learn(transformer: Any, rnn: Any) -> None:
    for model in (transformer, rnn):
        assert sum(model.losses[-5:]) < 0.5 * sum(model.losses[:5])


@BOTH
@pytest.mark.parametrize("more", LAYERS)
def test_every_weight_learns(pieces: Joint, make: Callable[..., Any], more: dict[str, Any]) -> None:
    model = make(pieces, dropout=0.1, **more).train()
    batch, labels = batch_of(pieces)
    loss_of(model, {**batch, "labels": labels}, 0.1).backward()
    for name, weight in model.named_parameters():
        if weight.requires_grad:
            assert weight.grad is not None, name
            assert float(weight.grad.abs().sum()) > 0 or name.endswith("k_proj.bias"), name  # softmax forgets it


def test_the_row_of_pad_stays_zero(pieces: Joint, transformer: Any) -> None:
    """CTranslate2 begins with a zero vector: the row may not learn, neither as an input nor as an output."""
    model = stock(pieces, dropout=0.1)
    features = features_of(pieces, toy_pairs(64))
    for more in ({}, {"rdrop": 1.0}):
        learn(model, features, pieces.pad, 10, **more)
        row = model.hf.get_input_embeddings().weight[pieces.pad]
        assert torch.equal(row, torch.zeros_like(row))
    for part in (model.hf.lm_head, model.hf.model.encoder.embed_tokens, model.hf.model.decoder.embed_tokens):
        assert part.weight is model.hf.get_input_embeddings().weight
    assert float(transformer.hf.get_input_embeddings().weight[pieces.pad].detach().abs().max()) == 0
    others = model.hf.get_input_embeddings().weight[: pieces.pad].detach()
    assert float(others.abs().sum(1).min()) > 0


def test_marian_does_not_share_probability_with_pad(pieces: Joint, transformer: Any) -> None:
    batch, _ = batch_of(pieces)
    with torch.inference_mode():
        logits = transformer(**batch).logits
        opened = transformer.open(batch["input_ids"], batch["attention_mask"], 1)
        step = opened.step(batch["decoder_input_ids"][:, 0])
    assert bool(torch.isneginf(logits[..., pieces.pad]).all())
    assert bool(torch.isneginf(step[:, pieces.pad]).all())
    assert bool(torch.isfinite(logits[..., : pieces.pad]).all())
    loss = loss_of(transformer.train(), {**batch, "labels": batch_of(pieces)[1]}, 0.1)
    transformer.eval()
    assert bool(torch.isfinite(loss))


@BOTH
def test_r_drop(pieces: Joint, make: Callable[..., Any]) -> None:
    batch, labels = batch_of(pieces)

    def loss(model: Any, weight: float) -> float:
        torch.manual_seed(0)
        return float(loss_of(model, {**batch, "labels": labels}, 0.1, rdrop=weight).detach())

    still = make(pieces).train()
    assert loss(still, 5.0) == pytest.approx(loss(still, 0.0), rel=1e-5)
    shaken = make(pieces, dropout=0.4).train()
    assert loss(shaken, 5.0) > loss(shaken, 1e-9) + 1
    model = make(pieces, dropout=0.4).train()
    loss_of(model, {**batch, "labels": labels}, 0.1, rdrop=1.0).backward()
    assert all(weight.grad is not None for weight in model.parameters() if weight.requires_grad)


def test_dropout_is_locked_and_off_when_answering(pieces: Joint) -> None:
    model = rnn(pieces, dropout=0.5)
    x = torch.ones(3, 5, 400)
    dropped = model.train()._drop(x)
    assert bool((dropped == dropped[:, :1]).all())  # one mask for all places of a row
    assert not torch.equal(dropped[0], dropped[1])
    assert set(dropped.unique().tolist()) == {0.0, 2.0}
    assert float(dropped.mean()) == pytest.approx(1.0, abs=0.1)
    assert torch.equal(model.eval()._drop(x), x)
    batch, _ = batch_of(pieces)
    with torch.inference_mode():
        assert torch.equal(model(**batch).logits, model(**batch).logits)
        assert not torch.equal(model.train()(**batch).logits, model(**batch).logits)


def test_a_transformer_is_as_marian_has_it(pieces: Joint) -> None:
    model = stock(pieces, hidden=64, layers=2, decoder_layers=1, intermediate=48)
    config = model.config
    assert (config.encoder_layers, config.decoder_layers, config.encoder_ffn_dim) == (2, 1, 48)
    assert (config.pad_token_id, config.eos_token_id) == (pieces.pad, pieces.end)
    weight = model.hf.get_input_embeddings().weight.detach()
    assert float(weight[: pieces.pad].std()) == pytest.approx(64**-0.5, rel=0.1)
    assert torch.equal(stock(pieces, seed=4).hf.lm_head.weight, stock(pieces, seed=4).hf.lm_head.weight)
    assert not torch.equal(stock(pieces, seed=4).hf.lm_head.weight, stock(pieces, seed=5).hf.lm_head.weight)


# -- storing


def stored(model: Any, pieces: Joint, path: Path) -> Path:
    def fill(folder: Path) -> None:
        model.save(folder)
        pieces.save(folder)

    bundle.save(path, fill, {**INFO, "pieces": "joint"}, "card\n", None)
    return path


@pytest.mark.parametrize("name", ["rnn", "transformer"])
def test_saved_and_loaded_is_the_same(name: str, pieces: Joint, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    model = request.getfixturevalue(name)
    path = stored(model, pieces, tmp_path / "model")
    found = bundle.load(str(path), "cpu", "translate")
    assert found.tokenizer.pieces() == pieces.pieces()
    batch, _ = batch_of(pieces)
    with torch.inference_mode():
        assert torch.equal(found.model(**batch).logits, model(**batch).logits)
    assert not any(weight.dtype != torch.float32 for weight in model.parameters())
    (path / "model.safetensors").write_bytes(b"x")
    with pytest.raises(InputError, match="damaged"):
        bundle.load(str(path), "cpu", "translate")


@BOTH
def test_half_is_stored_as_it_is_scored(pieces: Joint, make: Callable[..., Any], tmp_path: Path) -> None:
    model = make(pieces, half=True)
    learn(model, features_of(pieces, toy_pairs(32)), pieces.pad, 4)
    whole = make(pieces)
    path, other = stored(model, pieces, tmp_path / "half"), stored(whole, pieces, tmp_path / "whole")
    batch, _ = batch_of(pieces)
    with torch.inference_mode():
        before = model(**batch).logits
        round_to_half(model)  # as the session does when training is over
        scored = model(**batch).logits
        assert not torch.equal(before, scored)
        path = stored(model, pieces, tmp_path / "half")
        assert torch.equal(model(**batch).logits, scored)  # saving changes nothing
        found = bundle.load(str(path), "cpu", "translate")
        assert torch.equal(found.model(**batch).logits, scored)
    tensors = load_file(path / "model.safetensors")
    assert {tensor.dtype for tensor in tensors.values()} == {torch.float16}
    others = load_file(other / "model.safetensors")
    assert {name: tensor.shape for name, tensor in tensors.items()} == {n: t.shape for n, t in others.items()}
    source = [f.ids for f in features_of(pieces, toy_pairs(4))]
    assert answers(found.model, source, pieces, beam=2) == answers(model, source, pieces, beam=2)


@pytest.mark.parametrize("name", ["rnn", "transformer"])
@pytest.mark.parametrize("precision", ["int8", "bf16"])
def test_lower_precision_writes_nearly_the_same(
    name: str, precision: str, pieces: Joint, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    model = request.getfixturevalue(name)
    path = stored(model, pieces, tmp_path / "model")
    lower = lower_precision(bundle.load(str(path), "cpu", "translate").model, precision)
    sources = [f.ids for f in features_of(pieces, toy_pairs(20, 4))]
    for decoding in ({"beam": 2}, {"sample": True}):
        found = answers(lower, sources, pieces, **decoding)
        assert all(one.texts for one in found)
    both = zip(answers(lower, sources, pieces, beam=1), answers(model, sources, pieces, beam=1), strict=True)
    equal = [one.texts[0][0] == other.texts[0][0] for one, other in both]
    assert sum(equal) >= 8
