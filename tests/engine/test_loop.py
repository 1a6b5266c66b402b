from __future__ import annotations

import pytest
import torch
from accelerate import Accelerator
from accelerate.state import AcceleratorState
from transformers import BertConfig, BertForTokenClassification

from nlpkit.config.recipe import Source, Stage
from nlpkit.data.features import Feature
from nlpkit.engine import loop
from nlpkit.engine.predict import scores
from nlpkit.errors import RunError

STAGE = Stage(
    name="s", data=[Source(card="x")], epochs=1, lr=1e-2, schedule="constant", warmup=0.0, weight_decay=0.0,
    layer_decay=1.0, batch_tokens=64, accumulate=1, clip=1.0, label_smoothing=0.0,
)  # fmt: skip


def model(dropout: float = 0.0) -> BertForTokenClassification:
    torch.manual_seed(0)
    return BertForTokenClassification(
        BertConfig(
            vocab_size=50, hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=32,
            num_labels=3, hidden_dropout_prob=dropout, attention_probs_dropout_prob=dropout,
        )
    )  # fmt: skip


def features(count: int = 16) -> list[Feature]:
    found = []
    for row in range(count):
        ids = [(row * 7 + place) % 50 for place in range(3 + row % 5)]
        found.append(
            Feature(
                row,
                ids,
                [number % 3 for number in ids],
                list(range(len(ids))),
                list(range(len(ids))),
                [(at, at + 1) for at in range(len(ids))],
                0,
            )
        )
    return found


def run(net: torch.nn.Module, steps: list, stage: Stage = STAGE, loss=loop.loss_of) -> list[loop.StepInfo]:
    AcceleratorState._reset_state(True)
    accelerator = Accelerator(cpu=True)
    wrapped, optimizer = accelerator.prepare(net, loop.optimizer_for(net, stage))
    rows = features()
    return list(loop.fit(accelerator, wrapped, optimizer, rows, steps, 0, stage, 1, 0, lambda text: None, loss))


def weights(net: torch.nn.Module) -> torch.Tensor:
    return torch.cat([weight.detach().flatten() for weight in net.parameters()])


def test_accumulation_equals_one_large_batch() -> None:
    whole, parts = model(), model()
    run(whole, [[list(range(16))]] * 3)
    run(parts, [[list(range(start, start + 4)) for start in (0, 4, 8, 12)]] * 3)
    assert torch.allclose(weights(whole), weights(parts), atol=1e-5)


def test_loss_falls() -> None:
    infos = run(model(), [[[0, 1, 2, 3]], [[4, 5, 6, 7]]] * 20)
    assert infos[-1].loss < 0.5 * infos[0].loss


def test_out_of_memory_halves_the_batch_and_gives_the_same_weights() -> None:
    def scarce(net, batch, smoothing, weights, focal, rdrop):
        if len(batch["labels"]) > 4:
            raise torch.OutOfMemoryError("fake")
        return loop.loss_of(net, batch, smoothing)

    rich, poor = model(), model()
    run(rich, [[list(range(16))]] * 2)
    run(poor, [[list(range(16))]] * 2, loss=scarce)
    assert torch.allclose(weights(rich), weights(poor), atol=1e-5)


def test_out_of_memory_with_one_row_is_an_error_with_a_way_out() -> None:
    def never(net, batch, smoothing, weights, focal, rdrop):
        raise torch.OutOfMemoryError("fake")

    with pytest.raises(RunError, match="out of memory") as caught:
        run(model(), [[[0, 1]]], loss=never)
    assert "batch_tokens" in caught.value.hint


def test_prediction_halves_too_and_its_answer_does_not_depend_on_the_batches() -> None:
    net, rows = model(), features(30)
    alone = scores(net, rows, 0, batch_tokens=1)
    together = scores(net, rows, 0, batch_tokens=4000)
    assert [output.labels for output in alone] == [output.labels for output in together]

    class Scarce(torch.nn.Module):
        device = torch.device("cpu")

        def forward(self, input_ids, attention_mask):
            if len(input_ids) > 2:
                raise torch.OutOfMemoryError("fake")
            return net(input_ids=input_ids, attention_mask=attention_mask)

    assert [output.labels for output in scores(Scarce(), rows, 0, 4000)] == [output.labels for output in alone]


def test_a_loss_that_is_no_number_stops_the_run() -> None:
    def broken(net, batch, smoothing, weights, focal, rdrop):
        return loop.loss_of(net, batch, smoothing) * float("nan")

    with pytest.raises(RunError, match="loss is nan"):
        run(model(), [[[0]]], loss=broken)


def test_dropout_depends_on_the_step_only() -> None:
    steps = [[[0, 1, 2, 3]], [[4, 5, 6, 7]], [[8, 9, 10, 11]]]
    a, b = model(dropout=0.3), model(dropout=0.3)
    torch.manual_seed(99)
    first = run(a, steps)
    torch.manual_seed(5)
    second = run(b, steps)
    assert [info.loss for info in first] == [info.loss for info in second]
    assert torch.equal(weights(a), weights(b))


def test_frozen_parts_stay() -> None:
    net = model()
    before = net.bert.embeddings.word_embeddings.weight.clone(), net.classifier.weight.clone()
    body = weights(net.bert)
    learning = loop.freeze(net, "body")
    assert learning == net.classifier.weight.numel() + net.classifier.bias.numel()
    run(net, [[[0, 1, 2]]] * 3)
    assert torch.equal(weights(net.bert), body)
    assert not torch.equal(net.classifier.weight, before[1])
    net = model()
    loop.freeze(net, "embeddings")
    run(net, [[[0, 1, 2]]] * 3)
    assert torch.equal(net.bert.embeddings.word_embeddings.weight, before[0])


def test_layer_decay_lowers_the_rate_toward_the_embeddings() -> None:
    groups = loop.optimizer_for(model(), STAGE.model_copy(update={"layer_decay": 0.5})).param_groups
    assert sorted({group["lr"] for group in groups}) == pytest.approx([1e-2 / 8, 1e-2 / 4, 1e-2 / 2, 1e-2])


@pytest.mark.parametrize("schedule", ["linear", "cosine", "constant"])
def test_rate_rises_then_falls(schedule: str) -> None:
    rates = [loop.rate(step, 100, 0.1, schedule) for step in range(100)]
    assert rates[:10] == sorted(rates[:10])
    assert max(rates) == rates[10] == 1.0
    assert all(0 < value <= 1 for value in rates)
    assert rates[10:] == sorted(rates[10:], reverse=True)
