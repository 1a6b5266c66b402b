"""``nlpkit recipe``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from nlpkit.cli import options
from nlpkit.cli.streams import print_json, print_lines, printable, stderr, table
from nlpkit.errors import CheckFailed, InputError, NlpkitError, counted

_HELP = """List, show, check and copy recipes, which say what is trained on what, and how.

\b
nlpkit recipe list
nlpkit recipe copy ner my.yaml
"""
app = typer.Typer(help=_HELP, no_args_is_help=True, rich_markup_mode=None)
Name = Annotated[str, typer.Argument(metavar="RECIPE", help="TASK, TASK/NAME, or a recipe file.")]
Overrides = Annotated[
    list[str] | None, typer.Argument(metavar="KEY=VALUE", help="Changes to the recipe.", show_default=False)
]


@app.command("list")
def list_(as_json: options.Json = False) -> None:
    """List the recipes that ship with nlpkit.

    \b
    nlpkit recipe list
    nlpkit recipe list --json
    """
    from nlpkit.config import recipe as recipes

    rows = [(name, recipes.load(name).about) for name in recipes.names()]
    if as_json:
        print_json([{"name": name, "about": about} for name, about in rows])
    else:
        print_lines(table(["recipe", "about"], rows))


@app.command()
def show(name: Name, overrides: Overrides = None, as_json: options.Json = False) -> None:
    """Show a recipe with every default filled in.

    \b
    nlpkit recipe show ner
    nlpkit recipe show ner/wnut17_en model.base=my_encoder
    """
    from nlpkit.config.recipe import to_yaml
    from nlpkit.jobs.prepare import load_recipe

    recipe = load_recipe(name, overrides)
    if as_json:
        print_json(recipe.model_dump(mode="json", exclude_none=True))
    else:
        sys.stdout.write(to_yaml(recipe))


@app.command()
def check(
    names: Annotated[list[str], typer.Argument(metavar="RECIPE", help="Recipes or recipe files.")],
    quiet: options.Quiet = False,
) -> None:
    """Check recipes, every fault at once and by line; exit 1 if one is wrong.

    \b
    nlpkit recipe check ner
    nlpkit recipe check recipes/ner/default.yaml recipes/ner/wnut17_en.yaml
    """
    from nlpkit.jobs.prepare import load_recipe

    bad = 0
    for name in names:
        try:
            load_recipe(name)
            if not quiet:
                print_lines([f"{name}: good"])
        except NlpkitError as error:
            bad += 1
            stderr.print(printable(f"error: {error.message}"))
    if bad:
        raise CheckFailed(
            f"{counted(bad, 'recipe', 'are', of=len(names))} wrong", "the keys are in docs/reference/recipe.md"
        )


@app.command()
def copy(
    name: Name,
    to: Annotated[Path, typer.Argument(metavar="FILE", help="New file, e.g. my.yaml.")],
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the file if it is there.")] = False,
) -> None:
    """Copy a recipe to edit it; then `nlpkit train FILE`.

    \b
    nlpkit recipe copy ner my.yaml
    nlpkit recipe copy ner/wnut17_en my.yaml --overwrite
    """
    from nlpkit.config.recipe import path_of
    from nlpkit.data.files import write_whole

    if to.suffix not in (".yaml", ".yml"):
        raise InputError(f"`{to}` must end in .yaml")
    if to.exists() and not overwrite:
        raise InputError(f"`{to}` is there already", "another name, or --overwrite")
    text = path_of(name).read_text(encoding="utf-8")
    with write_whole(to) as file:
        file.write(text)
    stderr.say(f"next: nlpkit train {to}")
    print_lines([str(to)])
