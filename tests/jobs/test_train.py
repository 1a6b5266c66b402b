from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import pytest
import toy_translate
from toy import TINY, write_toy

from nlpkit.config import places
from nlpkit.config.recipe import to_yaml
from nlpkit.errors import InputError
from nlpkit.jobs import train as jobs_train
from nlpkit.jobs.predict import Predictor
from nlpkit.jobs.prepare import load_recipe
from nlpkit.jobs.train import dry_run, train


def recipe(folder: Path, *more: str):
    if not (folder / "train.conll").exists():
        write_toy(folder / "train.conll", 24)
        write_toy(folder / "dev.conll", 8)
    files = [f"data.train={folder / 'train.conll'}", f"data.dev={folder / 'dev.conll'}"]
    return load_recipe("ner", [*TINY, *files, "stages.0.epochs=2", *more])


def digest(run: Path) -> str:
    return hashlib.sha256((run / "model" / "model.safetensors").read_bytes()).hexdigest()


def test_the_toy_is_learned(tiny_run: Path) -> None:
    metrics = json.loads((tiny_run / "metrics.json").read_text())
    assert metrics["dev"]["f1"] > 0.95
    assert "scheme:IOB2" in metrics["dev"]["signature"]


def test_a_run_directory_is_whole(tiny_run: Path) -> None:
    names = {path.name for path in tiny_run.iterdir()}
    wanted = {"recipe.yaml", "environment.json", "data.json", "log.txt", "log.jsonl", "metrics.json", "model", "DONE"}
    assert wanted | {"gold", "predictions"} == names
    environment = json.loads((tiny_run / "environment.json").read_text())
    assert environment["packages"]["torch"]
    data = json.loads((tiny_run / "data.json").read_text())
    assert {entry["use"] for entry in data} == {"train", "dev"}
    assert all(entry["sha256"] for entry in data)
    kinds = [set(json.loads(line)) for line in (tiny_run / "log.jsonl").read_text().splitlines()]
    assert {"step", "stage", "dev"} in kinds


def test_the_bundle_holds_no_pickle_and_names_its_labels(tiny_model: Path) -> None:
    names = {path.name for path in tiny_model.iterdir()}
    assert names == {
        "bundle.json", "config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json", "README.md",
        "seen_words.u32",
    }  # fmt: skip
    assert json.loads((tiny_model / "bundle.json").read_text())["labels"][0] == "O"
    card = (tiny_model / "README.md").read_text()
    for text in ("library_name: transformers", "model-index:", "## Scores", "nlpkit ner --model", "## Limits"):
        assert text in card


def test_the_same_recipe_gives_the_same_bytes(tmp_path: Path) -> None:
    for name in ("a", "b"):
        train(recipe(tmp_path), tmp_path / name)
    assert digest(tmp_path / "a") == digest(tmp_path / "b")
    train(recipe(tmp_path, "seed=14"), tmp_path / "c")
    assert digest(tmp_path / "c") != digest(tmp_path / "a")


def test_the_resolved_recipe_repeats_the_run(tmp_path: Path) -> None:
    train(recipe(tmp_path), tmp_path / "a")
    train(load_recipe(str(tmp_path / "a" / "recipe.yaml")), tmp_path / "b")
    assert digest(tmp_path / "a") == digest(tmp_path / "b")


def test_a_finished_run_is_not_touched(tmp_path: Path) -> None:
    train(recipe(tmp_path), tmp_path / "run")
    with pytest.raises(InputError, match="is finished"):
        train(recipe(tmp_path), tmp_path / "run")
    train(recipe(tmp_path), tmp_path / "run", overwrite=True)


def test_another_recipe_is_refused_by_its_differing_keys(tmp_path: Path) -> None:
    train(recipe(tmp_path), tmp_path / "run")
    with pytest.raises(InputError, match=r"stages\.0\.lr: 0\.001 -> 0\.002"):
        train(recipe(tmp_path, "stages.0.lr=2e-3"), tmp_path / "run")


