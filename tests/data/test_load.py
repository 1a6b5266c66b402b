"""From a source in a recipe to rows: files, cards, limits, hashes, notes."""

from __future__ import annotations

import gzip
import hashlib
from pathlib import Path

import pytest

from nlpkit.config.card import Card
from nlpkit.config.card import read as read_card
from nlpkit.config.recipe import Source
from nlpkit.data import load
from nlpkit.data.files import Problem, Strictly
from nlpkit.errors import InputError, NlpkitError

CONLL = "Rani B-PER\nanaimba O\n\nPwani B-LOC\n. O\n\n"
DIGEST = hashlib.sha256(CONLL.encode()).hexdigest()


def source(**keys: object) -> Source:
    return Source.model_validate(keys)


def test_rows_of_own_files_in_turn(tmp_path: Path) -> None:
    (tmp_path / "a.conll").write_text(CONLL)
    (tmp_path / "b.conll.gz").write_bytes(gzip.compress(CONLL.encode()))
    files = [str(tmp_path / "a.conll"), str(tmp_path / "b.conll.gz")]
    loaded = load.rows(source(files=files, lang="Swahili"))
    assert [row.tokens[0] for row in loaded.rows] == ["Rani", "Pwani"] * 2
    assert {row.lang for row in loaded.rows} == {"swh_Latn"}
    assert (loaded.scheme, loaded.mend, loaded.notes) == ("auto", False, [])
    assert (loaded.record["format"], loaded.record["rows"], loaded.record["tokens"]) == ("conll", 4, 8)
    assert loaded.record["sha256"] == {"a.conll": DIGEST, "b.conll.gz": DIGEST}


def test_two_files_of_one_name_are_both_recorded(tmp_path: Path) -> None:
    for folder in "ab":
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "train.conll").write_text(CONLL + f"{folder} O\n")
    files = [str(tmp_path / folder / "train.conll") for folder in "ab"]
    assert len(set(load.rows(source(files=files)).record["sha256"].values())) == 2


def test_a_limit_counts_rows_over_all_files(tmp_path: Path) -> None:
    (tmp_path / "a.conll").write_text(CONLL)
    loaded = load.rows(source(files=[str(tmp_path / "a.conll")] * 3, limit=3))
    assert [row.tokens[0] for row in loaded.rows] == ["Rani", "Pwani", "Rani"]


def test_a_gz_that_breaks_after_the_limit_is_an_error_one_can_read(tmp_path: Path) -> None:
    packed = gzip.compress("".join(f"w{n * n} O\n\n" for n in range(5000)).encode())
    (tmp_path / "a.conll.gz").write_bytes(packed[:-1000])
    with pytest.raises(NlpkitError, match="broken or cut off"):
        load.rows(source(files=[str(tmp_path / "a.conll.gz")], limit=1))


