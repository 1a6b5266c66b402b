"""From a source in a recipe to pairs: languages, chosen rows, files in parts, cards."""

from __future__ import annotations

import gzip
import hashlib
from pathlib import Path

import pytest

from nlpkit.config import card as cards
from nlpkit.config.recipe import Source
from nlpkit.data import load
from nlpkit.data.files import Strictly
from nlpkit.data.rows import PairRow
from nlpkit.errors import InputError

TABLE = "src\ttgt\tsrc_lang\tfrom\nHello\tHabari\teng\ta\nYes\tNdiyo\t\tb\n"


def pairs(folder: Path, content: str = TABLE, name: str = "a.tsv", **more: object) -> load.Loaded:
    (folder / name).write_text(content, encoding="utf-8")
    return load.rows(Source.model_validate({"files": [str(folder / name)], **more}), kind="pairs")


def refusal(folder: Path, content: str = TABLE, name: str = "a.tsv", **more: object) -> InputError:
    with pytest.raises(InputError) as caught:
        pairs(folder, content, name, **more)
    return caught.value


def langs(loaded: load.Loaded) -> list[tuple[str, str]]:
    return [(row.lang, row.target_lang) for row in loaded.rows]


def test_languages_of_the_source_stand_in_for_those_that_rows_lack(tmp_path: Path) -> None:
    assert langs(pairs(tmp_path)) == [("eng", ""), ("", "")]
    assert langs(pairs(tmp_path, lang="deu", target_lang="hin-eng")) == [("eng", "hin-eng"), ("deu", "hin-eng")]
    loaded = pairs(tmp_path, lang="Swahili", target_lang="en")
    assert langs(loaded)[1] == ("swh_Latn", "eng_Latn")
    assert loaded.record["target_lang"] == "en"
    assert refusal(tmp_path, target_lang="nosuch").message == "`nosuch` is no language code"


def test_rows_are_chosen_by_columns_and_languages(tmp_path: Path) -> None:
    assert [row.text for row in pairs(tmp_path, where={"from": ["b"]}).rows] == ["Yes"]
    assert [row.text for row in pairs(tmp_path, where={"src_lang": ["eng"]}).rows] == ["Hello"]
    assert [row.text for row in pairs(tmp_path, lang="swh", where={"src_lang": ["swh"]}).rows] == ["Yes"]
    assert [row.text for row in pairs(tmp_path, limit=1).rows] == ["Hello"]
    assert [row.text for row in pairs(tmp_path, skip=1).rows] == ["Yes"]
    assert "no rows" in refusal(tmp_path, skip=1, where={"from": ["a"]}).message  # skipped before `where` chooses
    assert "did you mean `from`" in refusal(tmp_path, where={"form": ["b"]}).message


@pytest.mark.parametrize("more", [{"rename": {"a": "b"}}, {"label": "x"}, {"without": "from"}])
def test_what_is_for_labels_is_refused(tmp_path: Path, more: dict[str, object]) -> None:
    assert refusal(tmp_path, **more).message == "`rename`, `label` and `without` are not for pairs"


@pytest.mark.parametrize("more", [{"transforms": [{"filter": {"shortest": 1}}]}, {"target_lang": "eng"}])
def test_what_is_for_pairs_is_refused_elsewhere(tmp_path: Path, more: dict[str, object]) -> None:
    (tmp_path / "a.tsv").write_text("text\tlabel\na\tb\n")
    source = Source.model_validate({"files": [str(tmp_path / "a.tsv")], **more})
    with pytest.raises(InputError, match="`transforms` and `target_lang` are for pairs"):
        load.rows(source, kind="texts")


def test_transforms_are_recorded_and_left_to_training(tmp_path: Path) -> None:
    loaded = pairs(tmp_path, transforms=[{"filter": {"shortest": 5}}])
    assert len(loaded.rows) == 2
    assert loaded.record["transforms"] == [{"filter": {"shortest": 5}}]