def test_a_folder_that_is_no_run_is_never_overwritten(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("years of work")
    for overwrite in (False, True):
        with pytest.raises(InputError, match="no run directory"):
            train(recipe(tmp_path), tmp_path / "mine", overwrite=overwrite)
    assert (tmp_path / "mine" / "thesis.txt").read_text() == "years of work"


def test_two_processes_do_not_share_a_folder(tmp_path: Path) -> None:
    from filelock import FileLock

    (tmp_path / "run").mkdir()
    with FileLock(tmp_path / "run" / ".lock"), pytest.raises(InputError, match="another process is training"):
        train(recipe(tmp_path), tmp_path / "run")


def test_dry_run_writes_nothing(tmp_path: Path) -> None:
    checked = recipe(tmp_path)
    before = sorted(tmp_path.rglob("*"))
    found = dry_run(checked)
    assert found["stages"][0]["steps"] == 2 * found["stages"][0]["steps_per_epoch"]
    assert found["stages"][0]["first_loss"] > 0
    assert sorted(tmp_path.rglob("*")) == before


def test_patience_ends_a_stage_and_the_best_weights_stay(tmp_path: Path) -> None:
    said: list[str] = []
    checked = recipe(tmp_path, "stages.0.patience=1", "stages.0.epochs=30", "stages.0.lr=1e-9")
    model = train(checked, tmp_path / "run", say=said.append)
    assert any("no gain in 1 evaluation:" in text for text in said)
    assert json.loads((tmp_path / "run" / "metrics.json").read_text())["best_step"] < 30
    assert model.is_dir()


def test_without_dev_the_last_weights_are_kept(tmp_path: Path) -> None:
    write_toy(tmp_path / "train.conll", 24)
    checked = load_recipe("ner", [*TINY, f"data.train={tmp_path / 'train.conll'}", "stages.0.epochs=1"])
    assert (train(checked, tmp_path / "run") / "model.safetensors").is_file()
    assert json.loads((tmp_path / "run" / "metrics.json").read_text())["best_step"] is None


def test_two_stages_run_in_turn(tmp_path: Path) -> None:
    write_toy(tmp_path / "train.conll", 24)
    write_toy(tmp_path / "dev.conll", 8)
    source = f"{{files: [{tmp_path / 'train.conll'}]}}"
    text = f"""
recipe: 1
task: ner
about: two stages
model: {{scratch: {{arch: bert, hidden: 32, layers: 1, heads: 2, vocabulary: 600}}, max_length: 64}}
stages:
  - {{name: first, data: [{source}], epochs: 1}}
  - {{name: second, data: [{source}], steps: 3, lr: 1e-4}}
evaluate: {{dev: [{{files: [{tmp_path / "dev.conll"}]}}]}}
"""
    (tmp_path / "two.yaml").write_text(text)
    train(load_recipe(str(tmp_path / "two.yaml")), tmp_path / "run")
    stages = [json.loads(line)["stage"] for line in (tmp_path / "run" / "log.jsonl").read_text().splitlines()]
    assert stages == sorted(stages)
    assert set(stages) == {"first", "second"}


def test_overlap_of_train_and_dev_is_said_and_kept(tmp_path: Path) -> None:
    said: list[str] = []
    train(recipe(tmp_path), tmp_path / "run", say=said.append)
    assert any("8 of 8 dev rows are in the training rows too" in text for text in said)
    data = json.loads((tmp_path / "run" / "data.json").read_text())
    assert next(entry for entry in data if entry["use"] == "dev")["rows_in_train"] == 8


def test_illegal_moves_are_said_with_their_line(tmp_path: Path) -> None:
    write_toy(tmp_path / "train.conll", 24)
    with (tmp_path / "train.conll").open("a", encoding="utf-8") as file:
        file.write("to O\nKisumu I-LOC\n")
    line = len((tmp_path / "train.conll").read_text().splitlines())
    for more, count in (([], 1), (["data.mend=true"], 0)):
        said: list[str] = []
        files = [f"data.train={tmp_path / 'train.conll'}", *more]
        train(load_recipe("ner", [*TINY, *files, "stages.0.steps=1"]), tmp_path / f"run{count}", say=said.append)
        assert sum(f"1 tag breaks IOB2, first on line {line}" in text for text in said) == count


def test_an_unknown_metric_is_refused_with_the_choices(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no metric `f2`") as caught:
        train(recipe(tmp_path, "evaluate.select=f2"), tmp_path / "run")
    assert "macro_f1" in caught.value.hint


def test_fine_tuning_a_base_keeps_its_tokenizer(tmp_path: Path, tiny_model: Path) -> None:
    model = train(recipe(tmp_path, f"model.base={tiny_model}", "model.freeze=embeddings"), tmp_path / "run")
    assert (model / "tokenizer.json").read_bytes() == (tiny_model / "tokenizer.json").read_bytes()
    assert json.loads((model / "bundle.json").read_text())["base_model"] == tiny_model.name


def test_bf16_trains(tmp_path: Path) -> None:
    model = train(recipe(tmp_path, "precision=bf16"), tmp_path / "run")
    assert Predictor(str(model)).info["task"] == "ner"


def test_several_sources_with_weights_and_new_names_are_scored_by_language(tmp_path: Path) -> None:
    write_toy(tmp_path / "a.conll", 40)
    (tmp_path / "b.conll").write_text((tmp_path / "a.conll").read_text().replace("PER", "person"), encoding="utf-8")
    recipe_text = f"""
recipe: 1
task: ner
about: Two sources
model: {{scratch: {{arch: bilstm, attribute: 8, hidden: 32, state: 16, pair_buckets: 64}}}}
stages:
  - name: train
    epochs: 4
    temperature: 2
    data:
      - {{files: ["{tmp_path / "a.conll"}"], lang: eng_Latn}}
      - {{files: ["{tmp_path / "b.conll"}"], lang: swh_Latn, weight: 0.5, limit: 10, rename: {{person: PER}}}}
evaluate:
  dev:
    - {{files: ["{tmp_path / "a.conll"}"], lang: eng_Latn}}
    - {{files: ["{tmp_path / "b.conll"}"], lang: swh_Latn, rename: {{person: PER}}}}
"""
    (tmp_path / "r.yaml").write_text(recipe_text, encoding="utf-8")
    model = train(load_recipe(str(tmp_path / "r.yaml")), tmp_path / "run")
    assert json.loads((model / "bundle.json").read_text())["labels"] == ["O", "B-LOC", "I-LOC", "B-PER", "I-PER"]
    scores = json.loads((tmp_path / "run" / "metrics.json").read_text())["dev"]
    assert set(scores["by_lang"]) == {"eng_Latn", "swh_Latn"}
    mean = sum(part["f1"] for part in scores["by_lang"].values()) / 2
    assert scores["macro_lang_f1"] == pytest.approx(mean)
    assert "their mean" in (model / "README.md").read_text()


def test_half_weights_are_scored_as_they_are_stored(tmp_path: Path) -> None:
    from nlpkit.config.recipe import Source
    from nlpkit.jobs.evaluate import evaluate

    write_toy(tmp_path / "a.conll", 30)
    files = [f"data.train={tmp_path / 'a.conll'}", f"data.dev={tmp_path / 'a.conll'}"]
    size = ["model.scratch.arch=bilstm", "model.scratch.half=true", "model.scratch.attribute=8", "stages.0.steps=9"]
    model = train(load_recipe("ner", [*files, *size]), tmp_path / "run")
    reported = json.loads((tmp_path / "run" / "metrics.json").read_text())["dev"]
    again = evaluate(str(model), Source.model_validate({"files": [str(tmp_path / "a.conll")], "format": "conll"}))
    assert 0 < again["f1"] == reported["f1"]
    assert again["ece"] == pytest.approx(reported["ece"], abs=1e-6)
    from safetensors.torch import load_file

    kinds = {str(tensor.dtype) for tensor in load_file(model / "model.safetensors").values()}
    assert kinds == {"torch.float16"}


@pytest.fixture
def pairs(tmp_path: Path) -> Callable[..., list[str]]:
    """Train on toy pairs in a folder, with these overrides; what was said."""
    files = toy_translate.write_toys(tmp_path)
    path = toy_translate.recipe(tmp_path)

    def run(*more: str) -> list[str]:
        said: list[str] = []
        wanted = [*files, *toy_translate.RNN, "stages.0.epochs=1", *more]
        train(load_recipe(str(path), wanted), tmp_path / "run", say=said.append)
        return said

    return run


@pytest.mark.parametrize(
    ("wrong", "what"),
    [
        (f"model.base={places.model('ner')}", "is a model for ner of the kind nlpkit-bilstm, an encoder-decoder"),
        ("data.train=long.jsonl", "no training pair fits"),
        ("options.decoding.force=[猫]", "options.decoding: the model cannot write `猫`"),
        ("options.decoding.script=Deva", "options.decoding: the model has no piece in the script `Deva`"),
    ],
)
def test_a_run_that_is_refused_leaves_no_folder(
    tmp_path: Path, pairs: Callable[..., list[str]], monkeypatch: pytest.MonkeyPatch, wrong: str, what: str
) -> None:
    monkeypatch.chdir(tmp_path)
    toy_translate.write(tmp_path / "long.jsonl", [{"src": "the cat " * 200, "tgt": "le chat"}] * 3)
    with pytest.raises(InputError) as caught:
        pairs(wrong)
    assert what in caught.value.message
    assert not (tmp_path / "run").exists()
    pairs()
    assert (tmp_path / "run" / "DONE").is_file()


def test_a_run_that_was_there_before_is_not_taken_back(
    tmp_path: Path, pairs: Callable[..., list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise InputError("no")

    (tmp_path / "run").mkdir()
    path = toy_translate.recipe(tmp_path)
    files = toy_translate.write_toys(tmp_path)
    same = load_recipe(str(path), [*files, *toy_translate.RNN, "stages.0.epochs=1"])
    (tmp_path / "run" / "recipe.yaml").write_text(to_yaml(same), encoding="utf-8")
    monkeypatch.setattr(jobs_train, "_check_languages", refuse)
    with pytest.raises(InputError, match="no"):
        pairs()
    assert (tmp_path / "run" / "recipe.yaml").is_file()


def test_a_run_that_has_learned_something_is_kept(
    tmp_path: Path, pairs: Callable[..., list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise InputError("no")

    monkeypatch.setattr(jobs_train, "finish", refuse)
    with pytest.raises(InputError, match="no"):
        pairs()
    assert {"recipe.yaml", "checkpoints", "log.jsonl"} <= {path.name for path in (tmp_path / "run").iterdir()}


def test_languages_that_training_never_shows_are_told(tmp_path: Path, pairs: Callable[..., list[str]]) -> None:
    note = "note: dev has languages that training never shows: eng>deu, eng>yor"
    rows = [{"src": "the cat", "tgt": "x", "src_lang": "eng", "tgt_lang": lang} for lang in ("deu", "yor", "fra")]
    path = toy_translate.write(tmp_path / "other.jsonl", rows)
    said = pairs(f"data.dev={path}")
    assert said.index(note) < next(at for at, text in enumerate(said) if text.startswith("stage "))


def test_a_language_of_dev_that_the_model_has_no_tag_for_is_found_before_the_first_step(
    tmp_path: Path, pairs: Callable[..., list[str]]
) -> None:
    rows = [{"src": "the cat", "tgt": "x", "src_lang": "eng", "tgt_lang": lang} for lang in ("fra", "spa", "deu")]
    learned = toy_translate.write(tmp_path / "two.jsonl", rows[:2] * 8)
    dev = toy_translate.write(tmp_path / "three.jsonl", rows)
    with pytest.raises(InputError, match=r"dev: row 3 \(line 3\): the model has no `<2deu>`"):
        pairs(f"data.train={learned}", f"data.dev={dev}")
    assert not (tmp_path / "run").exists()


def test_a_translation_model_is_no_encoder_to_begin_from(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is a model for translate of the kind nlpkit-rnn, an encoder of transformers"):
        dry_run(recipe(tmp_path, f"model.base={places.model('translate')}"))
