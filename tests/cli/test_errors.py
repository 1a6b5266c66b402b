"""Wrong invocations: the right exit code, a short message, a hint, never a traceback."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

CONLL = "Amina B-PER\nOtieno I-PER\nwent O\n\nJuma B-PER\nsat O\n\n"
MODEL_OK = ("ner", "-m", "model", "-t", "Juma")
SCORE = ("evaluate", "--gold", "good.conll", "--guess", "good.conll")


def damaged(model: Path, into: Path) -> None:
    """Copies of a good model, each broken in its own way."""

    def copy(name: str) -> Path:
        return Path(shutil.copytree(model, into / name))

    weights = copy("pickle")
    (weights / "model.safetensors").rename(weights / "pytorch_model.bin")
    (copy("no_weights") / "model.safetensors").unlink()
    cut = copy("truncated") / "model.safetensors"
    cut.write_bytes(cut.read_bytes()[: cut.stat().st_size // 2])
    (copy("garbage") / "model.safetensors").write_bytes(b"not a tensor in sight")
    (copy("emptied") / "model.safetensors").write_bytes(b"")
    (copy("half_json") / "bundle.json").write_text('{"bundle": 1,', encoding="utf-8")
    (copy("list_json") / "bundle.json").write_text("[]", encoding="utf-8")
    (copy("half_config") / "config.json").write_text("{", encoding="utf-8")
    (copy("half_tokenizer") / "tokenizer.json").write_text("{", encoding="utf-8")
    (copy("no_tokenizer") / "tokenizer.json").unlink()
    for name, key, value in (
        ("newer", "bundle", 2),
        ("other_task", "task", "pos"),
        ("other_labels", "labels", ["O", "B-X"]),
    ):
        file = copy(name) / "bundle.json"
        file.write_text(json.dumps({**json.loads(file.read_text(encoding="utf-8")), key: value}), encoding="utf-8")


@pytest.fixture(scope="module")
def bench(tiny_run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with good and bad files, models and runs."""
    folder = tmp_path_factory.mktemp("bench")
    texts = {
        "good.conll": CONLL,
        "shorter.conll": CONLL.partition("\n\n")[0] + "\n\n",
        "words.conll": CONLL.replace("Otieno", "Atieno"),
        "untagged.conll": "Amina\nOtieno\n\nJuma\nsat\n\n",
        "torn.conll": CONLL.replace("Otieno I-PER", "Otieno"),
        "empty.conll": "",
        "torn.jsonl": "{]\n",
        "text.txt": "Juma\n",
        "bad.yaml": "recipe: 1\ntask: ner\nabuot: x\n",
        "dup.yaml": "recipe: 1\nrecipe: 1\n",
        "empty.yaml": "",
        "list.yaml": "- a\n",
        "torn.yaml": "task: [ner\n",
        "bad.md": "---\npretty_name: x\n---\n",
        "empty.md": "",
    }
    for name, text in texts.items():
        (folder / name).write_text(text, encoding="utf-8")
    (folder / "latin.txt").write_bytes("Café\n".encode("latin-1"))
    (folder / "latin.yaml").write_bytes("about: café\n".encode("latin-1"))
    (folder / "utf16.conll").write_bytes(CONLL.encode("utf-16"))
    for name in ("folder", "notes"):
        (folder / name).mkdir()
        (folder / name / "note").write_text("keep me", encoding="utf-8")
    for name in ("run", "another_run"):
        shutil.copytree(tiny_run, folder / name)
    shutil.copytree(tiny_run / "model", folder / "model")
    damaged(tiny_run / "model", folder)
    return folder


