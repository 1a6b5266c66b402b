"""Text from a model: greedy, beam, diverse beam and sampling, by one model or several that answer together.

Written here because transformers no longer has diverse beams and required words without code from a hub, and knows no
ensembles (docs/decisions/0015). Rows leave the batch as soon as they are done.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Callable, Sequence
from typing import Any

import torch

from nlpkit.config.decoding import Decoding
from nlpkit.data.features import Feature, Output
from nlpkit.engine import constrained
from nlpkit.engine.batches import padded
from nlpkit.engine.hypotheses import Hypothesis, Vocabulary, begun, limited, repeats, scored, together
from nlpkit.engine.predict import in_batches

TOKENS = 4096  # source pieces a batch, those of all hypotheses counted


def outputs(
    models: Sequence[Any],
    features: Sequence[Feature],
    pieces: Any,
    decoding: Decoding,
    *,
    longest: int,
    batch_tokens: int,
    poll: Callable[[], None] = lambda: None,
) -> list[Output]:
    """An output for each feature: ``texts`` are its ``nbest`` answers with their scores, best first.

    ``longest`` is the most pieces that the models can write.
    """
    device = models[0].device
    banned = torch.tensor(pieces.banned(decoding.script), device=device)
    vocabulary = Vocabulary(pieces.end, banned)
    force = constrained.phrases(pieces, decoding.force, longest)
    count = decoding.nbest if decoding.sample else decoding.beam

    def forward(part: list[Feature]) -> list[Output]:
        ids, mask = padded([feature.ids for feature in part], pieces.pad, device)
        begins = [feature.labels or [pieces.pad] for feature in part]
        # of pieces with the end; what is told before stands in the model's places too
        limits = [
            max(1, 1 + min(decoding.max_length or 20 + 3 * len(feature.ids), longest - len(begin)))
            for feature, begin in zip(part, begins, strict=True)
        ]
        if decoding.sample:
            found = _sample(models, ids, mask, begins, limits, vocabulary, decoding, pieces)
        elif force:
            found = [
                constrained.search(
                    models, ids[at : at + 1], mask[at : at + 1], begins[at], limits[at], vocabulary, decoding, force
                )
                for at in range(len(part))
            ]
        else:
            found = _search(models, ids, mask, begins, limits, vocabulary, decoding)
        return [_output(pieces, hypotheses, decoding.nbest) for hypotheses in found]

    for model in models:
        model.eval()
    lengths = [len(feature.ids) * count for feature in features]
    return in_batches(forward, features, lengths, batch_tokens, poll)


def _output(pieces: Any, hypotheses: Sequence[Hypothesis], most: int) -> Output:
    texts = [(pieces.said(ids), score) for ids, score in hypotheses[:most]]
    return Output([], None, texts=texts)


def _search(
    models: Sequence[Any],
    ids: torch.Tensor,
    mask: torch.Tensor,
    begins: Sequence[list[int]],
    limits: Sequence[int],
    vocabulary: Vocabulary,
    decoding: Decoding,
) -> list[list[Hypothesis]]:
    """Beam search; with groups, diverse beam search (Vijayakumar et al., 2018, Hamming diversity).

    A row is done when each group has as many finished hypotheses as it is wide, and none that goes on scores better.
    What a group is charged for counts where hypotheses are chosen, not in the scores of those that are done.
    """
    beam, groups = decoding.beam, decoding.groups
    width = beam // groups
    opened, tokens = begun(models, ids, mask, begins, beam)
    device = ids.device
    alive = list(range(len(ids)))
    done: list[list[list[Hypothesis]]] = [[[] for _ in range(groups)] for _ in alive]
    scores = torch.full((len(ids), groups, width), -math.inf, device=device)
    scores[:, :, 0] = 0.0
    charged = torch.zeros_like(scores)
    written = torch.empty(len(ids), beam, 0, dtype=torch.long, device=device)
    for length in range(1, max(limits) + 1):
        rows = len(alive)
        last = torch.tensor([limits[row] <= length for row in alive], device=device).repeat_interleave(beam)
        chances = limited(together(opened, tokens), vocabulary, length, decoding, last)
        if decoding.no_repeat_ngram:
            for at, past in enumerate(written.view(rows * beam, -1).tolist()):
                chances[at, repeats(past, decoding.no_repeat_ngram)] = -math.inf
        size = chances.shape[-1]
        by_group = chances.view(rows, groups, width, size)
        next_scores, next_charged, next_tokens, parents = [], [], [], []
        used = torch.zeros(rows, size, device=device)  # by earlier groups
        for group in range(groups):
            charge = decoding.diversity * used
            among = (scores - charged)[:, group, :, None] + by_group[:, group]
            if group:
                among = among - charge[:, None]
            best, at = among.view(rows, -1).topk(min(2 * width, width * size))
            parent, piece = at // size, at % size
            paid = charged[:, group].gather(1, parent) + charge.gather(1, piece)
            best = best + paid
            ended = piece == vocabulary.end
            if bool(ended[:, :width].any()):
                _finish(done, alive, group, ended, best, parent, written, width, length, decoding)
            order = ended.int().argsort(dim=1, stable=True)[:, :width]
            ended = ended.gather(1, order)
            next_scores.append(best.gather(1, order).masked_fill(ended, -math.inf))
            next_charged.append(paid.gather(1, order))
            next_tokens.append(piece.gather(1, order))
            parents.append(parent.gather(1, order) + group * width)
            used.scatter_add_(1, next_tokens[-1], torch.isfinite(next_scores[-1]).float())
        scores, charged = torch.stack(next_scores, 1), torch.stack(next_charged, 1)
        chosen, parent = torch.cat(next_tokens, 1), torch.cat(parents, 1)
        written = torch.cat([written.gather(1, parent[:, :, None].expand(-1, -1, length - 1)), chosen[:, :, None]], 2)
        best_left = scores.max(-1).values.tolist()
        going = [
            at
            for at, row in enumerate(alive)
            if limits[row] > length
            and any(
                math.isfinite(left)
                and (
                    len(found) < width
                    or (beam > 1 and scored(left, length, decoding) > sorted(score for _, score in found)[-width])
                )
                for left, found in zip(best_left[at], done[row], strict=True)
            )
        ]
        if not going:
            break
        hypotheses = parent + torch.arange(rows, device=device)[:, None] * beam
        kept = None
        if len(going) < rows:
            kept = torch.tensor(going, device=device)
            hypotheses, scores, written, chosen = hypotheses[kept], scores[kept], written[kept], chosen[kept]
            charged = charged[kept]
            alive = [alive[at] for at in going]
        tokens = chosen.reshape(-1)
        for one in opened:
            one.select(hypotheses.reshape(-1), kept)
    return [_ranked([entry for found in row for entry in found]) for row in done]


def _finish(
    done: list[list[list[Hypothesis]]], alive: Sequence[int], group: int, ended: torch.Tensor, best: torch.Tensor,
    parent: torch.Tensor, written: torch.Tensor, width: int, length: int, decoding: Decoding,
) -> None:  # fmt: skip
    """Keep the hypotheses that ended among the ``width`` best of each row."""
    for at, place in ended[:, :width].nonzero().tolist():
        total = float(best[at, place])
        if math.isfinite(total):
            past = written[at, group * width + int(parent[at, place])].tolist()
            done[alive[at]][group].append((past, scored(total, length, decoding)))


def _ranked(found: list[Hypothesis]) -> list[Hypothesis]:
    """Best first, each once."""
    ranked = sorted(found, key=lambda entry: -entry[1])
    kept: dict[tuple[int, ...], Hypothesis] = {}
    for ids, score in ranked:
        kept.setdefault(tuple(ids), (ids, score))
    return list(kept.values())


def _sample(
    models: Sequence[Any], ids: torch.Tensor, mask: torch.Tensor, begins: Sequence[list[int]], limits: Sequence[int],
    vocabulary: Vocabulary, decoding: Decoding, pieces: Any,
) -> list[list[Hypothesis]]:  # fmt: skip
    """Draws of each row, the best first. They follow from the seed and the row alone, not from its neighbors."""
    count = decoding.nbest
    opened, tokens = begun(models, ids, mask, begins, count)
    alive = list(range(len(ids)))
    rows_ids = [row[:size] for row, size in zip(ids.tolist(), mask.sum(1).tolist(), strict=True)]
    dice = [
        torch.Generator().manual_seed((decoding.seed * 1_000_003 + zlib.crc32(str(row).encode())) % (1 << 63))
        for row in rows_ids
    ]
    written: list[list[list[int]]] = [[[] for _ in range(count)] for _ in alive]
    totals = [[0.0] * count for _ in alive]
    ended = [[False] * count for _ in alive]
    for length in range(1, max(limits) + 1):
        last = torch.tensor([limits[row] <= length for row in alive], device=ids.device).repeat_interleave(count)
        chances = limited(together(opened, tokens), vocabulary, length, decoding, last)
        if decoding.no_repeat_ngram:
            for at, row in enumerate(alive):
                for draw in range(count):
                    bad = repeats(written[row][draw], decoding.no_repeat_ngram)
                    chances[at * count + draw, bad] = -math.inf
        kept = _narrowed(chances / decoding.temperature, decoding).softmax(-1)
        noise = torch.stack([torch.rand(count, generator=dice[row]) for row in alive]).reshape(-1, 1).to(kept.device)
        # the first piece whose cumulative probability passes the draw
        drawn = (kept.cumsum(-1) < noise * kept.sum(-1, keepdim=True)).sum(-1).clamp(max=kept.shape[-1] - 1)
        drawn = torch.where(kept.gather(1, drawn[:, None])[:, 0] > 0, drawn, kept.argmax(-1))
        picked, gained = drawn.tolist(), chances.gather(1, drawn[:, None])[:, 0].tolist()
        for at, row in enumerate(alive):
            for draw in range(count):
                if ended[row][draw]:
                    continue
                piece = picked[at * count + draw]
                totals[row][draw] += gained[at * count + draw]
                if piece == vocabulary.end:
                    ended[row][draw] = True
                else:
                    written[row][draw].append(piece)
        going = [at for at, row in enumerate(alive) if not all(ended[row])]
        if not going:
            break
        hypotheses = torch.arange(len(alive) * count, device=ids.device).view(-1, count)
        rows = None
        if len(going) < len(alive):
            rows = torch.tensor(going, device=ids.device)
            hypotheses, drawn = hypotheses[rows], drawn.view(-1, count)[rows].reshape(-1)
            alive = [alive[at] for at in going]
            for one in opened:
                one.select(hypotheses.reshape(-1), rows)
        tokens = drawn
    return [
        sorted(
            (
                (past, scored(total, len(past) + 1, decoding))
                for past, total in zip(written[row], totals[row], strict=True)
            ),
            key=lambda entry: -entry[1],
        )
        for row in range(len(ids))
    ]


def _narrowed(chances: torch.Tensor, decoding: Decoding) -> torch.Tensor:
    """Only the ``top_k`` best, and of these the fewest with ``top_p`` of the probability (Holtzman et al., 2020)."""
    if decoding.top_k:
        least = chances.topk(min(decoding.top_k, chances.shape[-1])).values[:, -1:]
        chances = chances.masked_fill(chances < least, -math.inf)
    if decoding.top_p < 1:
        best, order = chances.sort(-1, descending=True)
        before = best.softmax(-1).cumsum(-1) - best.softmax(-1)
        drop = (before >= decoding.top_p).scatter(1, order, before >= decoding.top_p)
        chances = chances.masked_fill(drop, -math.inf)
    return chances
