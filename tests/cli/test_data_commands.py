"""nlpkit data: list, show, fetch, check, stats, convert."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from nlpkit.config import card as cards
from nlpkit.config import places

Cli = Callable[..., Any]
IOB2 = [
    [("Amina", "B-PER"), ("Otieno", "I-PER"), ("Juma", "B-PER"), ("left", "O"), ("Dar", "B-LOC"), ("es", "I-LOC")],
    [("Kisumu", "B-LOC"), ("🙂", "O"), ("Otieno", "B-PER")],
    [("nothing", "O"), ("here", "O")],
]


def conll(rows: list[list[tuple[str, str]]]) -> str:
    return "".join("".join(f"{word}\t{tag}\n" for word, tag in row) + "\n" for row in rows)


def parsed(text: str) -> list[list[tuple[str, str]]]:
    """The rows of CoNLL text, without nlpkit's help."""
    blocks = [block for block in text.split("\n\n") if block]
    return [[tuple(line.split()) for line in block.split("\n")] for block in blocks]  # type: ignore[misc]


@pytest.fixture
def good(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.chdir(tmp_path)
    Path("good.conll").write_text(conll(IOB2), encoding="utf-8")
    return "good.conll"


def written(name: str, text: str) -> str:
    Path(name).write_text(text, encoding="utf-8")
    return name


# -- check


def test_a_good_file_has_exit_code_0(cli: Cli, good: str) -> None:
    result = cli("data", "check", good)
    assert (result.code, result.err) == (0, "")
    assert result.out == "good.conll: 3 rows, 11 tokens, 0 errors, 0 warnings\n"


def test_warnings_alone_leave_exit_code_0(cli: Cli, good: str) -> None:
    written("odd.conll", "Juma\tI-PER\nwent\tO\n \nAmina\tB-PER\n\nKisumu\tB-LOC\n\n")
    result = cli("data", "check", "odd.conll")
    assert result.code == 0
    assert "odd.conll:1: warning: `I-PER` after `O` opens an entity without B-" in result.out
    assert "odd.conll:3: warning: a separator line that holds blanks" in result.out
    assert result.out.rstrip().endswith("0 errors, 2 warnings")


def test_errors_are_told_by_line_with_a_fix_and_exit_code_1(cli: Cli, good: str) -> None:
    written("bad.conll", "Juma\tB-PER\nwent\n\nAmina\tX-PER\n\n")
    result = cli("data", "check", "bad.conll")
    assert result.code == 1
    assert (
        "bad.conll:2: error: 1 column, 2 expected (cut at tabs)  [give every token line the same columns]" in result.out
    )
    assert "bad.conll:4: error: `X-PER` is no IOB2 tag" in result.out
    assert result.err.startswith("error: ")


def test_one_bad_file_among_good_ones_is_exit_code_1(cli: Cli, good: str) -> None:
    written("bad.conll", "Juma\tB-PER\nwent\n\n")
    result = cli("data", "check", good, "bad.conll", good)
    assert result.code == 1
    assert result.out.count("good.conll: 3 rows") == 2


def test_check_reads_stdin(cli: Cli) -> None:
    assert cli("data", "check", "-", stdin=conll(IOB2).encode()).code == 0
    result = cli("data", "check", "-", stdin=b"Juma\tB-PER\nwent\n\n")
    assert result.code == 1
    assert "<stdin>:2: error: " in result.out


def test_many_problems_of_a_kind_are_shortened_unless_asked(cli: Cli, good: str) -> None:
    written("bad.conll", "Juma\tB-PER\n" * 20 + "went\n" * 9 + "\n")
    short = cli("data", "check", "bad.conll")
    assert short.out.count(": error: 1 column") == 5
    assert "bad.conll: 4 more of `columns` (--all shows them)" in short.out
    everything = cli("data", "check", "bad.conll", "--all")
    assert everything.out.count(": error: 1 column") == 9
    assert "more of" not in everything.out


def test_check_json_names_every_problem(cli: Cli, good: str) -> None:
    written("bad.conll", "Juma\tB-PER\nwent\n\n")
    result = cli("data", "check", good, "bad.conll", "--json")
    assert result.code == 1
    first, second = json.loads(result.out)
    keys = {"path", "format", "rows", "tokens", "scheme", "labels", "langs", "errors", "warnings", "problems"}
    assert keys <= first.keys()
    assert (first["path"], first["rows"], first["tokens"], first["scheme"], first["errors"]) == (good, 3, 11, "iob2", 0)
    assert first["labels"] == {"PER": 3, "LOC": 2}
    assert second["errors"] == len(second["problems"]) - second["warnings"] > 0
    assert {"path", "line", "code", "what", "fix", "warning"} <= second["problems"][0].keys()
    assert second["problems"][0]["line"] == 2


def test_check_of_a_card_checks_every_split(cli: Cli) -> None:
    result = cli("data", "check", "samples_ner", "--json")
    assert result.code == 0
    found = json.loads(result.out)
    assert [Path(entry["path"]).name for entry in found] == ["train.conllu", "dev.conllu", "test.conllu"]
    assert [entry["rows"] for entry in found] == [
        split.rows for split in cards.load("samples_ner").nlpkit.splits.values()
    ]


def test_a_card_of_ones_own_is_checked_by_its_path(cli: Cli, good: str) -> None:
    text = (places.cards() / "samples_ner.md").read_text(encoding="utf-8")
    text = text.replace("  shipped: true\n", "  manual: write it yourself\n")
    text = text.replace("train.conllu", "good.conll").replace("dev.conllu", "good.conll")
    text = text.replace("test.conllu", "good.conll").replace('conllu, columns: {tag: "misc:NER"}', "conll")
    written("mine.md", text)
    Path("mine").mkdir()
    Path("good.conll").rename("mine/good.conll")
    result = cli("data", "check", "mine.md", "--data-dir", ".", "--json")
    assert result.code == 0, result.err
    assert [entry["rows"] for entry in json.loads(result.out)] == [3, 3, 3]


def test_the_tag_may_stand_in_another_column(cli: Cli, good: str) -> None:
    written("wide.conll", "Juma\tB-PER\tx\nwent\tO\ty\n\n")
    assert json.loads(cli("data", "check", "wide.conll", "--column", "tag=1", "--json").out)[0]["labels"] == {"PER": 1}
    assert json.loads(cli("data", "check", "wide.conll", "--column", "tag=-2", "--json").out)[0]["labels"] == {"PER": 1}


# -- stats


def test_stats_count_rows_tokens_and_labels(cli: Cli, good: str) -> None:
    result = cli("data", "stats", good)
    assert (result.code, result.err) == (0, "")
    lines = result.out.splitlines()
    assert lines[0] == "good.conll: 3 rows, 11 tokens, 3.7 a row, IOB2"
    assert [line.split() for line in lines[1:]] == [["PER", "3"], ["LOC", "2"]]


def test_stats_of_a_card_count_languages(cli: Cli) -> None:
    found = json.loads(cli("data", "stats", "samples_ner", "--json").out)
    assert found[0]["langs"]["swh_Latn"] == 28
    assert sum(found[0]["langs"].values()) == found[0]["rows"]
    assert "problems" not in found[0]
    assert "swh_Latn" in cli("data", "stats", "samples_ner").out


def test_stats_say_that_a_file_has_errors(cli: Cli, good: str) -> None:
    written("bad.conll", "Juma\tB-PER\nwent\n\n")
    result = cli("data", "stats", "bad.conll")
    assert "note: 1 error: nlpkit data check bad.conll" in result.err


# -- convert


@pytest.mark.parametrize(("first", "second"), [*itertools.permutations(["iob1", "iob2", "iobes", "bilou"], 2)])
def test_a_scheme_converts_to_another_and_back(cli: Cli, good: str, first: str, second: str) -> None:
    text = conll(IOB2).encode()
    for scheme in (first, second, "iob2"):
        result = cli("data", "convert", "-", "--to", "conll", "--scheme", scheme, stdin=text)
        assert (result.code, result.err) == (0, "")
        assert [[word for word, _ in row] for row in parsed(result.out)] == [[word for word, _ in row] for row in IOB2]
        text = result.out.encode()
    assert parsed(text.decode()) == IOB2


@pytest.mark.parametrize(
    ("scheme", "tags"),
    [
        ("iob1", ["I-PER", "I-PER", "B-PER", "O", "I-LOC", "I-LOC"]),
        ("iobes", ["B-PER", "E-PER", "S-PER", "O", "B-LOC", "E-LOC"]),
        ("bilou", ["B-PER", "L-PER", "U-PER", "O", "B-LOC", "L-LOC"]),
    ],
)
def test_a_scheme_is_written_as_it_is_defined(cli: Cli, good: str, scheme: str, tags: list[str]) -> None:
    result = cli("data", "convert", good, "--to", "conll", "--scheme", scheme)
    assert [tag for _, tag in parsed(result.out)[0]] == tags


def test_without_a_scheme_iob2_is_written(cli: Cli, good: str) -> None:
    iobes = cli("data", "convert", good, "--to", "conll", "--scheme", "iobes").out
    assert parsed(cli("data", "convert", "-", "--to", "conll", stdin=iobes.encode()).out) == IOB2


@pytest.mark.parametrize("fmt", ["conll", "conllu", "jsonl", "tsv"])
def test_a_format_converts_to_another_and_back(cli: Cli, good: str, fmt: str) -> None:
    there = cli("data", "convert", good, "--to", fmt)
    assert (there.code, there.err) == (0, "")
    more = ["--column", "tag=misc:NER"] if fmt == "conllu" else []
    back = cli("data", "convert", "-", "--from", fmt, "--to", "conll", *more, stdin=there.out.encode())
    assert back.code == 0
    assert parsed(back.out) == IOB2


def test_offsets_are_right_in_converted_jsonl(cli: Cli, good: str) -> None:
    rows = [json.loads(line) for line in cli("data", "convert", good, "--to", "jsonl").out.splitlines()]
    assert [row["tokens"] for row in rows] == [[word for word, _ in row] for row in IOB2]
    for row in rows:
        assert [row["text"][start:end] for start, end in row["offsets"]] == row["tokens"]
        assert [row["text"][e["start"] : e["end"]] for e in row["entities"]] == [e["text"] for e in row["entities"]]
    assert rows[1]["entities"][1]["text"] == "Otieno"


def test_entity_tags_never_overwrite_the_parts_of_speech_of_conllu(cli: Cli) -> None:
    source = places.samples() / "dev.conllu"
    same = cli("data", "convert", str(source), "--column", "tag=misc:NER", "--to", "conllu")
    assert same.out == source.read_text(encoding="utf-8")
    other = cli("data", "convert", str(source), "--column", "tag=misc:NER", "--to", "conllu", "--scheme", "iobes")
    tokens = [line.split("\t") for line in other.out.splitlines() if line[:1].isdigit()]
    assert {fields[3] for fields in tokens} >= {"NOUN", "PROPN"}
    assert not any("-" in fields[3] for fields in tokens)
    assert any("NER=S-" in fields[9] for fields in tokens)


def test_entity_tags_from_elsewhere_stand_in_misc(cli: Cli, good: str) -> None:
    out = cli("data", "convert", good, "--to", "conllu").out
    first = next(line for line in out.splitlines() if line.startswith("1\t"))
    assert first == "1\tAmina\t_\t_\t_\t_\t_\t_\t_\tNER=B-PER"


def test_parts_of_speech_are_no_spans_and_stand_in_upos(cli: Cli) -> None:
    out = cli("data", "convert", "-", "--to", "conllu", stdin=b"Juma\tPROPN\nwent\tVERB\n\n").out
    assert [line.split("\t")[3] for line in out.splitlines() if line[:1].isdigit()] == ["PROPN", "VERB"]


def test_a_row_without_tags_among_tagged_ones_stays_without(cli: Cli) -> None:
    rows = b'{"tokens": ["Juma", "went"], "tags": ["B-PER", "O"]}\n{"tokens": ["he", "sat"]}\n'
    result = cli("data", "convert", "-", "--from", "jsonl", "--to", "jsonl", "--scheme", "iobes", stdin=rows)
    assert result.code == 0, result.err
    first, second = (json.loads(line) for line in result.out.splitlines())
    assert first["tags"] == ["S-PER", "O"]
    assert "tags" not in second
    assert second["tokens"] == ["he", "sat"]


def test_mend_turns_an_opening_i_into_b(cli: Cli) -> None:
    text = conll([[("Juma", "I-PER"), ("Otieno", "I-PER"), ("x", "O")], *IOB2]).encode()
    kept = parsed(cli("data", "convert", "-", "--to", "conll", stdin=text).out)
    assert kept[0][0] == ("Juma", "I-PER")
    mended = parsed(cli("data", "convert", "-", "--to", "conll", "--mend", stdin=text).out)
    assert mended[0] == [("Juma", "B-PER"), ("Otieno", "I-PER"), ("x", "O")]
    assert mended[1:] == IOB2


def test_raw_text_is_cut_into_words_line_by_line(cli: Cli) -> None:
    result = cli("data", "convert", "-", "--from", "text", "--to", "jsonl", stdin="Juma went.\n\nपुणे\n".encode())
    assert [json.loads(line)["tokens"] for line in result.out.splitlines()] == [["Juma", "went", "."], [], ["पुणे"]]


def test_what_a_format_cannot_hold_is_an_error_with_a_way_out(cli: Cli) -> None:
    rows = b'{"tokens": ["Dar es Salaam"], "tags": ["B-LOC"]}\n'
    result = cli("data", "convert", "-", "--from", "jsonl", "--to", "tsv", stdin=rows)
    assert result.code == 2
    assert "Dar es Salaam" in result.err
    assert "hint: use --to jsonl" in result.err


def test_notes_of_a_conversion_go_to_stderr(cli: Cli) -> None:
    result = cli("data", "convert", "-", "--to", "conll", stdin=b"Juma\tB-PER\r\n\r\n")
    assert parsed(result.out) == [[("Juma", "B-PER")]]
    assert result.err.startswith("note: <stdin>:1: line ends in CR LF")


# -- cards


def test_list_names_every_card_and_what_is_here(cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = {entry["name"]: entry for entry in json.loads(cli("data", "list", "--json").out)}
    assert sorted(found) == cards.names()
    assert found["samples_ner"] == {
        "name": "samples_ner", "kind": "tokens", "license": "cc0-1.0", "here": True,
        "language": cards.load("samples_ner").language, "about": "nlpkit sample corpus, entities",
    }  # fmt: skip
    assert found["wnut17_en"]["here"] is False
    (tmp_path / "wnut17_en").mkdir()
    (tmp_path / "wnut17_en" / "train.conll").write_text(conll(IOB2), encoding="utf-8")
    again = json.loads(cli("data", "list", "--json", "--data-dir", str(tmp_path)).out)
    assert {entry["name"] for entry in again if entry["here"]} == {
        "samples_classify", "samples_g2p", "samples_langid", "samples_ner", "samples_pos", "samples_translate",
        "wnut17_en",
    }  # fmt: skip
    monkeypatch.setenv("NLPKIT_DATA_DIR", str(tmp_path))
    assert json.loads(cli("data", "list", "--json").out) == again


def test_list_is_a_table(cli: Cli) -> None:
    head, *lines = cli("data", "list").out.splitlines()
    assert head.split() == ["name", "kind", "languages", "licence", "here", "about"]
    assert [line.split()[0] for line in lines] == cards.names()


def test_show_says_licence_splits_and_source(cli: Cli) -> None:
    out = cli("data", "show", "masakhaner2_swa").out
    card = cards.load("masakhaner2_swa")
    assert out.startswith("masakhaner2_swa: MasakhaNER 2.0 Swahili\n")
    assert "cc-by-nc-4.0" in out
    assert "not for commercial use" in out
    assert "DATE, LOC, ORG, PER" in out
    assert "6593" in out
    assert card.nlpkit.files[0].url in out
    assert "## Citation" in out


def test_show_json_is_the_card(cli: Cli) -> None:
    data = json.loads(cli("data", "show", "wnut17_en", "--json").out)
    assert data["license"] == "cc-by-4.0"
    assert cards.CardBlock.model_validate(data["nlpkit"]) == cards.load("wnut17_en").nlpkit


def test_show_reads_a_card_by_its_path(cli: Cli, tmp_path: Path) -> None:
    path = tmp_path / "mine.md"
    path.write_text((places.cards() / "samples_ner.md").read_text(encoding="utf-8"), encoding="utf-8")
    assert cli("data", "show", str(path)).out.startswith("mine: nlpkit sample corpus, entities\n")


def test_fetching_what_ships_needs_no_network(cli: Cli) -> None:
    result = cli("data", "fetch", "samples_ner")
    assert result.code == 0
    assert Path(result.out.strip()) == places.samples()
    assert "licence: cc0-1.0" in result.err
    assert cli("data", "fetch", "samples_ner", "--quiet").err == ""


def test_an_unpinned_file_is_not_fetched_without_consent(cli: Cli, tmp_path: Path) -> None:
    result = cli("data", "fetch", "masakhaner2_swa", "--to", str(tmp_path / "data"))
    assert result.code == 2
    assert result.out == ""
    assert "not for commercial use" in result.err
    assert "--accept-unpinned" in result.err
    assert not list(tmp_path.rglob("*.txt"))


def test_texts_are_checked_counted_and_converted(cli: Cli, tmp_path: Path) -> None:
    table = tmp_path / "a.tsv"
    table.write_text('text\tlabel\tn\nHabari, ya leo\tswh_Latn\t1\n"Hello"\teng_Latn\t2\n\t\t3\n', encoding="utf-8")
    found = cli("data", "convert", str(table), "--texts", "--to", "csv")
    assert found.out.splitlines() == [
        "text,label,n", '"Habari, ya leo",swh_Latn,1', '"""Hello""",eng_Latn,2', ",,3",
    ]  # fmt: skip
    (tmp_path / "a.csv").write_text(found.out)
    lines = cli("data", "convert", str(tmp_path / "a.csv"), "--texts", "--to", "jsonl").out.splitlines()
    assert json.loads(lines[0]) == {"id": "1", "n": "1", "text": "Habari, ya leo", "label": "swh_Latn"}
    checked = cli("data", "check", str(table), "--texts")
    assert "1 text has no label, first that of line 4" in checked.out
    assert checked.code == 0
    assert json.loads(cli("data", "stats", str(table), "--texts", "--json").out)[0]["labels"] == {
        "swh_Latn": 1, "eng_Latn": 1,
    }  # fmt: skip
    refused = cli("data", "convert", str(table), "--texts", "--to", "csv", "--mend")
    assert (refused.code, refused.out) == (2, "")