def test_pairs_without_a_target_are_told_apart(tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        load.require_tags(pairs(tmp_path, "src\tother\nHello\tHabari\n").rows, "train")
    assert caught.value.message == "the train rows have no targets"
    assert caught.value.hint.startswith(
        "is the target in another column? --column tgt=NAME, in a recipe data.columns.tgt"
    )
    with pytest.raises(InputError) as caught:
        load.require_tags(pairs(tmp_path, "src\ttgt\nHello\tHabari\nYes\t\n").rows, "dev")
    assert caught.value.message == "row 2 of the dev rows (line 3) has no target, others have"
    assert "filter: {shortest: 1}" in caught.value.hint
    load.require_tags(pairs(tmp_path).rows, "train")


def test_raw_text_is_taken_where_it_is_meant(tmp_path: Path) -> None:
    assert refusal(tmp_path, "Hello\n", "a.txt").message.endswith("looks like raw text, which has no targets")
    (row,) = pairs(tmp_path, "Hello\n", "a.txt", format="text").rows
    assert (row.text, row.target) == ("Hello", None)


@pytest.mark.parametrize(("name", "pack"), [("t.{en,yo}", bytes), ("t.{en,yo}.gz", gzip.compress)])
def test_files_in_parts_are_each_recorded(tmp_path: Path, name: str, pack: type) -> None:
    for part, text in (("en", "Hello\n"), ("yo", "Bawo\n")):
        (tmp_path / name.replace("{en,yo}", part)).write_bytes(pack(text.encode()))
    loaded = load.rows(Source.model_validate({"files": [str(tmp_path / name)], "lang": "deu"}), kind="pairs")
    assert loaded.rows == [PairRow("1", "Hello", "Bawo", "eng_Latn", "yor_Latn", {}, 1)]
    assert loaded.record["format"] == "moses"
    assert loaded.record["sha256"] == {
        name.replace("{en,yo}", part): hashlib.sha256(text).hexdigest()
        for part, text in (("en", b"Hello\n"), ("yo", b"Bawo\n"))
    }


def test_a_part_that_is_not_there_is_named(tmp_path: Path) -> None:
    (tmp_path / "t.en").write_text("Hello\n")
    with pytest.raises(InputError, match=r"no file `.*t\.yo`"):
        load.rows(Source.model_validate({"files": [str(tmp_path / "t.{en,yo}")]}), kind="pairs")


CARD = """\
---
pretty_name: Toy
language: [en, sw]
license: cc0-1.0
nlpkit:
  card: 1
  kind: {kind}
  redistribute: true
  manual: write it
  splits:
    train: {{path: "sub/train.{{xx,yy}}"}}
  format: {{name: moses}}
  text: {{lang: {lang}, target_lang: {target_lang}}}
---

# Toy
"""


def card(folder: Path, kind: str = "pairs", lang: str = "eng", target_lang: str = "hin-eng") -> str:
    (folder / "toy.md").write_text(CARD.format(kind=kind, lang=lang, target_lang=target_lang))
    return str(folder / "toy.md")


@pytest.mark.parametrize("pack", ["", ".gz"])
def test_a_card_may_name_files_in_parts_and_both_languages(tmp_path: Path, pack: str) -> None:
    name = card(tmp_path)
    folder = tmp_path / "data" / "toy" / "sub"
    folder.mkdir(parents=True)
    source = Source.model_validate({"card": name})
    (folder / f"train.xx{pack}").write_bytes(gzip.compress(b"Hello\n") if pack else b"Hello\n")
    with pytest.raises(InputError, match="is not on this machine"):
        load.rows(source, tmp_path / "data", kind="pairs")
    (folder / f"train.yy{pack}").write_bytes(gzip.compress(b"Hello ji\n") if pack else b"Hello ji\n")
    loaded = load.rows(source, tmp_path / "data", kind="pairs")
    assert [(row.text, row.target, row.lang, row.target_lang) for row in loaded.rows] == [
        ("Hello", "Hello ji", "eng", "hin-eng")
    ]
    with pytest.raises(InputError, match="holds pairs, texts are wanted"):
        load.rows(source, tmp_path / "data", kind="texts")


@pytest.mark.parametrize(
    ("keys", "told"),
    [
        ({"kind": "texts", "lang": "eng_Latn"}, "text.target_lang is for pairs"),
        ({"kind": "texts", "lang": "eng", "target_lang": "null"}, "text.lang: `eng` has no script"),
        ({"target_lang": "english"}, "nlpkit.text.target_lang"),
        ({"lang": "en"}, "nlpkit.text.lang"),
    ],
)
def test_languages_of_a_card_are_codes(tmp_path: Path, keys: dict[str, str], told: str) -> None:
    with pytest.raises(InputError, match=r"toy\.md") as caught:
        cards.load(card(tmp_path, **keys))
    assert told in caught.value.message


def test_each_real_data_set_loads_as_its_card_says(shared: Path) -> None:
    found = 0
    for name in cards.names():
        block = cards.load(name).nlpkit
        if block.kind != "pairs" or block.shipped:
            continue
        for split, facts in block.splits.items():
            try:
                load.find(cards.load(name), split, shared)
            except InputError:
                continue
            source = Source.model_validate({"card": name, "split": split})
            loaded = load.rows(source, shared, Strictly(), kind="pairs")
            load.require_tags(loaded.rows, split)
            assert len(loaded.rows) == facts.rows
            assert all(row.lang for row in loaded.rows)
            assert not any("is not the version" in note for note in loaded.notes)
            found += 1
    if not found:
        pytest.skip("no real pairs are here")


def test_a_file_is_found_below_a_folder_of_data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    inside = tmp_path / "data" / "translate" / "words.tsv"
    inside.parent.mkdir(parents=True)
    inside.touch()
    (tmp_path / "here.tsv").touch()
    assert load.located("words.tsv", tmp_path / "data") == str(inside)
    assert load.located("here.tsv", tmp_path / "data") == "here.tsv"
    assert load.located("nowhere.tsv", tmp_path / "data") == "nowhere.tsv"  # and is told where it is opened
    assert load.located(str(tmp_path / "nowhere.tsv"), tmp_path / "data") == str(tmp_path / "nowhere.tsv")
