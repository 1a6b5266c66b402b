"""Which rows make up which batch and step (pure functions of lengths and seed), and a batch as tensors."""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence

import torch

from nlpkit.data.features import IGNORE, Feature
from nlpkit.errors import InputError

Batch = list[int]
Step = list[Batch]


def batches(order: Sequence[int], lengths: Sequence[int], batch_tokens: int) -> list[Batch]:
    """Cut ``order`` into runs whose padded size, rows x longest, stays within ``batch_tokens``.

    A row longer than the budget is a batch of its own.
    """
    result: list[Batch] = []
    batch: Batch = []
    longest = 0
    for row in order:
        longest = max(longest, lengths[row])
        if batch and longest * (len(batch) + 1) > batch_tokens:
            result.append(batch)
            batch, longest = [], lengths[row]
        batch.append(row)
    if batch:
        result.append(batch)
    return result


def drawn(groups: Sequence[int], rates: Sequence[float], rng: random.Random) -> list[int]:
    """The rows of one epoch: those of group g ``rates[g]`` times each, a fraction of a time by a random choice."""
    members: list[list[int]] = [[] for _ in rates]
    for row, group in enumerate(groups):
        members[group].append(row)
    order: list[int] = []
    for rows, rate in zip(members, rates, strict=True):
        whole = int(rate)
        order += rows * whole + rng.sample(rows, round((rate - whole) * len(rows)))
    return order


def rates(sizes: Sequence[int], weights: Sequence[float], temperature: float) -> list[float]:
    """How often an epoch draws each row of each source: in proportion to rows^(1/temperature), times the weight.

    The temperature keeps the number of rows an epoch (Conneau et al., 2020, with 1/temperature for their alpha).
    """
    flat = [size ** (1 / temperature) for size in sizes]
    total, whole = sum(flat), sum(sizes)
    return [
        weight * whole * part / total / max(1, size) for weight, part, size in zip(weights, flat, sizes, strict=True)
    ]


