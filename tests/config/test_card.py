"""Data cards: shipped ones read here and by huggingface_hub, faulty ones are refused by line."""

from __future__ import annotations

from pathlib import Path

import pytest

from nlpkit.config import card as cards
from nlpkit.config import places
from nlpkit.errors import InputError
from nlpkit.text.langcodes import parse

GOOD = """\
---
pretty_name: Names of the lake
language: [sw, luo]
license: cc-by-4.0
size_categories: [n<1K]
nlpkit:
  card: 1
  kind: tokens
  redistribute: true
  files:
    - url: https://example.org/lake/v1/train.conll
      path: train.conll
      sha256: "{sha}"
  splits:
    train: {{path: train.conll, rows: 12}}
  format: {{name: conll, columns: {{tag: 3}}}}
  text: {{lang: swh_Latn}}
---

# Names of the lake

A table | with
--- | ---
rules
""".format(sha="0a" * 32)  # fmt: skip


def written(tmp_path: Path, text: str, name: str = "lake.md") -> str:
    (tmp_path / name).write_text(text, encoding="utf-8")
    return str(tmp_path / name)


def refusal(tmp_path: Path, old: str, new: str) -> str:
    """The message for the good card with ``old`` replaced."""
    assert old in GOOD
    path = written(tmp_path, GOOD.replace(old, new))
    with pytest.raises(InputError) as caught:
        cards.load(path)
    assert caught.value.exit_code == 2
    assert "docs/reference/card.md" in caught.value.hint
    assert path in caught.value.message
    return caught.value.message


def line_of(text: str) -> int:
    return GOOD.split("\n").index(text) + 1


# -- shipped cards


@pytest.mark.parametrize("name", cards.names())
def test_a_shipped_card_reads(name: str) -> None:
    card = cards.load(name)
    assert card.name == name
    assert card.license
    assert "# " in card.prose
    lang = card.nlpkit.text.lang
    assert lang is None or parse(lang) == lang


@pytest.mark.parametrize("name", cards.names())
def test_a_shipped_card_reads_in_huggingface_hub_too(name: str) -> None:
    from huggingface_hub import DatasetCard

    theirs = DatasetCard.load(places.cards() / f"{name}.md")
    ours = cards.load(name)
    block = theirs.data.to_dict()["nlpkit"]
    assert cards.CardBlock.model_validate(block) == ours.nlpkit
    assert theirs.data.pretty_name == ours.pretty_name
    assert theirs.data.license == ours.license
    assert theirs.data.language == ours.language
    assert theirs.text.strip() == ours.prose


@pytest.mark.parametrize("name", cards.names())
def test_a_shipped_card_says_where_each_split_comes_from(name: str) -> None:
    block = cards.load(name).nlpkit
    if block.shipped:
        for split in block.splits.values():
            assert (places.samples() / split.path).is_file()
    else:
        fetched = {file.path for file in block.files}
        assert block.manual or {split.path for split in block.splits.values()} <= fetched


@pytest.mark.parametrize("name", cards.names())
def test_a_shipped_card_pins_what_it_downloads(name: str) -> None:
    for file in cards.load(name).nlpkit.files:
        assert file.sha256 or not any(branch in file.url for branch in ("/main/", "/master/", "/HEAD/"))


def test_a_noncommercial_licence_is_known_as_one() -> None:
    assert cards.load("masakhaner2_swa").noncommercial
    assert not cards.load("samples_ner").noncommercial


# -- reading


def test_a_card_file_is_named_by_its_path(tmp_path: Path) -> None:
    card = cards.load(written(tmp_path, GOOD))
    assert card.name == "lake"
    assert card.pretty_name == "Names of the lake"
    assert card.nlpkit.format.columns == {"tag": 3}
    assert card.nlpkit.splits["train"].rows == 12
    assert card.prose.startswith("# Names of the lake")
    assert card.prose.endswith("--- | ---\nrules")