def test_rows_keep_their_own_language(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text('{"text": "a", "lang": "hau_Latn"}\n{"text": "b"}\n')
    loaded = load.rows(source(files=[str(tmp_path / "a.jsonl")], lang="sw"))
    assert [row.lang for row in loaded.rows] == ["hau_Latn", "swh_Latn"]


def test_columns_scheme_and_mend_are_those_of_the_source(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("1 Rani I-PER x\n2 wa I-PER x\n")
    keys = {"format": "conll", "columns": {"token": 1, "tag": 2}, "scheme": "iob1", "mend": True}
    loaded = load.rows(source(files=[str(tmp_path / "a.txt")], **keys))
    assert (loaded.rows[0].tokens, loaded.rows[0].tags) == (("Rani", "wa"), ("I-PER", "I-PER"))
    assert (loaded.scheme, loaded.mend) == ("iob1", True)
    assert loaded.record["columns"] == {"token": 1, "tag": 2}


def test_warnings_become_notes(tmp_path: Path) -> None:
    (tmp_path / "a.conll").write_bytes(CONLL.replace("\n", "\r\n").encode())
    (note,) = load.rows(source(files=[str(tmp_path / "a.conll")])).notes
    assert "a.conll:1: line ends in CR LF (and 5 more)" in note


def test_a_report_of_ones_own_gets_the_problems(tmp_path: Path) -> None:
    (tmp_path / "a.conll").write_text("Rani O\nbad\n. O\n")
    problems: list[Problem] = []
    loaded = load.rows(source(files=[str(tmp_path / "a.conll")]), report=problems.append)
    assert loaded.rows[0].tokens == ("Rani", ".")
    assert [problem.line for problem in problems] == [2]


@pytest.mark.parametrize(
    ("content", "name", "what"),
    [
        ("", "a.conll", "no rows in"),
        ("\n\n", "a.conll", "no rows in"),
        ("Rani O\nbad\n", "a.conll", "a.conll:2: 1 column"),
        ("Rani O\n", "a.txt", "looks like raw text"),
        ("[]\n", "a.jsonl", "a.jsonl:1: not a JSON object"),
    ],
)
def test_bad_files_are_refused(tmp_path: Path, content: str, name: str, what: str) -> None:
    (tmp_path / name).write_text(content)
    with pytest.raises(InputError, match=what):
        load.rows(source(files=[str(tmp_path / name)]))


def test_files_that_are_not_there_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no file"):
        load.rows(source(files=[str(tmp_path / "none.conll")]))
    with pytest.raises(InputError, match="is a folder"):
        load.rows(source(files=[str(tmp_path)]))
    with pytest.raises(InputError, match="names no file"):
        load.rows(source(files=[]))


def test_a_source_cannot_be_stdin() -> None:
    """It is read twice: for its rows and for its hash."""
    with pytest.raises(InputError, match="stdin"):
        load.rows(source(files=["-"]))


CARD = """\
---
pretty_name: Toy
language: [sw]
license: {license}
nlpkit:
  card: 1
  kind: tokens
  redistribute: true
  {way}
  splits:
    train: {{path: sub/train.txt, sha256: "{digest}"}}
    test: {{path: test.txt.gz}}
  format: {{name: conll, columns: {{token: 1, tag: 2}}}}
  labels: {{scheme: iob2, types: [PER, LOC]}}
  text: {{lang: swh_Latn}}
---

# Toy
"""
ROWS = "1 Rani B-PER\n2 anaimba O\n\n"


def card(
    tmp_path: Path, way: str = "manual: write to the authors", license: str = "cc0-1.0", content: str = ROWS
) -> tuple[str, Card]:
    path = tmp_path / "toy.md"
    path.write_text(CARD.format(way=way, license=license, digest=hashlib.sha256(content.encode()).hexdigest()))
    return str(path), read_card(path)


def put(path: Path, content: str | bytes = ROWS) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


@pytest.mark.parametrize("folder", ["toy", "ner/toy"])
@pytest.mark.parametrize("name", ["sub/train.txt", "sub/train.txt.gz"])
def test_a_split_is_found_in_the_data_folder(tmp_path: Path, folder: str, name: str) -> None:
    _, toy = card(tmp_path)
    path = put(tmp_path / "data" / folder / name)
    assert load.find(toy, "train", tmp_path / "data") == path


def test_a_split_named_gz_may_be_unpacked(tmp_path: Path) -> None:
    _, toy = card(tmp_path)
    path = put(tmp_path / "data" / "toy" / "test.txt")
    assert load.find(toy, "test", tmp_path / "data") == path


def test_folders_are_searched_in_their_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _, toy = card(tmp_path)
    cached = put(tmp_path / "cache" / "data" / "toy" / "sub/train.txt")
    assert load.find(toy, "train") == cached
    named = put(tmp_path / "two" / "toy" / "sub/train.txt")
    monkeypatch.setenv("NLPKIT_DATA_DIR", f"{tmp_path / 'one'}:{tmp_path / 'two'}")
    assert load.find(toy, "train") == named
    given = put(tmp_path / "given" / "toy" / "sub/train.txt")
    assert load.find(toy, "train", tmp_path / "given") == given


@pytest.mark.parametrize(
    ("way", "hint"),
    [("manual: write to the authors", "write to the authors"),
     ("files: [{url: 'http://127.0.0.1/x', path: x}]", "nlpkit data fetch toy")],
)  # fmt: skip
def test_data_that_is_not_here_says_how_it_is_had(tmp_path: Path, way: str, hint: str) -> None:
    name, _ = card(tmp_path, way)
    with pytest.raises(InputError, match="is not on this machine") as caught:
        load.rows(source(card=name), tmp_path / "data")
    assert hint in caught.value.hint
    assert str(tmp_path / "data" / "toy") in caught.value.message


def test_an_unknown_split_is_named(tmp_path: Path) -> None:
    name, _ = card(tmp_path)
    with pytest.raises(InputError, match="no split `dev`") as caught:
        load.rows(source(card=name, split="dev"))
    assert caught.value.hint == "it has `train`, `test`"


def test_rows_of_a_card_are_read_as_the_card_says(tmp_path: Path) -> None:
    name, _ = card(tmp_path)
    put(tmp_path / "data/toy/sub/train.txt.gz", gzip.compress(ROWS.encode()))
    loaded = load.rows(source(card=name), tmp_path / "data")
    assert [(row.tokens, row.tags, row.lang) for row in loaded.rows] == [
        (("Rani", "anaimba"), ("B-PER", "O"), "swh_Latn")
    ]
    assert (loaded.scheme, loaded.notes) == ("iob2", [])
    assert {key: loaded.record[key] for key in ("split", "licence", "redistribute")} == {
        "split": "train", "licence": "cc0-1.0", "redistribute": True,
    }  # fmt: skip


def test_the_source_may_differ_from_its_card(tmp_path: Path) -> None:
    name, _ = card(tmp_path)
    put(tmp_path / "data/toy/sub/train.txt")
    loaded = load.rows(source(card=name, columns={"tag": 0}, scheme="iob1", lang="hau_Latn"), tmp_path / "data")
    assert (loaded.rows[0].tokens, loaded.rows[0].tags) == (("Rani", "anaimba"), ("1", "2"))
    assert (loaded.rows[0].lang, loaded.scheme) == ("hau_Latn", "iob1")


def test_other_content_than_the_cards_is_noted(tmp_path: Path) -> None:
    name, _ = card(tmp_path)
    put(tmp_path / "data/toy/sub/train.txt", ROWS + "1 x O\n\n")
    (note,) = load.rows(source(card=name), tmp_path / "data").notes
    assert "is not the version that card `toy` describes" in note


def test_a_licence_against_commercial_use_is_noted(tmp_path: Path) -> None:
    name, _ = card(tmp_path, license="cc-by-nc-4.0")
    put(tmp_path / "data/toy/sub/train.txt")
    (note,) = load.rows(source(card=name), tmp_path / "data").notes
    assert "not for commercial use" in note


def test_the_shipped_samples_load_without_a_network_and_are_those_of_their_card() -> None:
    for split in ("train", "dev", "test"):
        loaded = load.rows(source(card="samples_ner", split=split))
        from nlpkit.config.card import load as load_card

        assert loaded.notes == []
        assert len(loaded.rows) == load_card("samples_ner").nlpkit.splits[split].rows
        assert all(row.lang for row in loaded.rows)


def test_each_real_data_set_loads_as_its_card_says(shared: Path) -> None:
    """Dev splits only: all of them are read in seconds."""
    from nlpkit.config import card as cards

    for name in cards.names():
        block = cards.load(name).nlpkit
        if block.shipped or block.kind != "tokens" or "dev" not in block.splits:
            continue
        loaded = load.rows(source(card=name, split="dev"), shared, Strictly())
        assert len(loaded.rows) == block.splits["dev"].rows
        assert not any("is not the version" in note for note in loaded.notes)
