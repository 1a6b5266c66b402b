"""From features to outputs: sorted by length within a chunk, batched by tokens, back in order."""

from __future__ import annotations

import gc
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import torch

from nlpkit.data.features import Feature, Output
from nlpkit.engine.batches import batches, collate, out_of_memory
from nlpkit.engine.heads import independent
from nlpkit.errors import InputError, RunError


def scores(
    model: Any,
    features: Sequence[Feature],
    pad: int,
    batch_tokens: int = 1024,
    poll: Callable[[], None] = lambda: None,
    nbest: int = 1,
) -> list[Output]:
    """An output for each feature, in their order. ``poll`` is called between batches and may raise.

    With ``nbest`` above 1 outputs also hold so many label sequences, where the window shows its words only.

    On running out of memory the batch is halved and done again. The result does not depend on the batches
    beyond the rounding of floating point.
    """
    model.eval()
    lengths = [len(feature.ids) for feature in features]
    return in_batches(lambda part: _forward(model, part, pad, nbest), features, lengths, batch_tokens, poll)


def in_batches(
    forward: Callable[[list[Feature]], Iterable[Output]],
    features: Sequence[Feature],
    lengths: Sequence[int],
    batch_tokens: int,
    poll: Callable[[], None],
) -> list[Output]:
    """``forward`` on batches of features of nearly one length; their outputs in the features' order."""
    order = sorted(range(len(features)), key=lambda number: lengths[number])
    outputs: list[Output | None] = [None] * len(features)
    waiting = batches(order, lengths, batch_tokens)[::-1]
    with torch.inference_mode():
        while waiting:
            batch = waiting.pop()
            poll()
            try:
                for number, output in zip(batch, forward([features[i] for i in batch]), strict=True):
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


def _forward(model: Any, features: Sequence[Feature], pad: int, nbest: int) -> Iterator[Output]:
    """Only the best label and its probability of each word leave the device."""
    reads = getattr(model, "reads", "pieces")
    batch = collate(features, pad, model.device, learn=False, reads=reads)
    if reads == "texts":
        for row in model(**batch).logits.float().tolist():
            yield Output([max(range(len(row)), key=row.__getitem__)], None, logits=row)
        return
    words, logits = reads == "words", None
    if hasattr(model, "tag"):
        labels, chance = model.tag(**batch)
    else:
        logits = model(**batch).logits.float()  # (rows, longest, labels)
        best, labels = logits.max(-1)
        chance = (best - logits.logsumexp(-1)).exp()
    all_labels, all_chances = labels.tolist(), chance.tolist()
    others = _others(model, features, batch, logits, nbest) if nbest > 1 else [[] for _ in features]
    for number, feature in enumerate(features):
        row, row_scores = all_labels[number], all_chances[number]
        places = range(feature.first, feature.first + len(feature.words)) if words else feature.places
        yield Output([row[place] for place in places], [row_scores[place] for place in places], others[number])


def _others(
    model: Any, features: Sequence[Feature], batch: dict[str, torch.Tensor], logits: torch.Tensor | None, count: int
) -> list[list[tuple[list[int], float]]]:
    """The best label sequences of each window."""
    if logits is None:
        found: list[list[tuple[list[int], float]]] = model.nbest(count=count, **batch)
    else:
        most = max(len(feature.places) for feature in features)
        places = torch.tensor([f.places + [0] * (most - len(f.places)) for f in features], device=logits.device)
        own = logits.gather(1, places[:, :, None].expand(-1, -1, logits.shape[2]))
        found = independent(own, torch.tensor([len(f.places) for f in features], device=logits.device), count)
    return found


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
