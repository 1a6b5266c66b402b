"""Toy sentences and their translations, a recipe that learns them in seconds, and the model of it."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

_FRENCH = {
    "the": "le", "cat": "chat", "dog": "chien", "bird": "merle", "sees": "voit", "hears": "entend", "big": "grand",
    "small": "petit", "house": "logis", "in": "dans",
}  # fmt: skip

RNN = [
    "model.scratch.arch=rnn",
    "model.scratch.embedding=32",
    "model.scratch.state=48",
    "model.scratch.dropout=0.0",
    "model.scratch.vocabulary=90",
    "stages.0.lr=4e-3",
]
TRANSFORMER = [
    "model.scratch.arch=transformer", "model.scratch.hidden=32", "model.scratch.layers=1",
    "model.scratch.vocabulary=90",
]  # fmt: skip


def toy_pairs(count: int, seed: int = 0) -> list[tuple[str, str]]:
    """The big cat sees the dog, word by word."""
    dice = random.Random(seed)
    found = []
    for _ in range(count):
        words = _noun(dice)
        if dice.random() < 0.7:
            words += [dice.choice(["sees", "hears"]), *_noun(dice)]
        found.append((" ".join(words), " ".join(_FRENCH[word] for word in words)))
    return found


def _noun(dice: random.Random) -> list[str]:
    return [*dice.choice([["the"], ["the", "big"], ["the", "small"]]), dice.choice(["cat", "dog", "bird"])]


def write(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    return path


def recipe(folder: Path) -> Path:
    path = folder / "recipe.yaml"
    path.write_text(
        "recipe: 1\ntask: translate\nabout: toy\nmodel: {scratch: {arch: rnn}, max_length: 64}\n"
        "stages: [{name: a, data: [{files: [x.jsonl]}], epochs: 24, lr: 1.0e-2, batch_tokens: 200, average: 0.9}]\n",
        encoding="utf-8",
    )
    return path


def write_toys(folder: Path) -> list[str]:
    """Training and dev rows in ``folder``; the overrides that name them."""
    for use, count, seed in (("train", 400, 0), ("dev", 30, 1)):
        rows = [{"src": a, "tgt": b, "src_lang": "eng", "tgt_lang": "fra"} for a, b in toy_pairs(count, seed)]
        write(folder / f"{use}.jsonl", rows)
    return [f"data.{use}={folder / f'{use}.jsonl'}" for use in ("train", "dev")]
