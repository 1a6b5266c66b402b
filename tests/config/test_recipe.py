"""Recipes: every fault at once, overrides, defaults of the family."""

from __future__ import annotations

from pathlib import Path

import pytest

from nlpkit.config import recipe as recipes
from nlpkit.config.recipe import (
    FAMILY_DEFAULTS,
    WHOLE,
    BertScratch,
    RnnScratch,
    TransformerScratch,
    load,
    to_yaml,
)
from nlpkit.errors import InputError
from nlpkit.jobs.prepare import load_recipe

GOOD = """\
recipe: 1
task: ner
about: A test
model:
  scratch: {arch: bert, hidden: 64}
stages:
  - name: first
    data:
      - {card: samples_ner}
  - name: second
    data:
      - {files: [a.conll, b.conll], format: conll}
evaluate:
  dev: [{card: samples_ner, split: dev}]
"""


@pytest.fixture
def good(tmp_path: Path) -> str:
    (tmp_path / "good.yaml").write_text(GOOD, encoding="utf-8")
    return str(tmp_path / "good.yaml")


def written(tmp_path: Path, text: str) -> str:
    (tmp_path / "my.yaml").write_text(text, encoding="utf-8")
    return str(tmp_path / "my.yaml")


def faults(name: str, *overrides: str) -> list[str]:
    """The lines of the one error that loading gives, its headline left out."""
    with pytest.raises(InputError) as caught:
        load(name, list(overrides))
    assert caught.value.exit_code == 2
    assert "\n" not in caught.value.hint
    return [line.strip() for line in caught.value.message.split("\n")][1:]


def refusal(name: str, *overrides: str) -> InputError:
    with pytest.raises(InputError) as caught:
        load(name, list(overrides))
    return caught.value


# -- faults


def test_every_fault_is_told_at_once_by_line_with_the_nearest_name(tmp_path: Path) -> None:
    name = written(
        tmp_path,
        "recipe: 1\n"
        "task: ner\n"
        "abuot: A test\n"
        "seed: many\n"
        "model:\n"
        "  scratch:\n"
        "    arch: bert\n"
        "    hiden: 64\n"
        "stages:\n"
        "  - name: train\n"
        "    data:\n"
        "      - {card: samples_ner, splt: train}\n"
        "    lr: fast\n"
        "    epochs: 0\n"
        "  - data: []\n",
    )
    with pytest.raises(InputError) as caught:
        load(name)
    headline, *found = caught.value.message.split("\n  ")
    assert headline == f"`{name}` has 9 problems"
    assert [text.split(":")[0] for text in found] == [f"line {n}" for n in (1, 3, 4, 8, 12, 13, 14, 15, 15)]
    assert found[0] == "line 1: about: is missing"
    assert found[1] == "line 3: abuot: unknown key; did you mean `about`?"
    assert found[2].startswith("line 4: seed: ")
    assert "`'many'`" in found[2]
    assert found[3] == "line 8: model.scratch.hiden: unknown key; did you mean `hidden`?"
    assert found[4] == "line 12: stages.0.data.0.splt: unknown key; did you mean `split`?"
    assert found[5].startswith("line 13: stages.0.lr: ")
    assert found[6].startswith("line 14: stages.0.epochs: ")
    assert {text.split(": ")[1] for text in found[7:]} == {"stages.1.name", "stages.1.data"}
    assert caught.value.hint


def test_options_of_the_task_are_checked_in_the_same_error(tmp_path: Path) -> None:
    name = written(
        tmp_path, GOOD.replace("model:", "options:\n  tipes: [PER]\n  decode: legl\nmodel:").replace("about", "abot")
    )
    with pytest.raises(InputError) as caught:
        load_recipe(name)
    found = [line.strip() for line in caught.value.message.split("\n")][1:]
    assert found[0] == "line 1: about: is missing"
    assert found[1] == "line 3: abot: unknown key; did you mean `about`?"
    assert found[2] == "line 5: options.tipes: unknown key; did you mean `types`?"
    assert found[3].startswith("line 6: options.decode: ")
    assert len(found) == 4


def test_a_key_far_from_every_name_gets_no_wild_guess(good: str) -> None:
    assert faults(good, "zzz=1") == ["override: zzz: unknown key"]


