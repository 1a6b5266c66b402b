"""What every search for a text shares: hypotheses, their chances, and what may not be written."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import nn

from nlpkit.config.decoding import Decoding
from nlpkit.engine.batches import padded

Hypothesis = tuple[list[int], float]


class Opened(Protocol):
    """A model while it writes: a number of hypotheses for each row, those of one row beside each other."""

    def step(self, tokens: torch.Tensor) -> torch.Tensor: ...

    def select(self, hypotheses: torch.Tensor, rows: torch.Tensor | None) -> None: ...


@dataclass
class Vocabulary:
    """What a search knows of pieces: the end, and which are never written (True in ``banned``, (pieces))."""

    end: int
    banned: torch.Tensor


def together(opened: Sequence[Opened], tokens: torch.Tensor) -> torch.Tensor:
    """Log-probabilities (hypotheses, pieces) of the next piece: of several models the mean of the probabilities."""
    found = [one.step(tokens).float().log_softmax(-1) for one in opened]
    return found[0] if len(found) == 1 else torch.stack(found).logsumexp(0) - math.log(len(found))


def begun(
    models: Sequence[Any], ids: torch.Tensor, mask: torch.Tensor, begins: Sequence[list[int]], count: int
) -> tuple[list[Opened], torch.Tensor]:
    """The models opened on ``count`` hypotheses a row, each told its beginning but for the last token, which returns.

    The beginnings of rows are of one length.
    """
    opened = [model.open(ids, mask, count) for model in models]
    told = torch.tensor(begins, device=ids.device).repeat_interleave(count, 0)
    for at in range(told.shape[1] - 1):
        for one in opened:
            one.step(told[:, at])
    return opened, told[:, -1]


def chances(model: Any, sources: Sequence[list[int]], targets: Sequence[list[int]], pad: int) -> list[list[float]]:
    """The log-probability of each piece of each target after the first, which is what it begins with."""
    ids, mask = padded(sources, pad, model.device)
    told, _ = padded([target[:-1] for target in targets], pad, model.device)
    model.eval()
    with torch.inference_mode():
        found = model(input_ids=ids, attention_mask=mask, decoder_input_ids=told).logits.float().log_softmax(-1)
    return [
        row[torch.arange(len(target) - 1), torch.tensor(target[1:])].tolist()
        for row, target in zip(found.cpu(), targets, strict=True)
    ]


def limited(
    chances: torch.Tensor, vocabulary: Vocabulary, length: int, decoding: Decoding, last: torch.Tensor
) -> torch.Tensor:
    """Log-probabilities (hypotheses, pieces) less what may not be written as piece number ``length`` (from 1).

    Hypotheses in which it is the ``last``, True there, must end.
    """
    banned, end = vocabulary.banned, vocabulary.end
    if (rows := chances.shape[1]) != len(banned):  # T5, M2M100 and NLLB have rows in their tables that no piece has
        banned = nn.functional.pad(banned[:rows], (0, max(0, rows - len(banned))), value=True)
    ends = chances[:, end]
    chances = chances.masked_fill(banned, -math.inf)
    if length <= decoding.min_length:
        chances[:, end] = -math.inf
    if bool(last.any()):
        chances = chances.masked_fill(last[:, None], -math.inf)
        chances[:, end] = torch.where(last, ends, chances[:, end])
    return chances


def repeats(written: Sequence[int], size: int) -> list[int]:
    """The pieces that would make an n-gram of ``size`` stand twice in what was written."""
    if len(written) < size:
        return []
    tail = list(written[len(written) - size + 1 :])
    return [
        written[at + size - 1] for at in range(len(written) - size + 1) if list(written[at : at + size - 1]) == tail
    ]


def scored(total: float, length: int, decoding: Decoding) -> float:
    """The score of a hypothesis of ``length`` pieces, the end among them (Wu et al., 2016, without their constant)."""
    return float(total / length**decoding.length_penalty)
