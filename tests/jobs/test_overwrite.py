"""What a refused recipe leaves of the folder it was to be trained in: what was there, byte for byte."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import toy_translate
from toy import TINY, write_toy

from nlpkit.config.recipe import Recipe
from nlpkit.engine.session import Session
from nlpkit.errors import InputError, NlpkitError, RunError
from nlpkit.jobs import whole
from nlpkit.jobs.prepare import load_recipe
from nlpkit.jobs.rundir import WORK
from nlpkit.jobs.train import train

CRF = ["model.scratch.arch=crf"]
NGRAMS = ["model.scratch.arch=ngrams", "model.scratch.buckets=1024"]
SPACY = ["model.spacy=efficiency", "model.spacy.max_steps=20", "model.spacy.eval_every=20"]


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Toy rows, good and bad."""
    monkeypatch.chdir(tmp_path)
    toy_translate.write_toys(tmp_path)
    for name in ("train", "dev"):
        (tmp_path / f"{name}.jsonl").rename(tmp_path / f"{name}_pairs.jsonl")
    toy_translate.write(tmp_path / "long.jsonl", [{"src": "the cat " * 200, "tgt": "le chat"}] * 3)
    write_toy(tmp_path / "train.conll", 24)
    (tmp_path / "one.conll").write_text("Amina B-PER\nwent O\n", encoding="utf-8")
    (tmp_path / "texts.tsv").write_text("text\tlabel\n" + "so good\tgood\nso bad\tbad\n" * 9, encoding="utf-8")
    (tmp_path / "few.tsv").write_text("text\tlabel\naa\tgood\nzz\tbad\n", encoding="utf-8")
    toy_translate.write(tmp_path / "labels.jsonl", [{"text": "so so", "labels": ["good", "bad"]}] * 4)
    return tmp_path


def asked(task: str, *overrides: str) -> Recipe:
    if task != "translate":
        return load_recipe(task, list(overrides))
    return load_recipe(str(toy_translate.recipe(Path.cwd())), [*toy_translate.RNN, "stages.0.epochs=1", *overrides])


def old_run(folder: Path) -> dict[Path, bytes]:
    """A run as it may stand there, with its model."""
    for name in ("recipe.yaml", "DONE", "model/bundle.json", "checkpoints/step-1/x", "folds/01/recipe.yaml"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(f"old {name}", encoding="utf-8")
    return content(folder)


def content(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


REFUSED: list[tuple[str, list[str], str]] = [
    ("ner", [*TINY, "data.train=none.conll"], "no file `none.conll`"),
    ("ner", [*TINY, "data.train=train.conll", "evaluate.select=f2"], "no metric `f2`"),
    ("ner", [*CRF, "data.train=none.conll"], "no file `none.conll`"),
    ("ner", [*SPACY, "data.train=one.conll"], "spaCy needs rows"),
    ("classify", [*NGRAMS, "data.train=labels.jsonl"], "has 2 labels, one is wanted"),
    ("classify", [*NGRAMS, "data.train=few.tsv"], "no n-gram stands in 2 training texts"),
    ("translate", ["data.train=none.jsonl"], "no file `none.jsonl`"),
    ("translate", ["data.train=long.jsonl"], "no training pair fits"),
    ("translate", ["data.train=train_pairs.jsonl", "options.decoding.force=[猫]"], "the model cannot write `猫`"),
    ("translate", ["data.train=train_pairs.jsonl", "options.decoding.script=Deva"], "no piece in the script"),
]


@pytest.mark.parametrize(("task", "overrides", "what"), REFUSED, ids=[what for _, _, what in REFUSED])
def test_a_refused_overwrite_costs_nothing(here: Path, task: str, overrides: list[str], what: str) -> None:
    before = old_run(here / "run")
    with pytest.raises(InputError) as caught:
        train(asked(task, *overrides), here / "run", overwrite=True)
    assert what in caught.value.message
    assert content(here / "run") == before
    with pytest.raises(InputError):
        train(asked(task, *overrides), here / "new")
    assert not (here / "new").exists()


def test_a_first_step_that_memory_is_too_small_for_costs_nothing(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fit(*_: Any) -> Iterator[None]:
        raise RunError("out of memory with 1 row a batch")
        yield

    monkeypatch.setattr(Session, "fit", fit)
    before = old_run(here / "run")
    with pytest.raises(RunError, match="out of memory"):
        train(asked("ner", *TINY, "data.train=train.conll"), here / "run", overwrite=True)
    assert content(here / "run") == before


@pytest.mark.parametrize(
    ("task", "overrides"),
    [
        ("ner", [*TINY, "data.train=train.conll", "stages.0.steps=2"]),
        ("ner", [*CRF, "data.train=train.conll"]),
        ("ner", [*SPACY, "data.train=train.conll"]),
        ("classify", [*NGRAMS, "data.train=texts.tsv"]),
    ],
    ids=["encoder", "crf", "spacy", "ngrams"],
)
def test_a_good_overwrite_leaves_nothing_old(here: Path, task: str, overrides: list[str]) -> None:
    before = old_run(here / "run")
    (here / "run" / WORK).mkdir()
    (here / "run" / WORK / "left").touch()  # by a run that was killed
    model = train(asked(task, *overrides), here / "run", overwrite=True)
    after = content(here / "run")
    assert {path.name for path in (here / "run").iterdir()} >= {"DONE", "recipe.yaml", "data.json", "log.txt", "model"}
    assert not [path for path, was in before.items() if after.get(path) == was]
    assert not {"folds", "checkpoints", WORK, ".lock"} & {path.name for path in (here / "run").iterdir()}
    assert (model / "bundle.json").is_file()


def test_the_old_run_is_there_until_the_first_step(here: Path) -> None:
    old_run(here / "run")
    seen: list[bool] = []

    def say(text: str) -> None:
        seen.append((here / "run" / "folds").is_dir())

    def tick(*_: object) -> None:
        assert not (here / "run" / "folds").exists()

    train(asked("ner", *TINY, "data.train=train.conll", "stages.0.steps=2"), here / "run", overwrite=True, say=say,
          tick=tick)  # fmt: skip
    assert seen[0]
    assert not seen[-1]


def broken(error: NlpkitError) -> Callable[..., Any]:
    def learn(recipe: Recipe, task: object, data: object, work: Path, signals: object, say: object, tick: Any) -> None:
        work.mkdir()
        (work / "half").touch()
        tick(1, 2, "")
        assert (work.parent / "recipe.yaml").is_file()
        raise error

    return learn


@pytest.mark.parametrize("error", [InputError("no"), RunError("no")])
def test_a_family_of_one_go_takes_back_what_it_wrote(
    here: Path, monkeypatch: pytest.MonkeyPatch, error: NlpkitError
) -> None:
    recipe = asked("ner", *CRF, "data.train=train.conll")
    with monkeypatch.context() as patch:
        patch.setattr(whole, "learn", broken(error))
        with pytest.raises(type(error)):
            train(recipe, here / "run")
        assert not (here / "run").exists()
    train(asked("ner", *CRF, "data.train=train.conll", "seed=14"), here / "run")
    assert (here / "run" / "DONE").is_file()