def test_keys_of_the_hub_are_kept(tmp_path: Path) -> None:
    assert cards.load(written(tmp_path, GOOD)).model_dump()["size_categories"] == ["n<1K"]


def test_a_card_with_crlf_and_a_byte_order_mark_reads_the_same(tmp_path: Path) -> None:
    path = tmp_path / "lake.md"
    path.write_bytes(b"\xef\xbb\xbf" + GOOD.replace("\n", "\r\n").encode())
    assert cards.load(str(path)) == cards.load(written(tmp_path, GOOD, "other.md")).model_copy(update={"name": "lake"})


def test_a_value_may_end_in_dashes(tmp_path: Path) -> None:
    card = cards.load(written(tmp_path, GOOD.replace("Names of the lake", "Names of the lake ---", 1)))
    assert card.pretty_name == "Names of the lake ---"


def test_a_card_may_end_with_its_block(tmp_path: Path) -> None:
    assert cards.load(written(tmp_path, GOOD.partition("\n\n#")[0])).prose == ""


# -- faults


def test_a_misspelt_name_gets_the_nearest() -> None:
    with pytest.raises(InputError) as caught:
        cards.load("sampels_ner")
    assert caught.value.message == "no data card is called `sampels_ner`; did you mean `samples_ner`?"
    assert "nlpkit data list" in caught.value.hint


def test_a_missing_card_file_is_called_missing(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no card file"):
        cards.load(str(tmp_path / "none.md"))


@pytest.mark.parametrize("text", ["", "# Only prose\n", "pretty_name: x\n---\n", "---\npretty_name: x\n"])
def test_a_file_without_a_block_is_no_card(tmp_path: Path, text: str) -> None:
    with pytest.raises(InputError, match=r":1: a card begins with a block between two `---` lines"):
        cards.load(written(tmp_path, text))


def test_an_empty_block_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="keys are wanted here"):
        cards.load(written(tmp_path, "---\n---\n"))


def test_a_missing_licence_is_refused(tmp_path: Path) -> None:
    assert "license: is missing" in refusal(tmp_path, "license: cc-by-4.0\n", "")


def test_an_empty_licence_is_refused_by_line(tmp_path: Path) -> None:
    line = line_of("license: cc-by-4.0")
    assert f"line {line}: license: " in refusal(tmp_path, "license: cc-by-4.0", "license:")
    assert f"line {line}: license: " in refusal(tmp_path, "license: cc-by-4.0", 'license: ""')


def test_an_unknown_key_of_the_block_is_refused_by_line_with_the_nearest(tmp_path: Path) -> None:
    line = line_of("  redistribute: true")
    message = refusal(tmp_path, "redistribute:", "redistibute:")
    assert f"line {line}: nlpkit.redistibute: unknown key; did you mean `redistribute`?" in message
    assert "nlpkit.redistribute: is missing" in message


def test_an_unknown_key_of_a_split_is_refused_by_line(tmp_path: Path) -> None:
    line = line_of("    train: {path: train.conll, rows: 12}")
    assert f"line {line}: nlpkit.splits.train.row: unknown key; did you mean `rows`?" in refusal(
        tmp_path, "rows: 12", "row: 12"
    )


@pytest.mark.parametrize("path", ["../train.conll", "a/../../b", "/etc/passwd", "..", "a\\b"])
def test_a_path_that_leaves_the_folder_of_the_card_is_refused_by_line(tmp_path: Path, path: str) -> None:
    message = refusal(tmp_path, "train: {path: train.conll", f"train: {{path: '{path}'")
    line = line_of("    train: {path: train.conll, rows: 12}")
    assert f"line {line}: nlpkit.splits.train.path: `{path}` must stay inside the card's folder" in message
    message = refusal(tmp_path, "      path: train.conll", f"      path: '{path}'")
    assert f"line {line_of('      path: train.conll')}: nlpkit.files.0.path: " in message