# (command, exit code, a part of the message, a part of the hint; no hint is promised where it is empty)
TABLE: list[tuple[tuple[str, ...], int, str, str]] = [
    # commands and options
    (("nre",), 2, "No such command 'nre'. Did you mean 'ner'?", ""),
    (("trian", "ner"), 2, "No such command 'trian'. Did you mean 'train'?", ""),
    (("data", "chekc"), 2, "No such command 'chekc'. Did you mean 'check'?", ""),
    (("ner", "--modle", "x"), 2, "No such option: --modle (Possible options: --model)", ""),
    (("ner", "--batch-tokens", "0"), 2, "--batch-tokens", ""),
    (("ner", "--batch-tokens", "many"), 2, "--batch-tokens", ""),
    (("train",), 2, "Missing argument 'RECIPE'", ""),
    (("recipe", "check"), 2, "Missing argument 'RECIPE'", ""),
    (("data", "convert", "good.conll"), 2, "Missing option '--to'", ""),
    # recipes
    (("train", "nre"), 2, "no recipe is called `nre`; did you mean `ner`?", "nlpkit recipe list"),
    (("train", "ner/masakhaner2_sw"), 2, "did you mean `ner/masakhaner2_swa`?", "nlpkit recipe list"),
    (("train", "none.yaml"), 2, "no recipe file `none.yaml`", "nlpkit recipe list"),
    (("train", "empty.yaml"), 2, "`empty.yaml` is not a recipe", "nlpkit recipe show"),
    (("train", "list.yaml"), 2, "`list.yaml` is not a recipe", "nlpkit recipe show"),
    (("train", "latin.yaml"), 2, "latin.yaml:1: byte 0xE9 is not UTF-8", "UTF-8"),
    (("train", "torn.yaml"), 2, "torn.yaml:1: not valid YAML", ""),
    (("train", "dup.yaml"), 2, "dup.yaml:2: key `recipe` stands twice, first on line 1", "remove one"),
    (("train", "bad.yaml"), 2, "line 3: abuot: unknown key; did you mean `about`?", "docs/reference/recipe.md"),
    (("recipe", "show", "nre"), 2, "did you mean `ner`?", "nlpkit recipe list"),
    (("recipe", "check", "nre"), 1, "no recipe is called `nre`; did you mean `ner`?", "docs/reference/recipe.md"),
    (("recipe", "check", "ner", "dup.yaml"), 1, "1 of 2 recipes is wrong", "docs/reference/recipe.md"),
    (("recipe", "check", "folder"), 1, "no recipe is called `folder`", ""),
    (("recipe", "copy", "ner", "mine.txt"), 2, "`mine.txt` must end in .yaml", ""),
    (("recipe", "copy", "ner", "bad.yaml"), 2, "`bad.yaml` is there already", "--overwrite"),
    (("recipe", "copy", "ner", "good.conll/x.yaml"), 3, "good.conll", ""),
    # overrides
    (("train", "ner", "stages.0.lrr=1"), 2, "override: stages.0.lrr: unknown key; did you mean `lr`?", "recipe.md"),
    (("train", "ner", "seed"), 2, "`seed` is not KEY=VALUE", "stages.0.lr="),
    (("train", "ner", "seed=many"), 2, "override: seed: ", "recipe.md"),
    (("train", "ner", "stages.7.lr=1"), 2, "there is no `stages.7`", ""),
    (("train", "ner", "data.dev=good.conll"), 2, "own data needs `data.train=FILE`", "data.train="),
    (("train", "ner", "task=nre"), 2, "no task is called `nre`; did you mean `ner`?", "recipe.md"),
    (("train", "ner", "options.typs=[PER]"), 2, "options.typs: unknown key; did you mean `types`?", "recipe.md"),
    # training data
    (("train", "ner", "data.train=none.conll", "--out", "o1"), 2, "no file `none.conll`", ""),
    (("train", "ner", "data.train=folder", "--out", "o2"), 2, "`folder` is a folder, a file is wanted", ""),
    (("train", "ner", "data.train=torn.conll", "--out", "o3"), 2, "torn.conll:2: 1 column, 2 expected", "columns"),
    (("train", "ner", "data.train=empty.conll", "--out", "o4"), 2, "no rows in `empty.conll`", "nlpkit data check"),
    (("train", "ner", "data.train=untagged.conll", "--out", "o5"), 2, "train rows have no tags", "data.columns.tag"),
    (("train", "ner", "data.train=good.conll", "data.columns.tag=7", "--out", "o6"), 2, "8 expected", "columns"),
    (("train", "ner", "data.train=good.conll", "data.lang=klingonish", "--out", "o7"), 2, "`klingonish`", "swh_Latn"),
    (("train", "ner", "data.train=good.conll", "data.format=conl", "--out", "o8"), 2, "`conl`", "conll"),
    (("train", "ner", "data.train=text.txt", "--out", "o9"), 2, "looks like raw text", "data.format=conll"),
    (("train", "ner/wnut17_en", "--out", "o10"), 2, "is not on this machine", "nlpkit data fetch wnut17_en"),
    (("train", "ner", "stages.0.data.0.card=sampels_ner", "--out", "o11"), 2, "`samples_ner`?", "data list"),
    (("train", "ner", "evaluate.dev.0.split=trian"), 2, "no split `trian`, it has `train`", "data list"),
    (("train", "ner", "model.base=no_such_folder", "--out", "o13"), 2, "no model folder `no_such_folder`", "list"),
    (("train", "ner", "model.base=pickle", "--out", "o14"), 2, "as a pickle (`pytorch_model.bin`)", "safetensors"),
    (("train", "ner", "model.base=acme/none", "--out", "o15"), 3, "no folder `acme/none` here, and", "check its path"),
    # run folders
    (("train", "run/recipe.yaml", "--out", "run"), 2, "the run in `run` is finished; its model is", "--overwrite"),
    (("train", "run/recipe.yaml", "seed=14", "--out", "another_run"), 2, "seed: 13 -> 14", "--overwrite"),
    (("train", "ner", "--out", "folder"), 2, "`folder` is not empty and no run directory", "--out"),
    (("train", "ner", "--out", "notes", "--overwrite"), 2, "is no run directory, so it is not overwritten", "--out"),
    (("train", "ner", "--out", "good.conll"), 2, "`good.conll`", "--out"),
    (("train", "ner", "--out", "good.conll", "--overwrite"), 2, "`good.conll`", "--out"),
    # models
    (("ner", "-m", "none", "-t", "Juma"), 2, "no model folder `none`", "nlpkit model list"),
    (("ner", "-m", "good.conll", "-t", "Juma"), 2, "no model folder `good.conll`", "nlpkit model list"),
    (("ner", "-m", "folder", "-t", "Juma"), 2, "`folder` is no model: it has no config.json", "RUN/model"),
    (("ner", "-m", "run", "-t", "Juma"), 2, "`run` is no model: it has no config.json", "RUN/model"),
    (("ner", "-m", "pickle", "-t", "Juma"), 2, "as a pickle (`pytorch_model.bin`)", "safetensors"),
    (("ner", "-m", "no_weights", "-t", "Juma"), 2, "`no_weights` has no weights (model.safetensors)", ""),
    (("ner", "-m", "truncated", "-t", "Juma"), 2, "truncated/model.safetensors` is damaged", "copy or train"),
    (("ner", "-m", "garbage", "-t", "Juma"), 2, "garbage/model.safetensors` is damaged", "copy or train"),
    (("ner", "-m", "emptied", "-t", "Juma"), 2, "emptied/model.safetensors` is damaged", "copy or train"),
    (("ner", "-m", "newer", "-t", "Juma"), 2, "newer/bundle.json` has format 2, this nlpkit reads 1", "newer nlpkit"),
    (("ner", "-m", "half_json", "-t", "Juma"), 2, "half_json/bundle.json` is damaged", "copy or train"),
    (("ner", "-m", "list_json", "-t", "Juma"), 2, "list_json/bundle.json` is damaged", "copy or train"),
    (("ner", "-m", "half_config", "-t", "Juma"), 2, "half_config", ""),
    (("ner", "-m", "half_tokenizer", "-t", "Juma"), 2, "half_tokenizer", ""),
    (("ner", "-m", "no_tokenizer", "-t", "Juma"), 2, "no_tokenizer", ""),
    (("ner", "-m", "other_task", "-t", "Juma"), 2, "is a model for pos, not for ner", "nlpkit pos"),
    (("ner", "-m", "other_labels", "-t", "Juma"), 2, "disagree about the labels", "copy it again"),
    (("ner", "-m", "acme/none", "-t", "Juma"), 3, "no folder `acme/none` here, and: cannot load", "offline"),
    (("model", "show", "none"), 2, "`none` holds no bundle.json", "RUN/model"),
    (("model", "show", "run"), 2, "`run` holds no bundle.json", "RUN/model"),
    (("model", "show", "half_json"), 2, "half_json/bundle.json` is damaged", "copy or train"),
    (("model", "check", "none"), 2, "no model folder `none`", "nlpkit model list"),
    (("model", "check", "truncated"), 2, "truncated/model.safetensors` is damaged", "copy or train"),
    (("model", "list", "none"), 2, "no folder `none`", "runs"),
    # predicting
    ((*MODEL_OK, "good.conll"), 2, "both --text and files are given", "one of them"),
    (("ner", "-m", "model", "none.txt"), 2, "no file `none.txt`", ""),
    (("ner", "-m", "model", "folder"), 2, "`folder` is a folder, a file is wanted", ""),
    (("ner", "-m", "model", "latin.txt"), 2, "latin.txt:1: byte 0xE9 at column 4 is not UTF-8", "iconv"),
    (("ner", "-m", "model", "utf16.conll"), 2, "looks like UTF-16", "iconv"),
    (("ner", "-m", "model", "torn.jsonl"), 2, "torn.jsonl:1: not JSON", "one object a line"),
    ((*MODEL_OK, "--from", "conl"), 2, "`--from conl`: no such choice; did you mean `conll`?", "conllu"),
    ((*MODEL_OK, "--to", "jsnol"), 2, "`--to jsnol`: no such choice; did you mean `jsonl`?", "entities"),
    ((*MODEL_OK, "--precision", "fp8"), 2, "`--precision fp8`: no such choice", "bf16"),
    ((*MODEL_OK, "--lang", "klingonish"), 2, "`klingonish` is no language code", "swh_Latn"),
    (("ner", "-m", "model", "--lang", "klingonish", "text.txt"), 2, "`klingonish` is no language code", "swh_Latn"),
    ((*MODEL_OK, "--column", "tag"), 2, "`--column tag` is not NAME=PLACE", "--column tag=3"),
    (("ner", "-m", "model", "--column", "token=--1", "good.conll"), 2, "column `token`", ""),
    (("ner", "-m", "model", "-t", "\udcff"), 2, "--text is not UTF-8", ""),
    # scoring
    (("evaluate",), 2, "name a MODEL or a --guess file", "nlpkit evaluate MODEL"),
    (("evaluate", "model"), 2, "name a --card or a --gold file", "nlpkit evaluate MODEL"),
    (("evaluate", "model", "--gold", "good.conll", "--guess", "good.conll"), 2, "name a MODEL or a --guess", "nlpkit"),
    ((*SCORE, "--card", "samples_ner"), 2, "--guess is scored against one --card or --gold", "nlpkit score"),
    (("evaluate", "model", "--card", "sampels_ner"), 2, "did you mean `samples_ner`?", "nlpkit data list"),
    (("evaluate", "model", "--card", "samples_ner", "--split", "tset"), 2, "has no split `tset`", "`test`"),
    (("evaluate", "none", "--gold", "good.conll"), 2, "no model folder `none`", "nlpkit model list"),
    (("evaluate", "model", "--gold", "none.conll"), 2, "no file `none.conll`", ""),
    (("evaluate", "model", "--gold", "folder"), 2, "`folder` is a folder", ""),
    (("evaluate", "model", "--gold", "untagged.conll"), 2, "the gold rows have no tags", "--column tag="),
    (("evaluate", "--gold", "good.conll", "--guess", "shorter.conll"), 2, "2 gold rows and 1 guessed", "sentences"),
    (("evaluate", "--gold", "good.conll", "--guess", "words.conll"), 2, "differs at word 2", "same words"),
    (("evaluate", "--card", "samples_ner", "--guess", "good.conll"), 2, "42 gold rows and 2 guessed", "same sentences"),
    ((*SCORE, "--by", "typ"), 2, "no column is called `typ`; did you mean `type`?", "lang"),
    ((*SCORE, "--from", "conl"), 2, "`--from conl`: no such choice; did you mean `conll`?", "conllu"),
    ((*SCORE, "--scheme", "iob9"), 2, "`--scheme iob9`: no such choice", "iobes"),
    ((*SCORE, "--precision", "fp8"), 2, "`--precision fp8`: no such choice", "int8"),
    ((*SCORE, "--task", "nre"), 2, "no task is called `nre`; did you mean `ner`?", "ner"),
    ((*SCORE, "--baseline", "none"), 2, "no model folder `none`", "nlpkit model list"),
    ((*SCORE, "--fail-under", "f1"), 2, "`--fail-under f1` is not METRIC=VALUE", "f1=0.8"),
    ((*SCORE, "--fail-under", "f1=high"), 2, "`--fail-under f1=high` is not METRIC=VALUE", "f1=0.8"),
    ((*SCORE, "--fail-under", "f1=nan"), 2, "`--fail-under f1=nan` is not METRIC=VALUE", "f1=0.8"),
    ((*SCORE, "--fail-under", "f9=0.5"), 2, "no metric `f9`", "f1"),
    ((*SCORE, "--fail-under", "f1=1.5"), 1, "f1 is 1.0000, under 1.5", ""),
    # data
    (("data", "check", "sampels_ner"), 2, "did you mean `samples_ner`?", "nlpkit data list"),
    (("data", "check", "none.conll"), 2, "no file or card `none.conll`", "nlpkit data list"),
    (("data", "check", "folder"), 2, "`folder` is a folder, a file is wanted", ""),
    (("data", "check", "good.conll", "--from", "conl"), 2, "did you mean `conll`?", "conllu"),
    (("data", "check", "wnut17_en"), 2, "is not on this machine", "nlpkit data fetch wnut17_en"),
    (("data", "stats", "none.conll"), 2, "no file or card `none.conll`", "nlpkit data list"),
    (("data", "show", "sampels_ner"), 2, "did you mean `samples_ner`?", "nlpkit data list"),
    (("data", "show", "none.md"), 2, "no card file `none.md`", "nlpkit data list"),
    (("data", "show", "empty.md"), 2, "empty.md:1: a card begins with a block", "docs/reference/card.md"),
    (("data", "show", "bad.md"), 2, "license: is missing", "docs/reference/card.md"),
    (("data", "fetch", "sampels_ner"), 2, "did you mean `samples_ner`?", "nlpkit data list"),
    (("data", "fetch", "wnut17_en"), 2, "has no checksum for `train.conll`", "--accept-unpinned"),
    (("data", "convert", "none.conll", "--to", "jsonl"), 2, "no file `none.conll`", ""),
    (("data", "convert", "torn.conll", "--to", "jsonl"), 2, "torn.conll:2: 1 column, 2 expected", "columns"),
    (("data", "convert", "good.conll", "--to", "xml"), 2, "`--to xml`: no such choice", "jsonl"),
    (("data", "convert", "good.conll", "--to", "conll", "--scheme", "iob3"), 2, "did you mean `iob2`?", "iobes"),
]  # fmt: skip