def epoch(
    lengths: Sequence[int],
    batch_tokens: int,
    seed: int,
    number: int,
    groups: Sequence[int] = (),
    rates: Sequence[float] = (),
) -> list[Batch]:
    """One pass over the rows: near in length within a batch, the batches in random order.

    Lengths are shaken by a tenth so that the same rows do not meet in every epoch. With ``rates`` (of the ``groups`` of
    rows) some rows are drawn more often than others.
    """
    rng = random.Random(f"{seed}-{number}")
    order = drawn(groups, rates, rng) if rates else list(range(len(lengths)))
    rng.shuffle(order)
    average = max(1, sum(lengths) // max(1, len(lengths)))
    chunk = max(1, 100 * batch_tokens // average)
    result: list[Batch] = []
    for start in range(0, len(order), chunk):
        part = sorted(order[start : start + chunk], key=lambda row: lengths[row] * rng.uniform(0.9, 1.1))
        result += batches(part, lengths, batch_tokens)
    rng.shuffle(result)
    return result


def plan(
    lengths: Sequence[int],
    batch_tokens: int,
    group: int,
    seed: int,
    *,
    epochs: float | None = None,
    steps: int | None = None,
    least_steps: int = 0,
    groups: Sequence[int] = (),
    rates: Sequence[float] = (),
) -> tuple[list[Step], int]:
    """The whole stage as a list of optimizer steps, and the steps of its first epoch.

    Where ``epochs`` give fewer than ``least_steps``, there are more of them, at most twice as many.
    A step is ``group`` batches (world size x accumulation); an epoch's last step is filled from its first batches.
    """
    result: list[Step] = []
    number, wanted, per_epoch = 0, steps, 0
    while wanted is None or len(result) < wanted:
        found = epoch(lengths, batch_tokens, seed, number, groups, rates)
        if not found:
            raise InputError("the sources' weights leave no rows to train on", "larger weights")
        missing = -len(found) % group
        found += [found[i % len(found)] for i in range(missing)]
        result += [found[i : i + group] for i in range(0, len(found), group)]
        number += 1
        if wanted is None:
            per_epoch = len(result)
            asked = (epochs or 1.0) * per_epoch
            wanted = max(1, round(max(asked, min(least_steps, 2 * asked))))
    return result[:wanted], per_epoch or len(result) // max(1, number)


def collate(
    features: Sequence[Feature],
    pad: int,
    device: torch.device | str,
    *,
    learn: bool,
    reads: str = "pieces",
    classes: int = 0,
) -> dict[str, torch.Tensor]:
    """Padded tensors, all (rows, longest): input_ids, attention_mask and, with ``learn``, labels.

    Where the model ``reads`` words, also starts and ends of all words that the windows show, (rows, most words), -1
    where a row has no more; labels then have that shape too. Where it reads texts, labels are (rows), or
    (rows, ``classes``) of 0 and 1 where a text has any number of them; token_type_ids are there where pairs need them.
    Where it reads pairs, labels and decoder_input_ids are (rows, longest target): the next piece at each place.
    """
    ids, mask = padded([feature.ids for feature in features], pad)
    longest = ids.shape[1]
    batch = {"input_ids": ids, "attention_mask": mask}
    if any(feature.types for feature in features):
        types = [feature.types or [0] * len(feature.ids) for feature in features]
        batch["token_type_ids"] = torch.tensor([row + [0] * (longest - len(row)) for row in types])
    if reads == "words":
        most = max(1, *(len(feature.shown) for feature in features))

        def filled(rows: Iterable[Sequence[int]], fill: int) -> torch.Tensor:
            return torch.tensor([[*row, *[fill] * (most - len(row))] for row in rows])

        batch["starts"] = filled(([start for start, _ in f.shown] for f in features), -1)
        batch["ends"] = filled(([end for _, end in f.shown] for f in features), -1)
        if learn:
            batch["labels"] = filled((_of_words(feature) for feature in features), IGNORE)
    elif learn and reads == "pairs":
        targets = [feature.labels or [] for feature in features]
        batch["decoder_input_ids"], _ = padded([target[:-1] for target in targets], pad)
        batch["labels"], _ = padded([target[1:] for target in targets], IGNORE)
    elif learn and reads == "texts" and classes:
        batch["labels"] = torch.zeros(len(features), classes)
        for row, feature in enumerate(features):
            batch["labels"][row, feature.labels or []] = 1.0
    elif learn and reads == "texts":
        batch["labels"] = torch.tensor([(feature.labels or [IGNORE])[0] for feature in features])
    elif learn:
        batch["labels"] = torch.tensor(
            [(f.labels or []) + [IGNORE] * (longest - len(f.labels or [])) for f in features]
        )
    return {name: tensor.to(device, non_blocking=True) for name, tensor in batch.items()}


def padded(
    rows: Sequence[Sequence[int]], pad: int, device: torch.device | str = "cpu"
) -> tuple[torch.Tensor, torch.Tensor]:
    """Ids and mask, both (rows, longest)."""
    longest = max(map(len, rows))
    ids = torch.tensor([[*row, *[pad] * (longest - len(row))] for row in rows], device=device)
    mask = torch.tensor([[1] * len(row) + [0] * (longest - len(row)) for row in rows], device=device)
    return ids, mask


def _of_words(feature: Feature) -> list[int]:
    """The label of each word that the window shows; a neighbor's words have none."""
    found = [IGNORE] * len(feature.shown)
    for at, place in enumerate(feature.places, feature.first):
        found[at] = (feature.labels or [])[place]
    return found


def out_of_memory(error: BaseException) -> bool:
    """Whether an error of torch says that memory, of the GPU or the machine, ran out."""
    return isinstance(error, torch.OutOfMemoryError) or "can't allocate memory" in str(error)
