"""What lies in a model's folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from nlpkit.config import bundle_info, places
from nlpkit.data.rows import PairRow, TextRow, TokenRow
from nlpkit.errors import InputError, counted
from nlpkit.tasks import named


def find(folder: Path) -> list[Path]:
    """Folders with a bundle.json below ``folder``."""
    return sorted(path.parent for path in folder.rglob("bundle.json")) if folder.is_dir() else []


def shipped() -> list[Path]:
    """The models that come with nlpkit."""
    return find(places.models())


def facts(path: Path) -> dict[str, Any]:
    """One line's worth about a model."""
    info = bundle_info.read(path)
    size = sum(file.stat().st_size for file in path.rglob("*") if file.is_file())
    metric = named(info["task"]).main_metric
    return {
        "path": str(path),
        "task": info["task"],
        "languages": info["labels"] if info["task"] == "langid" else info.get("languages", []),
        "megabytes": round(size / 1e6, 1),
        "metric": metric,
        "test": info.get("metrics", {}).get("test", {}).get(metric, "-"),
        "nlpkit": info.get("nlpkit", "-"),
    }


def check(model: str) -> str:
    """Load the model and let it answer for one sentence; raises InputError where something is wrong."""
    from nlpkit.jobs.predict import Predictor

    predictor = Predictor(model)
    if predictor.task.head == "texts":
        if len(list(predictor([TextRow("1", "nlpkit checks this model.")]))) != 1:
            raise InputError(f"`{model}` does not answer for every text")
    elif predictor.task.head == "pairs":
        langs = [(predictor.info.get(name) or [""])[0] for name in ("languages", "target_languages")]
        answer = next(iter(predictor([PairRow("1", "nlpkit", lang=langs[0], target_lang=langs[1])])))
        if answer.target is None:
            raise InputError(f"`{model}` does not answer")
        return f"good, {predictor.info['task']} from {counted(len(predictor.info.get('languages', [])), 'language')}"
    else:
        row = TokenRow("1", ("nlpkit", "checks", "this", "model", "."))
        filled = next(iter(predictor([row])))
        if filled.tags is None or len(filled.tags) != len(row.tokens):
            raise InputError(f"`{model}` does not tag every word")
    return f"good, {predictor.info['task']} with {counted(len(predictor.info['labels']), 'label')}"
