"""What may stand between an encoder's sub-words and the labels of words: mean pooling, a CRF."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import nn

from nlpkit.engine.crf import Crf, best_paths, probable
from nlpkit.errors import InputError

_FILE = "crf.safetensors"


class WordHead(nn.Module):
    """A token classifier of transformers whose answers are for words.

    ``pooling="mean"`` averages the logits of a word's sub-words. A CRF sees all words of a window. The
    encoder with its classifier is saved as transformers saves it; the CRF lies beside it in a file of its own.
    """

    reads = "words"

    def __init__(self, encoder: Any, labels: Sequence[str], *, pooling: str, crf: bool) -> None:
        super().__init__()
        self.encoder, self.pooling = encoder, pooling
        self.base_model_prefix = "encoder"
        self.crf = Crf(labels) if crf else None
        self.own_loss = crf

    @property
    def device(self) -> torch.device:
        found: torch.device = self.encoder.device
        return found

    def get_input_embeddings(self) -> Any:
        return self.encoder.get_input_embeddings()

    def _logits(
        self, input_ids: torch.Tensor, attention_mask: torch.Tensor, starts: torch.Tensor, ends: torch.Tensor
    ) -> torch.Tensor:
        """(rows, words, labels); a word that is not there (start -1) gets the first position's, which nobody reads."""
        logits = self.encoder(input_ids=input_ids, attention_mask=attention_mask).logits.float()
        size = logits.shape[2]
        first = starts.clamp(min=0)[:, :, None].expand(-1, -1, size)
        if self.pooling == "first":
            return logits.gather(1, first)
        sums = nn.functional.pad(logits.cumsum(1), (0, 0, 1, 0))
        last = ends.clamp(min=1)[:, :, None].expand(-1, -1, size)
        return (sums.gather(1, last) - sums.gather(1, first)) / (ends - starts).clamp(min=1)[:, :, None]

    def forward(
        self,
        input_ids: torch.Tensor,
        attention_mask: torch.Tensor,
        starts: torch.Tensor,
        ends: torch.Tensor,
        labels: torch.Tensor | None = None,
    ) -> Any:
        logits = self._logits(input_ids, attention_mask, starts, ends)
        if self.crf is None:
            return SimpleNamespace(logits=logits)  # as transformers returns them
        lengths = (starts >= 0).sum(1)
        if labels is None:
            return logits, lengths
        return self.crf.partial_loss(logits, labels, lengths)

    def tag(self, **batch: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """(rows, words) best labels and their probabilities."""
        if self.crf is None:
            logits = self(**batch).logits
            best, labels = logits.max(-1)
            return labels, (best - logits.logsumexp(-1)).exp()
        logits, lengths = self(**batch)
        labels = self.crf.best(logits, lengths)
        return labels, self.crf.marginals(logits, lengths).gather(2, labels[:, :, None])[:, :, 0]

    def nbest(self, count: int, **batch: torch.Tensor) -> list[list[tuple[list[int], float]]]:
        """The best label sequences of each row with their probabilities, best first."""
        found, lengths = self._logits(**batch), (batch["starts"] >= 0).sum(1)
        if self.crf is None:
            return independent(found, lengths, count)
        return self.crf.nbest(found, lengths, count)

    def save_pretrained(self, folder: Path) -> None:
        self.encoder.save_pretrained(folder)
        if self.crf is not None:
            save_file({"moves": self.crf.moves.detach().cpu()}, Path(folder) / _FILE)


def independent(logits: torch.Tensor, lengths: torch.Tensor, count: int) -> list[list[tuple[list[int], float]]]:
    """The best label sequences where each word's label stands alone; ``logits`` (rows, words, labels)."""
    logs = logits.float().log_softmax(-1)
    table = logs.new_zeros(logs.shape[2] + 1, logs.shape[2] + 1)
    return probable(best_paths(logs, lengths, table, count), [0.0] * len(logs))


def with_head(
    model: Any, labels: Sequence[str], *, pooling: str = "first", crf: bool = False, folder: Path | None = None
) -> Any:
    """The model with what the recipe adds to it; a CRF's moves are read from ``folder``."""
    if pooling == "first" and not crf:
        return model
    found = WordHead(model, labels, pooling=pooling, crf=crf)
    if found.crf is not None and folder is not None:
        try:
            found.crf.moves.data = load_file(folder / _FILE)["moves"]
        except Exception as error:  # OSError, KeyError, SafetensorError
            raise InputError(f"`{folder / _FILE}` is damaged: {error}", "copy or train the model again") from None
    return found
