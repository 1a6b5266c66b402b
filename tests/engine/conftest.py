from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import torch
from toy_families import MULTILINGUAL, make
from toy_pairs import features_of, learn, toy_joint, toy_pairs

from nlpkit.config.recipe import Recipe, RnnScratch, TransformerScratch, resolve
from nlpkit.engine import bundle, joint, seq2seq
from nlpkit.engine.session import Session


@pytest.fixture(scope="session")
def pieces() -> joint.Joint:
    return toy_joint()


@pytest.fixture(scope="session")
def transformer(pieces: joint.Joint) -> Any:
    """A Transformer that has begun to learn the toy pairs. Tests do not change it."""
    spec = TransformerScratch(hidden=32, layers=1, heads=2, dropout=0.1)
    model = seq2seq.transformer(spec, pieces, 64, seed=1)
    model.losses = learn(model, features_of(pieces, toy_pairs(300)), pieces.pad, 120)
    return model


@pytest.fixture(scope="session")
def rnn(pieces: joint.Joint) -> Any:
    """An LSTM that has begun to learn them."""
    torch.manual_seed(1)
    model = seq2seq.AttentionRnn(RnnScratch(embedding=24, state=24, dropout=0.1), len(pieces), pieces.pad)
    model.losses = learn(model, features_of(pieces, toy_pairs(300)), pieces.pad, 120, lr=1e-2)
    return model


@dataclass
class Family:
    """A tiny pretrained model as transformers stores it, and what it became by some steps of training."""

    random: Path
    taught: Path
    losses: list[float]
    langs: tuple[str, str]


@pytest.fixture(scope="session")
def family(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Family]:
    """Families by their names, each made once."""

    @cache
    def made(name: str) -> Family:
        work = tmp_path_factory.mktemp(name)
        folder = make(name, work / "random", work)
        langs = ("eng_Latn", "fra_Latn") if name in MULTILINGUAL else ("", "")
        recipe = Recipe.model_validate(
            {
                "recipe": 1, "task": "translate", "about": "toy", "model": {"base": str(folder), "max_length": 48},
                "stages": [{"name": "a", "data": [{"files": ["x"]}], "steps": 60, "lr": 1e-2, "batch_tokens": 256}],
            }
        )  # fmt: skip
        session = Session(resolve(recipe))
        session.build_pairs([], [], lambda _: None, symbols=False, names={})
        features = features_of(session.tokenizer, toy_pairs(200), *langs)
        [stage] = session.recipe.stages
        steps, _ = session.plan(features, stage, 1, [0] * len(features))
        session.begin(stage)
        losses = [info.loss for info in session.fit(features, steps, 0, stage, 1, lambda _: None)]
        session.settle()
        info = {"task": "translate", "head": "pairs", "options": {}, "labels": [], "max_length": session.max_length}
        bundle.save(work / "taught", session.save, info, "card\n", None)
        return Family(folder, work / "taught", losses, langs)

    return made