@pytest.mark.parametrize(
    "override",
    ["seed=abc", "seed=1.5", "seed=-1", "seed=", "seed=[1]", "about=7", "about=[a]", "about={a: b}", "precision=fp8",
     "recipe=2", "model=x", "model=[1]", "stages=x", "stages=[]", "stages=[x]", "stages.0.lr=0", "stages.0.lr=-1e-3",
     "stages.0.lr=1e999", "stages.0.lr=.inf", "stages.0.lr=.nan", "stages.0.lr=fast", "stages.0.warmup=1",
     "stages.0.epochs=-1", "stages.0.steps=0", "stages.0.steps=2.5", "stages.0.schedule=step", "stages.0.accumulate=0",
     "stages.0.label_smoothing=1", "stages.0.data.0.limit=0", "stages.0.data.0.scheme=iob3", "stages.0.data.0.mend=7",
     "stages.1.data.0.files=a.conll", "model.scratch.arch=lstm", "model.scratch.layers=0", "model.scratch.dropout=1",
     "model.max_length=many", "model.freeze=all", "options=[1]", "evaluate.dev=x", "evaluate="],
)  # fmt: skip
def test_a_wrong_value_is_one_fault_that_names_the_override(good: str, override: str) -> None:
    found = faults(good, override)
    key, _, value = override.partition("=")
    assert len(found) == 1
    assert found[0].startswith(f"override: {key}")
    if value.isidentifier():
        assert value in found[0]


def test_a_wrong_mapping_is_told_without_python_words(good: str) -> None:
    assert faults(good, "model=x") == ["override: model: keys are wanted here, got `'x'`"]


@pytest.mark.parametrize(
    ("override", "where", "what"),
    [
        ("model.scratch.heads=5", "model.scratch", "hidden (64) must be a multiple of heads (5)"),
        ("stages.1.data.0.card=samples_ner", "stages.1.data.0", "name either `card` or `files`"),
        ("stages.0.data=[{split: train}]", "stages.0.data.0", "name either `card` or `files`"),
        ("stages.1.name=first", "top level", "two stages have the same name"),
        ("model={}", "model", "name exactly one of `base`, `scratch` and `spacy`"),
    ],
)
def test_values_that_do_not_fit_together_are_refused(good: str, override: str, where: str, what: str) -> None:
    (found,) = faults(good, override)
    assert found.endswith(f"{where}: {what}")


def test_epochs_and_steps_together_are_refused(good: str) -> None:
    (found,) = faults(good, "stages.0.steps=5", "stages.0.epochs=1")
    assert found.endswith("stages.0: name `epochs` or `steps`, not both")


def test_base_and_scratch_together_are_refused_in_a_file(tmp_path: Path) -> None:
    (found,) = faults(written(tmp_path, GOOD.replace("scratch:", "base: my_encoder\n  scratch:")))
    assert found == "line 4: model: name exactly one of `base`, `scratch` and `spacy`"


@pytest.mark.parametrize("text", ["", "- a\n", "just words\n", "12\n"])
def test_a_file_that_is_no_mapping_is_no_recipe(tmp_path: Path, text: str) -> None:
    error = refusal(written(tmp_path, text))
    assert "is not a recipe" in error.message
    assert error.hint


