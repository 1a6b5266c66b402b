"""States of a text's pieces made one vector."""

from __future__ import annotations

import torch
from torch import nn


class AttentionPooling(nn.Module):
    """The mean of states, weighed by what a small network thinks of each (Yang et al., 2016)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.look = nn.Linear(width, width)
        self.judge = nn.Linear(width, 1, bias=False)

    def forward(self, states: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """(rows, width) from (rows, length, width) states, of which those count where ``mask`` is true."""
        scores = self.judge(torch.tanh(self.look(states)))[:, :, 0].float()
        shares = scores.masked_fill(~mask, -1e9).softmax(1).to(states.dtype)
        return (shares[:, :, None] * states).sum(1)


def mean_of(states: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """(rows, width) mean of the states where ``mask`` is true."""
    kept = mask[:, :, None].to(states.dtype)
    return (states * kept).sum(1) / kept.sum(1).clamp(min=1)
