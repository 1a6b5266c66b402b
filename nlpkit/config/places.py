"""Where recipes, cards, samples, downloads and runs lie."""

from __future__ import annotations

import os
from pathlib import Path

PACKAGE = Path(__file__).resolve().parent.parent


def _shipped(name: str) -> Path:
    """The folder in the wheel, or in the repository for an editable install."""
    inside = PACKAGE / "assets" / name
    return inside if inside.is_dir() else PACKAGE.parent / name


def recipes() -> Path:
    return _shipped("recipes")


def cards() -> Path:
    return _shipped("data_cards")


def samples() -> Path:
    """The hand-written sample corpus, which ships with nlpkit."""
    return PACKAGE / "assets" / "samples"


def models() -> Path:
    """The folder of the models that ship."""
    return PACKAGE / "assets" / "models"


def model(task: str) -> Path:
    """The folder of the model that ships for a task; it may not be there."""
    return models() / task


def cache() -> Path:
    """``NLPKIT_CACHE``, else the XDG cache folder."""
    if root := os.environ.get("NLPKIT_CACHE"):
        return Path(root)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "nlpkit"


def data_cache() -> Path:
    """Where ``nlpkit data fetch`` puts files."""
    return cache() / "data"


def data_dirs(given: Path | None = None) -> list[Path]:
    """Folders searched for the files of a card, in order: ``--data-dir``, ``NLPKIT_DATA_DIR``, the cache."""
    named = [given] if given else []
    if variable := os.environ.get("NLPKIT_DATA_DIR"):
        named += [Path(part) for part in variable.split(os.pathsep) if part]
    return [*named, data_cache()]