def holds(result: Any, code: int, message: str, hint: str) -> None:
    """What every wrong invocation must fulfil."""
    assert "Traceback" not in result.err
    assert "unexpected" not in result.err, "this is no error of nlpkit"
    assert result.code == code, result.err
    lines = result.err.rstrip("\n").split("\n")
    shown = [line for line in lines if not line.startswith(("model: ", "stage ", "note: ", "licence: "))]
    assert len(shown) <= 6, result.err
    assert message in result.err
    assert "\x1b" not in result.err
    if shown[0].startswith("Usage: nlpkit"):
        assert shown[1].startswith("Try 'nlpkit")
        assert shown[-1].startswith("Error: ")
    else:
        assert shown[0].startswith("error: ")
    if hint:
        assert hint in shown[-1]
        assert shown[-1].startswith("hint: ")


def named(case: tuple[tuple[str, ...], int, str, str]) -> str:
    return " ".join(case[0]).encode("ascii", "backslashreplace").decode()


@pytest.mark.parametrize("case", TABLE, ids=named)
def test_a_wrong_invocation_ends_in_a_message(
    cli: Callable[..., Any], bench: Path, monkeypatch: pytest.MonkeyPatch, case: tuple[tuple[str, ...], int, str, str]
) -> None:
    monkeypatch.chdir(bench)
    args, code, message, hint = case
    result = cli(*args)
    holds(result, code, message, hint)
    if not {"--fail-under", "check"} & {*args}:
        assert result.out == "", "stdout carries data only"


