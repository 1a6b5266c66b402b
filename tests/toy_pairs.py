"""Toy pairs of texts, tiny models that write texts, and what their tests share."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

import torch

from nlpkit.config.decoding import Decoding
from nlpkit.data.features import Feature, Output
from nlpkit.engine import generate, joint
from nlpkit.engine.batches import collate
from nlpkit.engine.loop import loss_of

_WORDS = {
    "the": "le", "cat": "chat", "dog": "chien", "sees": "voit", "hears": "entend", "big": "grand", "small": "petit",
    "red": "rouge", "house": "maison", "tree": "arbre", "runs": "court", "sleeps": "dort", "on": "sur", "in": "dans",
}  # fmt: skip


def toy_pairs(count: int, seed: int = 0) -> list[tuple[str, str]]:
    """Sentences and what they mean word by word."""
    dice = random.Random(seed)
    rows = [dice.choices(list(_WORDS), k=dice.randint(1, 6)) for _ in range(count)]
    return [(" ".join(row), " ".join(_WORDS[word] for word in row)) for row in rows]


def toy_joint(tags: Sequence[str] = ()) -> joint.Joint:
    texts = [text for pair in toy_pairs(300) for text in pair]
    return joint.train(texts, 80, tags, symbols=False)


def features_of(pieces: Any, pairs: Sequence[tuple[str, str]], source: str = "", target: str = "") -> list[Feature]:
    """Pairs to learn from."""
    sources = pieces.sources([one for one, _ in pairs], [""] * len(pairs), [source] * len(pairs))
    targets = pieces.targets([other for _, other in pairs], [target] * len(pairs))
    both = enumerate(zip(sources, targets, strict=True))
    return [Feature(at, ids, labels, [], [], [], 0) for at, (ids, labels) in both]


def questions(sources: Sequence[Sequence[int]], begin: Sequence[int]) -> list[Feature]:
    """Sources to answer for."""
    return [Feature(at, list(ids), list(begin), [], [], [], 0) for at, ids in enumerate(sources)]


def learn(model: Any, features: Sequence[Feature], pad: int, steps: int, lr: float = 5e-3, **more: Any) -> list[float]:
    """Some steps of AdamW; the mean loss of each."""
    torch.manual_seed(0)
    model.train()
    optimizer = torch.optim.AdamW([w for w in model.parameters() if w.requires_grad], lr=lr, weight_decay=0.1)
    losses = []
    for step in range(steps):
        part = [features[(step * 16 + at) % len(features)] for at in range(16)]
        batch = collate(part, pad, "cpu", learn=True, reads="pairs")
        loss = loss_of(model, batch, **{"label_smoothing": 0.1, **more})
        count = sum(len(feature.labels or ()) - 1 for feature in part)
        (loss / count).backward()
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        losses.append(float(loss.detach()) / count)
    model.eval()
    return losses


class Letters:
    """Pieces that are letters: the end, ``a`` to whatever ``size`` gives, and ``<pad>``, which answers begin with."""

    unknown = None

    def __init__(self, size: int, never: Sequence[int] = ()) -> None:
        self.end, self.pad, self.size = 0, size - 1, size
        self.never = never

    def __len__(self) -> int:
        return self.size

    def pieces(self) -> list[str]:
        return ["</s>", *(chr(96 + at) for at in range(1, self.size - 1)), "<pad>"]

    def banned(self, script: str | None) -> list[bool]:
        return [at == self.pad or at in self.never for at in range(self.size)]

    def bare(self, texts: Sequence[str]) -> list[list[int]]:
        return [[ord(char) - 96 for char in text if char != " "] for text in texts]

    def said(self, ids: Sequence[int]) -> str:
        return "".join(chr(96 + at) for at in ids)

    def sources(self, count: int, longest: int = 7, seed: int = 0) -> list[list[int]]:
        dice = random.Random(seed)
        usable = range(1, self.size - 1)
        return [[*dice.choices(usable, k=dice.randint(1, longest)), self.end] for _ in range(count)]


def answers(
    models: Any, sources: Sequence[Sequence[int]], pieces: Any, *, begin: Sequence[int] = (), longest: int = 40,
    batch_tokens: int = 4096, **decoding: Any,
) -> list[Output]:  # fmt: skip
    """What models write for sources."""
    several = models if isinstance(models, list) else [models]
    return generate.outputs(
        several, questions(sources, begin or [pieces.pad]), pieces, Decoding(**decoding), longest=longest,
        batch_tokens=batch_tokens,
    )  # fmt: skip
