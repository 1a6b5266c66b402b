"""bundle.json: what a model is, read without touching its weights."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from nlpkit.errors import InputError

FORMAT = 1
_KEYS = ("bundle", "task", "options", "labels", "max_length")


class _Part(BaseModel):
    """Keys that some part of nlpkit reads, each of the type that it takes for granted; others may be there."""

    model_config = ConfigDict(strict=True, allow_inf_nan=False)


class _Options(_Part):
    codes: dict[str, str] = {}


class _Source(_Part):
    use: str
    card: str | None = None
    rows: int


class _Scaling(_Part):
    slope: float
    shift: float


class _Tagger(_Part, extra="forbid"):
    pooling: Literal["first", "mean"] = "first"
    crf: bool = False


class _Info(_Part):
    bundle: Annotated[int, Field(ge=FORMAT)]
    nlpkit: str = "-"
    task: str
    head: Literal["tokens", "texts", "pairs"] = "tokens"
    options: _Options
    labels: list[str]
    max_length: Annotated[int, Field(ge=0)]
    languages: list[str] = []
    target_languages: list[str] = []
    data: list[_Source] = []
    metrics: dict[str, dict[str, Any]] = {}
    columns: dict[str, int | str] = {}
    calibration: _Scaling | None = None
    decision: dict[str, Any] = {}
    pooling: Literal["cls", "mean", "attention"] = "mean"
    tagger: _Tagger = _Tagger()
    pieces: Literal["joint", "pretrained"] = "joint"
    reach: Annotated[int, Field(ge=0)] | None = None
    ratio: Annotated[list[float], Field(min_length=2, max_length=2)] | None = None
    sha256: dict[str, str] = {}


def read(folder: Path) -> dict[str, Any]:
    """The content of bundle.json in ``folder``, with keys of the right types. Raises InputError where it is not there.

    What a key says may still be wrong.
    """
    path = folder / "bundle.json"
    if not path.is_file():
        raise InputError(
            f"`{folder}` holds no bundle.json, so it is no model of nlpkit", "the model of a run lies in RUN/model"
        )
    again = "copy or train the model again"
    try:
        info = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError):
        info = None
    if not isinstance(info, dict):
        raise InputError(f"`{path}` is damaged", again)
    version = info.get("bundle")
    if isinstance(version, int) and version > FORMAT:
        raise InputError(f"`{path}` has format {version}, this nlpkit reads {FORMAT}", "install a newer nlpkit")
    if missing := [key for key in _KEYS if key not in info]:
        raise InputError(f"`{path}` is damaged: no {', '.join(missing)}", again)
    try:
        _Info.model_validate(info)
    except ValidationError as error:
        fault = error.errors()[0]
        name, what = ".".join(map(str, fault["loc"])), fault["msg"][0].lower() + fault["msg"][1:]
        raise InputError(f"`{path}` is damaged: `{name}`: {what}", again) from None
    return info


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