@pytest.mark.parametrize("encoding", ["latin-1", "utf-16"])
def test_a_recipe_that_is_not_utf8_is_refused_by_line(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "my.yaml"
    path.write_bytes("recipe: 1\nabout: café\n".encode(encoding))
    error = refusal(str(path))
    assert error.message.startswith(f"{path}:{2 if encoding == 'latin-1' else 1}: byte 0x")
    assert error.hint


def test_a_recipe_with_a_byte_order_mark_and_crlf_reads(tmp_path: Path) -> None:
    path = tmp_path / "my.yaml"
    path.write_bytes(b"\xef\xbb\xbf" + GOOD.replace("\n", "\r\n").encode())
    assert load(str(path)).about == "A test"


# -- names


def test_a_name_is_found_as_the_user_types_it(good: str) -> None:
    assert load("ner") == load("ner/default")
    assert recipes.path_of("ner/wnut17_en").name == "wnut17_en.yaml"
    assert recipes.path_of(good) == Path(good)
    assert "ner" in recipes.names()
    assert "ner/default" not in recipes.names()


@pytest.mark.parametrize(("typed", "meant"), [("nre", "ner"), ("ner/wnut17_end", "ner/wnut17_en")])
def test_a_misspelt_name_gets_the_nearest(typed: str, meant: str) -> None:
    error = refusal(typed)
    assert error.message == f"no recipe is called `{typed}`; did you mean `{meant}`?"
    assert "nlpkit recipe list" in error.hint


def test_a_missing_file_is_called_missing(tmp_path: Path) -> None:
    assert "no recipe file" in refusal(str(tmp_path / "none.yaml")).message


def test_a_folder_with_the_ending_of_a_recipe_is_no_recipe(tmp_path: Path) -> None:
    (tmp_path / "folder.yaml").mkdir()
    assert "no recipe file" in refusal(str(tmp_path / "folder.yaml")).message


# -- overrides


def test_an_override_changes_what_it_names_and_nothing_else(good: str) -> None:
    before, after = load(good), load(good, ["stages.1.lr=5e-5", "seed=7"])
    assert after.stages[1].lr == 5e-5
    assert after.seed == 7
    assert after.stages[0] == before.stages[0]
    assert after.model == before.model


def test_the_last_of_two_overrides_counts(good: str) -> None:
    assert load(good, ["seed=1", "seed=2"]).seed == 2


def test_an_override_may_make_a_place_that_is_not_in_the_file(good: str) -> None:
    recipe = load(good, ["options.types=[PER, LOC]", "stages.0.data.0.columns.tag=3"])
    assert recipe.options == {"types": ["PER", "LOC"]}
    assert recipe.stages[0].data[0].columns == {"tag": 3}


def test_a_place_in_a_list_is_named_by_its_number(good: str) -> None:
    recipe = load(good, ["stages.1.data.0.files.1=c.conll", "evaluate.dev.0.limit=5"])
    assert recipe.stages[1].data[0].files == ["a.conll", "c.conll"]
    assert recipe.evaluate.dev[0].limit == 5


@pytest.mark.parametrize(
    ("override", "place"),
    [("stages.2.lr=1", "there is no `stages.2`"), ("stages.-1.lr=1", "there is no `stages.-1`"),
     ("stages.first.lr=1", "there is no `stages.first`"), ("stages.2=x", "2 items, counted from 0"),
     ("stages.0.data.7.split=x", "there is no `stages.0.data.7`"), ("stages.²=1", "2 items, counted from 0")],
)  # fmt: skip
def test_a_place_that_is_not_there_is_named(good: str, override: str, place: str) -> None:
    message = refusal(good, override).message
    assert f"`{override.partition('=')[0]}` names no place in the recipe" in message
    assert place in message


@pytest.mark.parametrize("text", ["seed", "=5", "stages.0.lr", ""])
def test_what_is_no_key_value_pair_is_refused_with_an_example(good: str, text: str) -> None:
    error = refusal(good, text)
    assert error.message == f"`{text}` is not KEY=VALUE"
    assert "=" in error.hint


def test_a_value_may_hold_equals_signs(good: str) -> None:
    assert load(good, ["about=x=y=z", "model.base=folder/a=b"]).about == "x=y=z"
    assert load(good, ["model.base=folder/a=b"]).model.base == "folder/a=b"


def test_a_value_is_read_like_yaml(good: str) -> None:
    recipe = load(good, ["about=no", "stages.0.lr=2e-5", 'stages.0.data.0.lang="12"', "stages.0.patience=3"])
    assert recipe.about == "no"
    assert recipe.stages[0].lr == 2e-5
    assert recipe.stages[0].data[0].lang == "12"
    assert recipe.stages[0].patience == 3


def test_a_value_that_is_bad_yaml_names_the_override(good: str) -> None:
    assert refusal(good, "stages.0.data=[{card").message.startswith("override `stages.0.data=[{card`:1: not valid YAML")


def test_switching_to_a_base_drops_scratch_and_back() -> None:
    based = load("ner", ["model.base=my_encoder"]).model
    assert (based.base, based.scratch, based.family) == ("my_encoder", None, "pretrained")
    back = load("ner", ["model.base=my_encoder", "model.scratch.arch=bert", "model.scratch.hidden=64"]).model
    assert (back.base, back.family) == (None, "bert")
    assert back.scratch is not None
    assert back.scratch.hidden == 64


def test_switching_the_architecture_drops_the_keys_of_the_other(good: str) -> None:
    recipe = load(good, ["model.scratch.arch=bilstm", "model.scratch.state=32"])
    assert recipe.model.family == "bilstm"
    assert recipe.stages[0].lr == FAMILY_DEFAULTS["bilstm"]["lr"]
    assert recipe.model.scratch is not None
    assert recipe.model.scratch.hidden != 64
    assert load(good, ["model.scratch.arch=bert"]) == load(good)


def test_a_scratch_model_without_its_architecture_is_refused_with_the_key(good: str) -> None:
    assert faults(good, "model.scratch={hidden: 64}") == ["override: model.scratch.arch: is missing"]
    assert faults(good, "model.base=x", "model.scratch.hidden=64") == ["override: model.scratch.arch: is missing"]


def test_an_unknown_architecture_names_the_known_ones(good: str) -> None:
    (found,) = faults(good, "model.scratch.arch=bilstn")
    assert found.startswith("override: model.scratch.arch: must be one of 'bert', 'bilstm'")
    assert found.endswith("did you mean `bilstm`?")


@pytest.mark.parametrize("model", ["", "model:\n", "model: x\n", "model: {scratch: }\n", "model: {scratch: x}\n"])
def test_an_architecture_may_be_chosen_where_the_file_names_none(tmp_path: Path, model: str) -> None:
    text = GOOD.replace("model:\n  scratch: {arch: bert, hidden: 64}\n", model)
    assert load(written(tmp_path, text), ["model.scratch.arch=bert"]).model.family == "bert"


def test_switching_to_a_base_takes_the_defaults_of_encoders() -> None:
    assert load("ner", ["model.base=my_encoder"]).stages[0].lr == FAMILY_DEFAULTS["pretrained"]["lr"]


def test_a_fault_made_by_an_override_is_not_blamed_on_a_line(good: str) -> None:
    assert faults(good, "options.types.0=PER", "evaluate.extra.more=1") == ["override: evaluate.extra: unknown key"]
    assert faults(good, "a.b.c=1") == ["override: a: unknown key"]


def test_a_fault_of_the_file_keeps_its_line_beside_an_override(tmp_path: Path) -> None:
    name = written(tmp_path, GOOD.replace("about:", "abuot:"))
    assert faults(name, "seed=x")[0].startswith("override: seed")
    assert "line 3: abuot: unknown key; did you mean `about`?" in faults(name, "seed=x")


# -- own files


def test_own_files_replace_the_sources_of_every_stage_and_of_evaluate(good: str) -> None:
    recipe = load(good, ["data.train=my.conll", "data.dev=dev.conll", "data.lang=swh_Latn", "data.columns.tag=3"])
    for stage in recipe.stages:
        (source,) = stage.data
        assert (source.card, source.files, source.lang, source.columns) == (None, ["my.conll"], "swh_Latn", {"tag": 3})
    assert [source.files for source in recipe.evaluate.dev] == [["dev.conll"]]
    assert recipe.evaluate.test == []


def test_several_own_files_are_a_list(good: str) -> None:
    assert load(good, ["data.train=[a.conll, b.conll]"]).stages[0].data[0].files == ["a.conll", "b.conll"]


def test_own_files_may_stand_before_or_after_other_overrides(good: str) -> None:
    one = load(good, ["stages.0.lr=1e-3", "data.train=a", "data.dev=b"])
    assert one == load(good, ["data.dev=b", "data.train=a", "stages.0.lr=1e-3"])


def test_own_files_serve_a_recipe_without_evaluate(tmp_path: Path) -> None:
    name = written(tmp_path, GOOD.partition("evaluate:")[0] + "evaluate:\n")
    assert load(name, ["data.train=a.conll", "data.test=t.conll"]).evaluate.test[0].files == ["t.conll"]


def test_own_dev_files_without_training_files_are_an_error(good: str) -> None:
    error = refusal(good, "data.dev=dev.conll")
    assert "data.train=FILE" in error.message
    assert "data.train=" in error.hint


@pytest.mark.parametrize("text", ["data=x", "data.=x"])
def test_data_without_a_part_is_an_error(good: str, text: str) -> None:
    assert refusal(good, "data.train=a", text).exit_code == 2


def test_a_fault_in_own_files_is_told_as_an_override(good: str) -> None:
    assert faults(good, "data.train=12") == [
        "override: stages.0.data.0.files.0: input should be a valid string, got `12`",
        "override: stages.1.data.0.files.0: input should be a valid string, got `12`",
    ]
    assert "override: stages.0.data.0.lnag: unknown key; did you mean `lang`?" in faults(
        good, "data.train=a", "data.lnag=x"
    )


# -- defaults


def test_what_is_left_out_is_filled_from_the_family(good: str) -> None:
    stage = load(good).stages[0]
    assert {key: getattr(stage, key) for key in FAMILY_DEFAULTS["bert"]} == FAMILY_DEFAULTS["bert"]
    assert stage.steps is None


def test_what_is_given_is_kept(good: str) -> None:
    stage = load(good, ["stages.0.epochs=3", "stages.0.clip=0.5"]).stages[0]
    assert (stage.epochs, stage.clip) == (3, 0.5)


def test_steps_take_the_place_of_epochs(good: str) -> None:
    first, second = load(good, ["stages.0.steps=10"]).stages
    assert (first.steps, first.epochs) == (10, None)
    assert second.epochs == FAMILY_DEFAULTS["bert"]["epochs"]


def test_every_family_has_every_default() -> None:
    keys = FAMILY_DEFAULTS["pretrained"].keys()
    assert {family: defaults.keys() for family, defaults in FAMILY_DEFAULTS.items() if family not in WHOLE} == {
        "pretrained": keys, "bert": keys, "bilstm": keys, "rnn": keys, "transformer": keys,
    }  # fmt: skip
    assert all(not FAMILY_DEFAULTS[family] for family in WHOLE)  # trained by a library, which has its own


def test_a_resolved_recipe_is_a_recipe_that_resolves_to_itself(good: str, tmp_path: Path) -> None:
    recipe = load(good, ["stages.0.lr=2e-5", "about=12:30", "stages.1.steps=3", "options.types=[no, 'on', '12']"])
    text = to_yaml(recipe)
    assert "!!" not in text
    assert load(written(tmp_path, text)) == recipe


def test_loading_does_not_change_the_recipe_for_the_next(good: str) -> None:
    load(good, ["data.train=x", "seed=99", "stages.0.lr=1"])
    assert load(good).seed == 13
    assert load(good).stages[0].data[0].card == "samples_ner"


def test_an_unknown_task_in_an_override_is_not_blamed_on_line_0(good: str) -> None:
    with pytest.raises(InputError) as caught:
        load_recipe(good, ["task=nerr"])
    assert "override: task: no task is called `nerr`; did you mean `ner`?" in caught.value.message


def test_an_unknown_task_in_a_file_is_told_by_line(tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        load_recipe(written(tmp_path, GOOD.replace("task: ner", "task: nerr")))
    assert "line 2: task: no task is called `nerr`; did you mean `ner`?" in caught.value.message


@pytest.mark.parametrize(("arch", "size"), [("bert", 8000), ("rnn", 4000), ("transformer", 4000)])
def test_a_tokenizer_stands_in_place_of_a_vocabulary(tmp_path: Path, arch: str, size: int) -> None:
    def pieces(name: str, *keys: str) -> tuple[str | None, int | None]:
        scratch = load(name, [f"model.scratch.{key}" for key in keys]).model.scratch
        assert isinstance(scratch, BertScratch | RnnScratch | TransformerScratch)
        return scratch.tokenizer, scratch.vocabulary

    text = GOOD.replace("{arch: bert, hidden: 64}", f"{{arch: {arch}}}")
    plain = written(tmp_path, text)
    assert pieces(plain) == (None, size)
    assert pieces(plain, "tokenizer=pieces") == ("pieces", None)
    assert pieces(plain, "tokenizer=pieces", "tokenizer=null") == (None, size)
    resolved = tmp_path / "resolved.yaml"
    for keys in ([], ["model.scratch.tokenizer=pieces"]):
        resolved.write_text(to_yaml(load(plain, keys)), encoding="utf-8")
        assert load(str(resolved)) == load(plain, keys)
    both = f"{{arch: {arch}, vocabulary: 100, tokenizer: pieces}}"
    (found,) = faults(written(tmp_path, GOOD.replace("{arch: bert, hidden: 64}", both)))
    assert found.startswith("line 5: model.scratch: ")
    assert found.endswith("`tokenizer` brings its pieces, `vocabulary` has them learned: leave out one of them")
    (found,) = faults(plain, "model.scratch.vocabulary=100", "model.scratch.tokenizer=pieces")
    assert "leave out one of them" in found
    sized = written(tmp_path, text.replace(f"arch: {arch}", f"arch: {arch}, vocabulary: 100"))
    assert pieces(sized, "tokenizer=pieces") == ("pieces", None)
    named = written(tmp_path, text.replace(f"arch: {arch}", f"arch: {arch}, tokenizer: pieces"))
    assert pieces(named, "vocabulary=100") == (None, 100)
