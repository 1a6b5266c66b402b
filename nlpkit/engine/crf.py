"""A linear-chain conditional random field (Lafferty et al., 2001) on top of scores that a network gives each label."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import nn

_ILLEGAL = -1e4  # score of a move that is ruled out


def legal_moves(labels: Sequence[str]) -> torch.Tensor:
    """(labels + 1) x (labels + 1) booleans: may the column follow the row? Last stand start and end.

    I-X follows only B-X and I-X; labels that are no IOB2 tags follow each other freely.
    """
    size = len(labels)
    allowed = torch.ones(size + 1, size + 1, dtype=torch.bool)
    for number, label in enumerate(labels):
        if label.startswith("I-"):
            before = [other[:2] in ("B-", "I-") and other[2:] == label[2:] for other in labels]
            allowed[:, number] = torch.tensor([*before, False])
    return allowed


class Crf(nn.Module):
    """A linear-chain conditional random field (Lafferty et al., 2001) with illegal moves ruled out.

    Shapes: ``scores`` (rows, words, labels), ``lengths`` (rows).
    """

    def __init__(self, labels: Sequence[str]) -> None:
        super().__init__()
        size = len(labels)
        self.size = size
        self.moves = nn.Parameter(torch.zeros(size + 1, size + 1))
        self.register_buffer("illegal", (~legal_moves(labels)).float() * _ILLEGAL, persistent=False)

    def table(self) -> torch.Tensor:
        """(labels + 1, labels + 1) score of each move; last stand start and end."""
        return self.moves.float() + self.illegal

    def log_z(self, scores: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
        """(rows) log of the sum over all label sequences: the forward algorithm."""
        table, size = self.table(), self.size
        alpha = table[size, :size] + scores[:, 0]
        for place in range(1, scores.shape[1]):
            step = torch.logsumexp(alpha[:, :, None] + table[:size, :size], 1) + scores[:, place]
            alpha = torch.where((place < lengths)[:, None], step, alpha)
        return torch.logsumexp(alpha + table[:size, size], 1)

    def path_score(self, scores: torch.Tensor, labels: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
        """(rows) score of the given label sequences."""
        table, size = self.table(), self.size
        mask = torch.arange(scores.shape[1], device=scores.device)[None] < lengths[:, None]
        own = (scores.gather(2, labels[:, :, None])[:, :, 0] * mask).sum(1)
        steps = (table[labels[:, :-1], labels[:, 1:]] * mask[:, 1:]).sum(1)
        last = labels.gather(1, (lengths - 1)[:, None])[:, 0]
        return own + steps + table[size, labels[:, 0]] + table[last, size]

    def loss(self, scores: torch.Tensor, labels: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
        """Negative log-likelihood, summed over rows."""
        return (self.log_z(scores, lengths) - self.path_score(scores, labels, lengths)).sum()

    def best(self, scores: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
        """(rows, words) labels of the best sequence (Viterbi, 1967); 0 past the end."""
        table, size = self.table(), self.size
        rows, words = scores.shape[:2]
        alpha = table[size, :size] + scores[:, 0]
        back = []
        stay = torch.arange(size, device=scores.device).expand(rows, size)
        for place in range(1, words):
            value, source = (alpha[:, :, None] + table[:size, :size]).max(1)
            inside = (place < lengths)[:, None]
            alpha = torch.where(inside, value + scores[:, place], alpha)
            back.append(torch.where(inside, source, stay))
        label = (alpha + table[:size, size]).argmax(1)
        path = [label]
        for source in reversed(back):
            label = source.gather(1, label[:, None])[:, 0]
            path.append(label)
        found = torch.stack(path[::-1], 1)
        return found.masked_fill(torch.arange(words, device=scores.device)[None] >= lengths[:, None], 0)

    def marginals(self, scores: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
        """(rows, words, labels) probability of each label at each word: the gradient of ``log_z``."""
        with torch.inference_mode(False), torch.enable_grad():
            leaf = scores.detach().clone().requires_grad_(True)
            (found,) = torch.autograd.grad(self.log_z(leaf, lengths).sum(), leaf)
        return found.detach().clamp(0, 1)  # a gradient in fp32 may miss by a little

    def partial_loss(self, scores: torch.Tensor, wanted: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
        """Negative log-likelihood of the labels that are known (>= 0), summed over what the others may be.

        Tsuboi et al., 2008.
        """
        known = wanted >= 0
        if bool((known.sum(1) == lengths).all()):
            return self.loss(scores, wanted.clamp(min=0), lengths)
        other = torch.arange(scores.shape[2], device=scores.device)[None, None] != wanted[:, :, None]
        clamped = scores.masked_fill(other & known[:, :, None], -1e4)
        return (self.log_z(scores, lengths) - self.log_z(clamped, lengths)).sum()

    def nbest(self, scores: torch.Tensor, lengths: torch.Tensor, count: int) -> list[list[tuple[list[int], float]]]:
        """The best label sequences of each row with their probabilities, best first."""
        whole = self.log_z(scores, lengths).tolist()
        return probable(best_paths(scores, lengths, self.table(), count), whole)


def probable(paths: list[list[tuple[list[int], float]]], whole: Sequence[float]) -> list[list[tuple[list[int], float]]]:
    """Paths with probabilities in the place of log scores; ``whole`` is the log of the sum over all, a row."""
    return [
        [(labels, math.exp(min(0.0, score - total))) for labels, score in found]
        for found, total in zip(paths, whole, strict=True)
    ]


def best_paths(
    scores: torch.Tensor, lengths: torch.Tensor, table: torch.Tensor, count: int
) -> list[list[tuple[list[int], float]]]:
    """The ``count`` best label sequences of each row and their log scores, best first: Viterbi with a list of paths
    at every label (Seshadri and Sundberg, 1994). A row has fewer where there are no more legal sequences."""
    rows, words, size = scores.shape
    lowest = -1e8  # of paths that are not there
    alpha = scores.new_full((rows, size, count), lowest)
    alpha[:, :, 0] = table[size, :size] + scores[:, 0]
    back: list[torch.Tensor] = []
    for place in range(1, words):
        moves = alpha[:, :, :, None] + table[:size, None, :size]  # (rows, from, path, to)
        value, source = moves.reshape(rows, size * count, size).topk(count, 1)
        step = value.transpose(1, 2) + scores[:, place, :, None]
        inside = (place < lengths)[:, None, None]
        stay = torch.arange(size * count, device=scores.device).view(1, size, count)
        alpha = torch.where(inside, step, alpha)
        back.append(torch.where(inside, source.transpose(1, 2), stay))
    final = (alpha + table[:size, size, None]).reshape(rows, -1)
    value, at = final.topk(min(count, final.shape[1]), 1)
    result = []
    pointers = [step.reshape(rows, -1).tolist() for step in back]
    for row in range(rows):
        length, found = int(lengths[row]), []
        for score, state in zip(value[row].tolist(), at[row].tolist(), strict=True):
            if score < float(value[row, 0]) + _ILLEGAL / 2:
                break
            path = [state // count]
            for step in reversed(pointers):
                state = step[row][state]
                path.append(state // count)
            found.append((path[::-1][:length], score))
        result.append(found)
    return result
