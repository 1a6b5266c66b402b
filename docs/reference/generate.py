"""Writes cli.md, recipe.md and card.md from the code; ``--check`` fails where they are not up to date."""

from __future__ import annotations

import os
import re
import sys
import types
import typing
from collections.abc import Iterator
from pathlib import Path

from pydantic import BaseModel
from pydantic_core import PydanticUndefined
from typer.testing import CliRunner

os.environ["COLUMNS"] = "100"
os.environ["TERM"] = "dumb"
os.environ["NO_COLOR"] = "1"

from nlpkit.cli.app import app
from nlpkit.config import card, recipe
from nlpkit.tasks import named, names

HERE = Path(__file__).parent
MADE = "<!-- made by docs/reference/generate.py; change the code, then `make docs` -->\n"
RECIPE = """# Recipe

A YAML file; `nlpkit recipe copy ner my.yaml` makes one to edit.

`KEY=VALUE` after the recipe's name changes it: `stages.0.lr=5e-5`, `model.base=FOLDER`, `options.types='[PER, LOC]'`.
Choosing `model.base` or `model.scratch.arch` unsets what belongs to the other kinds of model;
`model.scratch.tokenizer` unsets the recipe's `vocabulary`, and the other way round.

`data.train=FILE data.dev=FILE data.test=FILE` put own files in the place of the recipe's cards; `data.format`,
`data.columns.tag`, `data.lang` and the other keys of [Source](#source) hold for all of them.
"""
CARD = """# Data card

`data_cards/NAME.md`: Hugging Face front matter with one `nlpkit:` block, then prose under the headings What it is,
How it was made, Known problems, Licence and consent, Citation.
"""
_COMMAND = re.compile(r"^  ([a-z-]+) {2,}", re.MULTILINE)


def help_of(*path: str) -> str:
    text = CliRunner().invoke(app, [*path, "--help"], prog_name="nlpkit").output
    return "\n".join(line.rstrip() for line in text.splitlines()).strip()


def cli() -> str:
    parts = [MADE, "# Command line\n", "```", help_of(), "```\n"]
    for command in _COMMAND.findall(help_of().split("Commands:")[1]):
        text = help_of(command)
        inner = _COMMAND.findall(text.split("Commands:")[1]) if "Commands:" in text else []
        parts += [f"## nlpkit {command}\n", "```", text, "```\n"]
        for name in inner:
            parts += [f"### nlpkit {command} {name}\n", "```", help_of(command, name), "```\n"]
    return "\n".join(parts)


def type_name(annotation: object) -> str:
    origin, inside = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is typing.Literal:
        return ", ".join(f"`{value}`" for value in inside)
    if origin is typing.Annotated:
        return type_name(inside[0])
    if origin in (typing.Union, types.UnionType):
        return " or ".join(type_name(part) for part in inside if part is not type(None))
    if origin is list:
        return f"list of {type_name(inside[0])}"
    if origin is dict:
        return f"mapping to {type_name(inside[1])}"
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return f"[{annotation.__name__}](#{annotation.__name__.lower()})"
    return {"str": "text", "int": "whole number", "float": "number", "bool": "true or false"}.get(
        getattr(annotation, "__name__", ""), "anything"
    )


def default_of(field: object) -> str:
    value = field.default  # type: ignore[attr-defined]
    if value is PydanticUndefined:
        return "required"
    if value is None:
        return ""
    if isinstance(value, BaseModel):
        return "empty"
    return "`" + str(value).replace("True", "true").replace("False", "false") + "`"


def table(model: type[BaseModel]) -> Iterator[str]:
    yield "| key | value | default | |"
    yield "|---|---|---|---|"
    for key, field in model.model_fields.items():
        if key not in ("name", "prose") or model is not card.Card:
            yield f"| `{key}` | {type_name(field.annotation)} | {default_of(field)} | {_cell(field.description)} |"
    yield ""


def _cell(text: str | None) -> str:
    return (text or "").replace("|", "\\|")


def section(model: type[BaseModel]) -> list[str]:
    return [f"## {model.__name__}\n", (model.__doc__ or "").strip().split("\n\n")[0] + "\n", *table(model)]


def recipes() -> str:
    parts = [MADE, RECIPE]
    for model in (
        "Recipe",
        "Model",
        "BilstmScratch",
        "BertScratch",
        "CrfScratch",
        "HashedScratch",
        "NgramScratch",
        "RnnScratch",
        "TransformerScratch",
        "SpacyModel",
        "Stage",
        "Source",
        "Transform",
        "Filter",
        "Backtranslate",
        "Translate",
        "Codemix",
        "Decoding",
        "Evaluate",
    ):
        parts += section(getattr(recipe, model))
    parts += [
        "## Defaults of a stage\n",
        "A key that a stage leaves out depends on the family of the model; crf and spacy have no such keys.\n",
    ]
    families = {name: keys for name, keys in recipe.FAMILY_DEFAULTS.items() if name not in recipe.WHOLE}
    parts += ["| key | " + " | ".join(families) + " |", "|---" * (1 + len(families)) + "|"]
    parts += [
        f"| `{key}` | " + " | ".join(f"{d[key]}" for d in families.values()) + " |" for key in families["pretrained"]
    ]
    parts.append("")
    for name in names():
        parts += [f"## Options of {name}\n", *table(named(name).Options)]
    return "\n".join(parts)


def cards() -> str:
    parts = [MADE, CARD]
    for model in ("Card", "CardBlock", "CardFile", "CardSplit", "CardFormat", "CardLabels", "CardText"):
        parts += section(getattr(card, model))
    return "\n".join(parts)


def main() -> None:
    stale = []
    for name, text in (("cli.md", cli()), ("recipe.md", recipes()), ("card.md", cards())):
        path = HERE / name
        text = text.rstrip() + "\n"
        if not path.is_file() or path.read_text(encoding="utf-8") != text:
            stale.append(name)
            if "--check" not in sys.argv:
                path.write_text(text, encoding="utf-8")
    if stale and "--check" in sys.argv:
        sys.exit("docs/reference is stale (" + ", ".join(stale) + "); run `make docs`")


if __name__ == "__main__":
    main()
