"""Versions, devices, folders, and pairs of packages known not to work together."""

from __future__ import annotations

import os
import platform
import shutil
import sys
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import nlpkit
from nlpkit.config import places

_EXTRAS = ("ctranslate2", "fasttext-predict", "numba", "onnxruntime")  # told of where they are installed
_PACKAGES = (
    "torch",
    "transformers",
    "tokenizers",
    "datasets",
    "accelerate",
    "safetensors",
    "spacy",
    "sacrebleu",
    "typer",
    "numpy",
)


def _versions() -> dict[str, str]:
    found = {}
    for name in _PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "not installed"
    for name in _EXTRAS:
        with suppress(PackageNotFoundError):
            found[name] = version(name)
    return found


def _clashes(versions: dict[str, str]) -> list[str]:
    """Pairs that users met and that fail on import or on the first call."""
    wrong = [
        f"{name} is not installed; pip install {name}" for name, found in versions.items() if found == "not installed"
    ]
    try:
        if version("fasttext-wheel") == "0.9.2" and versions["numpy"].split(".")[0] >= "2":
            wrong.append("fasttext-wheel 0.9.2 fails with numpy 2; pip install fasttext-numpy2-wheel")
    except PackageNotFoundError:
        pass
    for name in ("adapters", "flair", "spacy-transformers"):
        try:
            wrong.append(f"{name} {version(name)} asks for an older transformers; keep it in an environment of its own")
        except PackageNotFoundError:
            continue
    return wrong


def examine() -> tuple[dict[str, Any], list[str]]:
    """(facts, problems)."""
    versions = _versions()
    wrong = _clashes(versions)
    facts: dict[str, Any] = {
        "nlpkit": nlpkit.__version__,
        "python": f"{platform.python_version()} ({sys.executable})",
        "platform": platform.platform(),
        "cores": os.cpu_count(),
        **versions,
    }
    if versions["torch"] != "not installed":
        from nlpkit.engine.devices import describe

        facts |= describe()
    cache = places.data_cache()
    parent = next(path for path in (cache, *cache.parents) if path.exists())
    facts["data cache"] = str(cache)
    facts["free there"] = f"{shutil.disk_usage(parent).free / 1e9:.1f} GB"
    if not os.access(parent, os.W_OK):
        wrong.append(f"`{parent}` cannot be written; set NLPKIT_CACHE to a folder that can")
    for folder in places.data_dirs()[:-1]:
        facts["data folder"] = str(folder)
        if not Path(folder).is_dir():
            wrong.append(f"NLPKIT_DATA_DIR names `{folder}`, which is no folder")
    facts["offline"] = "yes" if os.environ.get("HF_HUB_OFFLINE") else "no (nothing is fetched unless asked)"
    return facts, wrong