@pytest.mark.parametrize("device", ["nonsense", "cuda:99"])
def test_a_device_that_is_not_there_is_named(
    cli: Callable[..., Any], bench: Path, monkeypatch: pytest.MonkeyPatch, device: str
) -> None:
    """engine.bundle.load hands any text to torch."""
    monkeypatch.chdir(bench)
    holds(cli(*MODEL_OK, "--device", device), 2, f"`{device}`", "cpu")


def test_showing_a_model_whose_bundle_is_no_mapping_is_an_error(
    cli: Callable[..., Any], bench: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """jobs.models.read turns `[]` into an empty dict, and facts() asks it for its task."""
    monkeypatch.chdir(bench)
    holds(cli("model", "show", "list_json"), 2, "list_json/bundle.json` is damaged", "copy or train")


def test_a_guess_without_tags_is_called_the_guess(
    cli: Callable[..., Any], bench: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """jobs.evaluate.compare reads the guess with load_gold, which speaks of gold rows."""
    monkeypatch.chdir(bench)
    result = cli("evaluate", "--gold", "good.conll", "--guess", "untagged.conll")
    holds(result, 2, "no tags", "--column tag=")
    assert "gold rows have no tags" not in result.err


def test_a_run_that_never_began_does_not_block_the_corrected_command(
    cli: Callable[..., Any], bench: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """jobs.train writes recipe.yaml before it has read a row; the next command is then `another recipe`."""
    monkeypatch.chdir(bench)
    assert cli("train", "ner", "data.train=typo.conll", "--out", "again").code == 2
    result = cli("train", "ner", "data.train=torn.conll", "--out", "again")
    assert "torn.conll:2" in result.err


def test_a_refused_run_folder_is_left_as_it_was_and_can_be_asked_for_again(
    cli: Callable[..., Any], bench: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """jobs.rundir.open_run keeps its lock, and the file `.lock`, when it raises."""
    monkeypatch.chdir(tmp_path)
    Path("mine").mkdir()
    Path("mine/note").write_text("keep me", encoding="utf-8")
    for _ in range(2):
        assert "`mine` is not empty and no run directory" in cli("train", "ner", "--out", "mine").err
    assert [path.name for path in Path("mine").iterdir()] == ["note"]


def test_an_error_names_control_characters_instead_of_sending_them(cli: Callable[..., Any]) -> None:
    result = cli("data", "show", "evil\x1b[31m\r")
    assert result.code == 2
    assert "\x1b" not in result.err
    assert "\r" not in result.err
    assert "evil\\x1b[31m" in result.err
    assert "\x1b" not in cli("recipe", "check", "evil\x1b[31m").err


def test_debug_shows_the_traceback_as_well(cli: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NLPKIT_DEBUG", "1")
    result = cli("data", "show", "sampels_ner")
    assert result.code == 2
    assert "Traceback" in result.err
    assert result.err.rstrip().split("\n")[-1].startswith("hint: ")


def test_an_error_nobody_foresaw_is_one_line_and_exit_3(
    cli: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken() -> list[str]:
        raise ValueError("first line\nsecond line")

    monkeypatch.setattr("nlpkit.config.card.names", broken)
    result = cli("data", "list")
    assert result.code == 3
    assert result.err.split("\n")[0] == "error: unexpected ValueError: first line"
    assert "NLPKIT_DEBUG=1" in result.err
    assert "Traceback" not in result.err


@pytest.mark.parametrize(("error", "code"), [(KeyboardInterrupt, 130), (MemoryError, 3)])
def test_ctrl_c_and_no_memory_have_their_exit_codes(
    cli: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, error: type[BaseException], code: int
) -> None:
    def broken() -> list[str]:
        raise error

    monkeypatch.setattr("nlpkit.config.card.names", broken)
    result = cli("data", "list")
    assert result.code == code
    assert "Traceback" not in result.err
    assert ("out of memory" in result.err) is (error is MemoryError)


def test_a_preempted_job_exits_with_its_own_code(cli: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    from nlpkit.errors import Preempted

    def stopped() -> list[str]:
        raise Preempted("stopped after step 3 by SIGTERM", "the same command goes on from there")

    monkeypatch.setattr("nlpkit.config.card.names", stopped)
    assert cli("data", "list").code == 75


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full on this system")
@pytest.mark.parametrize("args", [["data", "list"], ["--help"]], ids=" ".join)
def test_a_full_disk_is_exit_3_even_when_python_notices_at_the_end(args: list[str]) -> None:
    env = {key: value for key, value in os.environ.items() if key != "PYTHONUNBUFFERED"}
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            [sys.executable, "-m", "nlpkit", *args],
            stdout=full,
            stderr=subprocess.PIPE,
            env=env,
            timeout=60,
            check=False,
        )
    error = done.stderr.decode()
    assert done.returncode == 3
    assert error.startswith("error: ")
    assert "No space left on device" in error
    assert "Exception ignored" not in error
    assert len(error.strip().split("\n")) <= 2


def test_the_table_is_long() -> None:
    assert len(TABLE) >= 40
    assert len({case[0] for case in TABLE}) == len(TABLE)
