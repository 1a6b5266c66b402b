"""Checks data against a pydantic model and explains every fault at once, by line, with the nearest name."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable
from typing import Any, TypeVar, get_args

from pydantic import BaseModel, ConfigDict, ValidationError

from nlpkit.config.strict_yaml import Lines
from nlpkit.errors import InputError, counted

Model = TypeVar("Model", bound=BaseModel)


_QUOTED = re.compile(r"'([^']*)'")


class Strict(BaseModel):
    """A model that refuses keys it does not know and cannot be changed."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


def nearest(name: str, choices: Iterable[str]) -> str:
    """``; did you mean `x`?`` or the empty string."""
    close = difflib.get_close_matches(name, list(choices), n=1, cutoff=0.6)
    return f"; did you mean `{close[0]}`?" if close else ""


def unknown(kind: str, name: str, choices: Iterable[str], hint: str = "") -> InputError:
    """The error for a name that is not in ``choices``."""
    return InputError(f"no {kind} is called `{name}`{nearest(name, choices)}", hint)


def _models_in(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for part in get_args(annotation) for model in _models_in(part)]


def _known_keys(model: type[BaseModel], path: tuple[str | int, ...]) -> list[str]:
    """The keys allowed where ``path`` ends: follows field names through lists and unions."""
    models = [model]
    for part in path[:-1]:
        if isinstance(part, str) and any(part in m.model_fields for m in models):
            models = [n for m in models if part in m.model_fields for n in _models_in(m.model_fields[part].annotation)]
    return [key for m in models for key in m.model_fields]


def _line(path: tuple[str | int, ...], lines: Lines) -> int:
    while path and path not in lines:
        path = path[:-1]
    return lines.get(path, 1)


def problems(error: ValidationError, model: type[BaseModel], data: Any, lines: Lines) -> list[str]:
    """One text a fault, ``line N: a.b.c: what``, in the order of the lines (N is 0 for an override)."""
    found: list[tuple[int, str]] = []
    for fault in error.errors():
        # a tagged union adds its tag to the path; drop what is not in the data
        path: list[str | int] = []
        at = data
        for part in fault["loc"]:
            inside = (isinstance(at, dict) and part in at) or (isinstance(at, list) and isinstance(part, int))
            if inside and isinstance(part, str | int):
                at = at[part]
                path.append(part)
            elif fault["type"] == "missing" and part == fault["loc"][-1]:
                path.append(part)
        kind, context = fault["type"], fault.get("ctx", {})
        if kind in ("union_tag_not_found", "union_tag_invalid"):  # the key that chooses among models
            path.append(context["discriminator"].strip("'"))
        name = ".".join(str(part) for part in path) or "top level"
        if kind == "extra_forbidden":
            what = "unknown key" + nearest(str(path[-1]), _known_keys(model, tuple(path)))
        elif kind in ("missing", "union_tag_not_found"):
            what = "is missing"
        elif kind == "union_tag_invalid":
            known = context["expected_tags"]
            what = f"must be one of {known}, got `{context['tag']!r}`" + nearest(
                str(context["tag"]), _QUOTED.findall(known)
            )
        elif kind in ("model_type", "model_attributes_type"):
            what = f"keys are wanted here, got `{fault['input']!r}`"
        elif kind == "value_error":
            what = str(context.get("error", fault["msg"]))
        else:
            what = fault["msg"][0].lower() + fault["msg"][1:] + f", got `{fault['input']!r}`"
        found.append((_line(tuple(path), lines), f"{name}: {what}"))
    ordered = sorted(dict.fromkeys(found), key=lambda item: item[0])  # a set would shuffle the faults of one line
    return [f"line {line}: {text}" if line else f"override: {text}" for line, text in ordered]


def refuse(where: str, found: list[str], hint: str = "") -> InputError:
    """The one error that shows every problem of a file."""
    return InputError("\n  ".join([f"`{where}` has {counted(len(found), 'problem')}", *found]), hint)


def check(model: type[Model], data: Any, lines: Lines, where: str, hint: str = "") -> Model:
    """Return the checked model, or raise one InputError that names every fault."""
    try:
        return model.model_validate(data)
    except ValidationError as error:
        raise refuse(where, problems(error, model, data, lines), hint) from None


def made(model: type[Model], given: dict[str, Any]) -> Model:
    """The model of what options say, or one InputError that names the first fault."""
    try:
        return model.model_validate(given)
    except ValidationError as error:
        what = error.errors()[0]
        where = ".".join(map(str, what["loc"]))
        raise InputError((f"{where}: " if where else "") + what["msg"].removeprefix("Value error, ")) from None
