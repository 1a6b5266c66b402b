"""bundle.json: what a model is, read without touching its weights."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from nlpkit.errors import InputError

FORMAT = 1
_KEYS = ("task", "options", "labels", "max_length")


def read(folder: Path) -> dict[str, Any]:
    """The content of bundle.json in ``folder``, checked for its version. Raises InputError where it is not there."""
    path = folder / "bundle.json"
    if not path.is_file():
        raise InputError(
            f"`{folder}` holds no bundle.json, so it is no model of nlpkit", "the model of a run lies in RUN/model"
        )
    try:
        info = json.loads(path.read_text(encoding="utf-8"))
        version = info["bundle"]
        missing = [key for key in _KEYS if key not in info]
    except (ValueError, KeyError, TypeError):
        raise InputError(f"`{path}` is damaged", "copy or train the model again") from None
    if version != FORMAT:
        raise InputError(f"`{path}` has format {version}, this nlpkit reads {FORMAT}", "install a newer nlpkit")
    if missing:
        raise InputError(f"`{path}` is damaged: no {', '.join(missing)}", "copy or train the model again")
    return dict(info)
