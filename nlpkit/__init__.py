"""nlpkit: train, evaluate and run multilingual text models from the shell.

The public Python API is the jobs, imported on first use:
``nlpkit.train``, ``nlpkit.predict``, ``nlpkit.evaluate``.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

__version__ = "0.1.0"

_PUBLIC = {
    "train": ("nlpkit.jobs.train", "train"),
    "predict": ("nlpkit.jobs.predict", "predict"),
    "evaluate": ("nlpkit.jobs.evaluate", "evaluate"),
}
__all__ = ["__version__", *_PUBLIC]


def __getattr__(name: str) -> Any:
    if name in _PUBLIC:
        module, attribute = _PUBLIC[name]
        return getattr(import_module(module), attribute)
    raise AttributeError(f"module 'nlpkit' has no attribute {name!r}")
