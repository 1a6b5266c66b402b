"""A model for other tools: a pip-installable spaCy pipeline, or ONNX."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import nlpkit
from nlpkit.config import bundle_info
from nlpkit.config.recipe import Source
from nlpkit.data import load
from nlpkit.data.rows import TokenRow
from nlpkit.data.tokenize import blank
from nlpkit.errors import CheckFailed, InputError
from nlpkit.jobs.predict import Predictor
from nlpkit.tasks import named

TARGETS = ("spacy", "onnx")
Say = Callable[[str], None]
_PROJECT = """[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"

[project]
name = "{package}"
version = "{version}"
description = {about}
requires-python = ">=3.11"
dependencies = ["nlpkit>={nlpkit}", "spacy>={spacy}"]

[project.entry-points.spacy_models]
{package} = "{package}"

[tool.hatch.build.targets.wheel]
packages = ["{package}"]
"""
_INIT = '''"""A spaCy pipeline whose one component is a model of nlpkit."""

from spacy.util import load_model_from_init_py

__version__ = "{version}"


def load(**overrides):
    return load_model_from_init_py(__file__, **overrides)
'''


def export(model: str, target: str, out: Path, say: Say = lambda _: None) -> Path:
    """Write ``model`` for ``target`` into the new folder ``out`` and return it.

    What was written is loaded and tags the sample corpus; CheckFailed where its tags are not the model's own.
    """
    if out.exists():
        raise InputError(f"`{out}` is there already", "name another folder: --out DIR")
    if not Path(model).is_dir():
        raise InputError(f"no model folder `{model}`", "see `nlpkit model list`")
    info = bundle_info.read(Path(model))
    if named(info["task"]).head != "tokens":
        raise InputError(f"`{model}` is a model for {info['task']}: export is for models that label words")
    temporary = out.with_name(f".{out.name}.part")
    shutil.rmtree(temporary, ignore_errors=True)
    temporary.mkdir(parents=True)
    try:
        again = _spacy(Path(model), info, temporary) if target == "spacy" else _onnx(Path(model), temporary)
        rows = _sample()
        wanted = [row.tags for row in Predictor(model, device="cpu")(rows)]
        _compare(rows, wanted, again(rows))
        temporary.rename(out)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise
    say(f"the sample corpus ({len(rows)} rows) is tagged as the model tags it")
    return out


def _sample() -> list[TokenRow]:
    """The rows of the sample corpus's test split, untagged."""
    rows = load.rows(Source.model_validate({"card": "samples_pos", "split": "test"})).rows
    return [TokenRow(row.id, row.tokens, lang=row.lang) for row in rows]


def _compare(rows: list[TokenRow], wanted: Sequence[Any], found: Sequence[Sequence[str]]) -> None:
    for row, right, said in zip(rows, wanted, found, strict=True):
        for word, a, b in zip(row.tokens, right, said, strict=True):
            if a != b:
                raise CheckFailed(f"what was written tags `{word}` in row {row.id} as {b}, the model as {a}")


def _spacy(model: Path, info: dict[str, Any], out: Path) -> Callable[[list[TokenRow]], list[Sequence[str]]]:
    import spacy
    from spacy.tokens import Doc

    from nlpkit.engine.pipelines import entity_tags

    langs = info.get("languages", [])
    nlp = blank(langs[0] if len(langs) == 1 else "")
    name = f"nlpkit_{info['task']}"
    component = nlp.add_pipe("nlpkit")
    component.open(model)
    nlp.meta |= {"name": name, "version": nlpkit.__version__, "description": f"{info['task']} by nlpkit"}
    package = f"{nlp.lang}_{name}"
    inner = out / package / f"{package}-{nlpkit.__version__}"
    inner.mkdir(parents=True)
    nlp.to_disk(inner)
    shutil.copy(inner / "meta.json", out / package / "meta.json")
    (out / package / "__init__.py").write_text(_INIT.format(version=nlpkit.__version__), encoding="utf-8")
    about = json.dumps(f"A model for {info['task']} trained with nlpkit")
    numbers = {"version": nlpkit.__version__, "nlpkit": nlpkit.__version__, "spacy": version("spacy")}
    project = _PROJECT.format(package=package, about=about, **numbers)
    (out / "pyproject.toml").write_text(project, encoding="utf-8")
    if (model / "README.md").is_file():
        shutil.copy(model / "README.md", out / "README.md")
    again = spacy.load(inner)

    def tagged(rows: list[TokenRow]) -> list[Sequence[str]]:
        docs = again.pipe(Doc(again.vocab, words=list(row.tokens)) for row in rows)
        if info["task"] == "ner":
            return [entity_tags(doc) for doc in docs]
        return [[t.tag_ for t in doc] for doc in docs]

    return tagged


def _onnx(model: Path, out: Path) -> Callable[[list[TokenRow]], list[Sequence[str]]]:
    from nlpkit.engine import onnx_model

    onnx_model.write(model, out)
    predictor = Predictor(str(model), device="cpu")
    predictor.replace_model(onnx_model.Runner(out))
    return lambda rows: [row.tags or () for row in predictor(rows)]