@pytest.mark.parametrize("url", ["example.org/train.conll", "ftp://example.org/x", "file:///etc/passwd", "train.conll"])
def test_an_address_without_http_is_refused_by_line(tmp_path: Path, url: str) -> None:
    message = refusal(tmp_path, "https://example.org/lake/v1/train.conll", url)
    assert f"line {line_of('    - url: https://example.org/lake/v1/train.conll')}: nlpkit.files.0.url: " in message
    assert url in message


@pytest.mark.parametrize("sha", ["0A" * 32, "0a" * 31, "0a" * 33, "zz" * 32, "md5:" + "0a" * 16])
def test_a_bad_checksum_is_refused_by_line(tmp_path: Path, sha: str) -> None:
    message = refusal(tmp_path, "0a" * 32, sha)
    line = line_of("      path: train.conll") + 1
    assert f"line {line}: nlpkit.files.0.sha256: " in message


@pytest.mark.parametrize(
    ("old", "new", "place"),
    [("card: 1", "card: 2", "nlpkit.card"), ("kind: tokens", "kind: token", "nlpkit.kind"),
     ("name: conll,", "name: conl,", "nlpkit.format.name"), ("lang: swh_Latn", "lang: sw", "nlpkit.text.lang"),
     ("rows: 12", "rows: -1", "nlpkit.splits.train.rows"), ("language: [sw, luo]", "language: []", "language"),
     ("language: [sw, luo]", "language: sw", "language"), ("redistribute: true", "redistribute: 7", "nlpkit.redist"),
     ("nlpkit:\n  card: 1", "nlpkit: none\nother:\n  card: 1", "nlpkit")],
)  # fmt: skip
def test_a_wrong_value_is_refused_by_line(tmp_path: Path, old: str, new: str, place: str) -> None:
    line = GOOD[: GOOD.index(old)].count("\n") + 1
    assert f"line {line}: {place}" in refusal(tmp_path, old, new)


def test_a_card_without_splits_is_refused(tmp_path: Path) -> None:
    message = refusal(tmp_path, "  splits:\n    train: {path: train.conll, rows: 12}", "  splits: {}")
    assert f"line {line_of('  splits:')}: nlpkit.splits: " in message


def test_a_card_must_say_how_the_data_is_had(tmp_path: Path) -> None:
    files = GOOD[GOOD.index("  files:") : GOOD.index("  splits:")]
    assert "say how the data is had: `files`, `manual` or `shipped: true`" in refusal(tmp_path, files, "")
    by_hand = GOOD.replace(files, "  manual: ask the community\n")
    assert cards.load(written(tmp_path, by_hand)).nlpkit.manual == "ask the community"


def test_bad_yaml_in_a_card_names_the_line_of_the_file(tmp_path: Path) -> None:
    path = written(tmp_path, GOOD.replace("license: cc-by-4.0", "license: [cc-by"))
    with pytest.raises(InputError) as caught:
        cards.load(path)
    line = int(caught.value.message.removeprefix(f"{path}:").split(":")[0])
    assert line in (line_of("license: cc-by-4.0"), line_of("license: cc-by-4.0") + 1)


def test_a_repeated_key_in_a_card_names_both_lines_of_the_file(tmp_path: Path) -> None:
    path = written(tmp_path, GOOD.replace("language: [sw, luo]", "pretty_name: again\nlanguage: [sw, luo]"))
    with pytest.raises(InputError) as caught:
        cards.load(path)
    assert caught.value.message == f"{path}:3: key `pretty_name` stands twice, first on line 2"


def test_a_card_that_is_not_utf8_is_refused_by_line(tmp_path: Path) -> None:
    path = tmp_path / "lake.md"
    path.write_bytes(GOOD.replace("Names of the lake", "Café").encode("latin-1"))
    with pytest.raises(InputError) as caught:
        cards.load(str(path))
    assert caught.value.message.startswith(f"{path}:2: byte 0xE9 is not UTF-8")
