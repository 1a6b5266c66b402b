"""From features to outputs: sorted by length within a chunk, batched by tokens, back in order."""

from __future__ import annotations

import gc
import warnings
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import torch

from nlpkit.data.features import Feature, Output
from nlpkit.engine.batches import batches, collate, out_of_memory
from nlpkit.errors import InputError, RunError


def scores(
    model: Any,
    features: Sequence[Feature],
    pad: int,
    batch_tokens: int = 1024,
    poll: Callable[[], None] = lambda: None,
) -> list[Output]:
    """An output for each feature, in their order. ``poll`` is called between batches and may raise.

    On running out of memory the batch is halved and done again. The result does not depend on the batches
    beyond the rounding of floating point.
    """
    lengths = [len(feature.ids) for feature in features]
    order = sorted(range(len(features)), key=lambda number: lengths[number])
    outputs: list[Output | None] = [None] * len(features)
    waiting = batches(order, lengths, batch_tokens)[::-1]
    model.eval()
    with torch.inference_mode():
        while waiting:
            batch = waiting.pop()
            poll()
            try:
                for number, output in zip(batch, _forward(model, [features[i] for i in batch], pad), strict=True):
                    outputs[number] = output
            except (torch.OutOfMemoryError, RuntimeError) as error:
                if not out_of_memory(error):
                    raise
                if len(batch) == 1:
                    raise RunError(
                        "out of memory with one row a batch", "a shorter model.max_length, or another device"
                    ) from None
                waiting += [batch[len(batch) // 2 :], batch[: len(batch) // 2]]
                gc.collect()
    return [output for output in outputs if output is not None]


def _forward(model: Any, features: Sequence[Feature], pad: int) -> Iterator[Output]:
    """Only the best label and its probability of each word leave the device."""
    batch = collate(features, pad, model.device, learn=False)
    if hasattr(model, "tag"):
        labels, chance = model.tag(**batch)
    else:
        logits = model(**batch).logits.float()  # (rows, longest, labels)
        best, labels = logits.max(-1)
        chance = (best - logits.logsumexp(-1)).exp()
    all_labels, all_chances = labels.tolist(), chance.tolist()
    for number, feature in enumerate(features):
        row, row_scores = all_labels[number], all_chances[number]
        yield Output([row[place] for place in feature.places], [row_scores[place] for place in feature.places])


def lower_precision(model: Any, precision: str) -> Any:
    """The model in bf16, or with its linear layers in int8 (dynamic quantization, CPU only)."""
    if precision == "bf16":
        return model.to(torch.bfloat16)
    if precision == "int8":
        if model.device.type != "cpu":
            raise InputError("int8 runs on the CPU only", "add --device cpu, or use --precision bf16")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # torch announces that this function moves to another package
            return torch.ao.quantization.quantize_dynamic(model, {torch.nn.Linear}, dtype=torch.qint8)
    return model
