"""bundle.json: what a model is, read without touching its weights."""

from __future__ import annotations

import hashlib
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


def digest(path: Path) -> str:
    """SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def digests(folder: Path) -> dict[str, str]:
    """SHA-256 of every file below ``folder``, by its path there."""
    found = {}
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            found[path.relative_to(folder).as_posix()] = digest(path)
    return found


def verify(folder: Path, info: dict[str, Any]) -> None:
    """Raise InputError where a file is missing or is not what was saved: a flipped bit would go unnoticed elsewhere."""
    expected = info.get("sha256", {})
    for name, saved in expected.items():
        path = folder / name
        if not path.is_file():
            raise InputError(f"`{folder}` is damaged: {name} is missing", "copy or train the model again")
        if digest(path) != saved:
            raise InputError(f"`{path}` is damaged: it is not what was saved", "copy or train the model again")
