"""`nlpkit codemix make`: mixed sentences with the language of each word, the same every time."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from toy_translate import recipe

from nlpkit.jobs.prepare import load_data, load_recipe

Cli = Callable[..., Any]
PAIRS = [
    ("I like this film", "मुझे यह फ़िल्म पसंद है"), ("this house is big", "यह घर बड़ा है"),
    ("the film is good", "फ़िल्म अच्छी है"), ("my house is good", "मेरा घर अच्छा है"), ("I see the house", "मैं घर देखता हूँ"),
    ("I see a film", "मैं फ़िल्म देखता हूँ"), ("the big film", "बड़ी फ़िल्म"), ("the good house", "अच्छा घर"),
] * 3  # fmt: skip


@pytest.fixture
def pairs(tmp_path: Path) -> Path:
    path = tmp_path / "pairs.tsv"
    path.write_text(
        "src\ttgt\tsrc_lang\ttgt_lang\n" + "".join(f"{a}\t{b}\teng\thin\n" for a, b in PAIRS), encoding="utf-8"
    )
    return path


@pytest.fixture
def lexicon(tmp_path: Path) -> Path:
    path = tmp_path / "lexicon.tsv"
    path.write_text("film\tफ़िल्म|चलचित्र\nhouse\tघर\ngood\tअच्छा\nis\tहै\n", encoding="utf-8")
    return path


def made(cli: Cli, *arguments: str) -> list[dict[str, Any]]:
    found = cli("codemix", "make", *arguments)
    assert found.code == 0, found.err
    return [json.loads(line) for line in found.out.splitlines()]


def test_stdin_is_mixed_whole_with_what_files_teach(cli: Cli, pairs: Path) -> None:
    rows = pairs.read_bytes()
    common = ["--method", "align", "--learn", str(pairs), "--from", "tsv"]
    found = cli("codemix", "make", *common, stdin=rows)
    assert found.out == cli("codemix", "make", *common, str(pairs)).out
    assert found.out.count("\n") > 1


def test_a_pipe_that_would_be_read_twice_is_refused(cli: Cli, pairs: Path, tmp_path: Path) -> None:
    fifo = tmp_path / "pipe"
    os.mkfifo(fifo)
    found = cli("codemix", "make", str(fifo), "--from", "tsv", "--method", "align")
    assert (found.code, "cannot be read twice" in found.err) == (2, True)


def test_pairs_to_learn_from_are_turned_by_their_languages_only(cli: Cli, pairs: Path, tmp_path: Path) -> None:
    """Those that name none stand as the rows do; codes of two letters are codes."""
    rows = [line.split("\t") for line in pairs.read_text(encoding="utf-8").splitlines()[1:]]
    turned = tmp_path / "turned.jsonl"
    turned.write_text(
        "".join(json.dumps({"src": b, "tgt": a, "src_lang": "hi", "tgt_lang": "en"}) + "\n" for a, b, *_ in rows),
        encoding="utf-8",
    )
    plain = made(cli, str(pairs), "--method", "align")
    assert [row["tgt"] for row in made(cli, str(pairs), "--method", "align", "--learn", str(turned))] == [
        row["tgt"] for row in plain
    ]
    other = ["--method", "align", "--lang", "hin", "--target-lang", "eng"]
    swapped = tmp_path / "swapped.tsv"
    swapped.write_text("src\ttgt\n" + "".join(f"{b}\t{a}\n" for a, b, *_ in rows), encoding="utf-8")
    assert made(cli, str(swapped), *other) == made(cli, str(swapped), *other, "--learn", str(swapped))


def test_learned_words_are_found_in_every_encoding(cli: Cli, pairs: Path, tmp_path: Path) -> None:
    """U+095E stands for two characters in NFC."""
    turned = tmp_path / "turned.tsv"
    rows = [line.split("\t")[:2] for line in pairs.read_text(encoding="utf-8").splitlines()[1:]]
    body = "".join(f"{b}\t{a}\n" for a, b in rows).replace("फ\u093c", "\u095e").replace("ड\u093c", "\u095c")
    turned.write_text("src\ttgt\n" + body, encoding="utf-8")
    assert "\u095e" in body
    assert len(made(cli, str(turned), "--method", "cmdr", "--lang", "hin", "--target-lang", "eng")) == len(rows)


def test_columns_that_are_no_strings_stay(cli: Cli, lexicon: Path) -> None:
    row = b'{"src": "good film", "topic": "x", "n": 3, "l": ["a"]}\n'
    found = json.loads(cli("codemix", "make", "--lexicon", str(lexicon), "--from", "jsonl", stdin=row).out)
    assert (found["topic"], found["n"], found["l"]) == ("x", 3, ["a"])


def test_lexicons_as_they_come(cli: Cli, lexicon: Path) -> None:
    """Words said twice, signs in translations, letters nothing is written for, joiners, other encodings."""
    entries = [
        "dog\tone",
        "dog\ttwo",
        "Dog\tthree",
        "to\tको, 12 !",
        "mul\tء",
        "\u0958लम\tpen",
        "राष्\u200dट्र\tnation",
        "राष्\tBAD",
    ]
    lexicon.write_text("".join(entry + "\n" for entry in entries), encoding="utf-8")
    common = ["codemix", "make", "--lexicon", str(lexicon), "--rate", "1"]
    text = "dog\nto\nmul dog\n"
    one, to, mul = (json.loads(line) for line in cli(*common, stdin=text.encode()).out.splitlines())
    assert one["tgt"] == "one"
    assert (to["tokens"], to["langs"]) == (["ko", ",", "12", "!"], ["hin", "univ", "univ", "univ"])
    assert mul["tokens"] == ["ء", "one"]
    (stepped,) = (json.loads(line) for line in cli(*common, "--steps", stdin=b"mul dog\n").out.splitlines())
    assert stepped["steps"][-1] == stepped["tgt"] == "ء one"
    hindi = "क\u093cलम राष्\u200dट्र\n"
    (row,) = (
        json.loads(line)
        for line in cli(*common, "--lang", "hin", "--target-lang", "eng", stdin=hindi.encode()).out.splitlines()
    )
    assert row["tgt"] == "pen nation"


def test_vectors_of_a_word_in_lower_case_and_of_one_width(cli: Cli, tmp_path: Path) -> None:
    ours, theirs, wide = (tmp_path / name for name in ("a.vec", "b.vec", "c.vec"))
    ours.write_text("Dog 0 1\ndog 1 0\nDOG 0 1\n", encoding="utf-8")
    theirs.write_text("right 1 0\nwrong 0 1\n", encoding="utf-8")
    wide.write_text("right 1 0 0\n", encoding="utf-8")
    common = ["codemix", "make", "--rate", "1", "--vectors", str(ours), "--vectors"]
    assert json.loads(cli(*common, str(theirs), stdin=b"dog\n").out)["tgt"] == "right"
    found = cli(*common, str(wide), stdin=b"dog\n")
    assert (found.code, "has 2 numbers a word" in found.err) == (2, True)


@pytest.mark.parametrize("method", ["align", "ec", "lexical", "cmdr", "romanize"])
def test_every_method_makes_sentences(cli: Cli, pairs: Path, lexicon: Path, method: str) -> None:
    more = ["--lexicon", str(lexicon)] if method in ("lexical", "cmdr") else []
    rows = made(cli, str(pairs), "--method", method, *more)
    assert len(rows) >= 9
    assert rows == made(cli, str(pairs), "--method", method, *more)
    for row in rows:
        assert row["tgt"].isascii()
        assert len(row["tokens"]) == len(row["langs"])
        assert set(row["langs"]) - {"univ"} == ({"hin"} if method == "romanize" else {"eng", "hin"})
        assert row["tgt_lang"] == ("hin" if method == "romanize" else "hin-eng")
        assert "".join(row["tokens"]) == row["tgt"].replace(" ", "")


def test_script_steps_and_limits(cli: Cli, pairs: Path, lexicon: Path) -> None:
    common = [str(pairs), "--method", "cmdr", "--lexicon", str(lexicon)]
    native = made(cli, *common, "--script", "native", "--steps", "--rate", "1")
    assert any("घर" in row["tgt"] for row in native)
    assert all(row["steps"][-1] == row["tgt"] for row in native)
    some = cli("codemix", "make", *common, "--least-cmi", "45")
    assert "code-mixing index" in some.err
    assert 0 < len(some.out.splitlines()) < len(native)


def test_rare_words_first(cli: Cli, lexicon: Path, tmp_path: Path) -> None:
    lexicon.write_text("film\tchitra\ngood\tachchha\n", encoding="utf-8")
    text = tmp_path / "t.txt"
    text.write_text("film good\n" + "film\n" * 3, encoding="utf-8")
    common = ["codemix", "make", "--lexicon", str(lexicon), "--rate", "0.1", "--order", "freq"]
    assert json.loads(cli(*common, str(text)).out.splitlines()[0])["tgt"] == "film achchha"
    found = cli(*common, stdin=b"film good\n")
    assert (found.code, "cannot be read twice" in found.err) == (2, True)


def test_text_from_stdin_is_mixed_with_a_lexicon(cli: Cli, lexicon: Path) -> None:
    text = b"This film is good!\r\n\nNothing known\n" + b"caf\xe9 film\n"
    found = cli("codemix", "make", "--lexicon", str(lexicon), stdin=text)
    assert found.code in (0, 2)
    found = cli("codemix", "make", "--lexicon", str(lexicon), stdin=b"This film is good!\n\nNothing known\n")
    assert len(found.out.splitlines()) == 1
    assert "empty 1, nothing to mix 1" in found.err


def test_other_languages_and_scripts(cli: Cli, lexicon: Path) -> None:
    lexicon.write_text("film\tфильм\nhouse\tبيت\n", encoding="utf-8")
    common = ["--lexicon", str(lexicon), "--lang", "deu", "--target-lang", "rus", "--rate", "1"]
    found = cli("codemix", "make", *common, stdin=b"film and house\n")
    row = json.loads(found.out)
    assert (row["src_lang"], row["tgt_lang"], row["langs"]) == ("deu", "rus-deu", ["rus", "deu", "rus"])
    assert row["tgt"].endswith(" and bit")
    assert ("фильм" in row["tgt"]) == ("5 letters are not Latin" in found.err)  # uroman may be there


@pytest.mark.parametrize(
    ("arguments", "what"),
    [
        (["--method", "magic"], "backtranslate"), (["--method", "align"], "cannot be read twice"),
        (["--method", "ec", "--lexicon", "x"], "has no lexicon"), (["--lexicon", "nowhere.tsv"], "no file"),
        (["--lexicon", "x", "--vectors", "a", "--vectors", "b"], "not both"),
        (["--method", "align", "--longest", "2"], "has no longest"),
        (["--method", "romanize", "--rate", "0.5"], "has no rate"),
        (["--method", "align", "--temperature", "1"], "has no temperature"),
        (["--method", "align", "--steps"], "has no steps"), (["--vectors", "a"], "one file of each language"),
        (["--lang", "hi"], "are one language"), (["--lexicon", "-"], "one thing only"),
        (["--method", "romanize", "--script", "native"], "no script but Latin"),
        (["--lexicon", "x", "--learn", "y"], "is for phrases"),
    ],
)  # fmt: skip
def test_what_cannot_be(cli: Cli, arguments: list[str], what: str) -> None:
    found = cli("codemix", "make", *arguments, stdin=b"a\n")
    assert found.code == 2
    assert what in found.err


def test_a_broken_lexicon_names_its_line(cli: Cli, tmp_path: Path) -> None:
    path = tmp_path / "bad.tsv"
    path.write_text("film\tफ़िल्म\nonly\n", encoding="utf-8")
    found = cli("codemix", "make", "--lexicon", str(path), stdin=b"a\n")
    assert (found.code, "bad.tsv:2" in found.err) == (2, True)


def test_as_a_transform_and_measured(cli: Cli, pairs: Path, tmp_path: Path) -> None:
    said: list[str] = []
    more = [f"data.train={pairs}", "data.transforms=[{codemix: {method: align, rate: 0.6}}]"]
    data = load_data(load_recipe(str(recipe(tmp_path)), more), None, said.append)
    assert {row.target_lang for row in data.train[0]} == {"hin-eng"}
    assert any(line.startswith(f"codemix: {len(data.train[0])} sentences of 24 by align") for line in said)
    mixed = tmp_path / "mixed.jsonl"
    mixed.write_text(cli("codemix", "make", str(pairs), "--method", "align").out, encoding="utf-8")
    figures = json.loads(cli("codemix", "stats", str(mixed), "--json").out)
    assert 0 < figures["cmi"]["mean"] <= 50


def test_made_sentences_with_signs_and_names_are_measured(cli: Cli, lexicon: Path, tmp_path: Path) -> None:
    mixed = tmp_path / "mixed.jsonl"
    made = cli("codemix", "make", "--lexicon", str(lexicon), stdin=b"Well, this film of Nina is 2 good! #film\n")
    mixed.write_text(made.out, encoding="utf-8")
    figures = json.loads(cli("codemix", "stats", str(mixed), "--json").out)
    assert sorted(figures["languages"]) == ["eng", "hin"]


def test_phrases_are_learned_beside_a_lexicon_from_pairs_either_way_round(
    cli: Cli, pairs: Path, lexicon: Path, tmp_path: Path
) -> None:
    header = "src\ttgt\tsrc_lang\ttgt_lang\n"
    turned = tmp_path / "turned.tsv"
    turned.write_text(header + "".join(f"{b}\t{a}\thin\teng\n" for a, b in PAIRS), encoding="utf-8")
    text = tmp_path / "text.tsv"
    text.write_text(header + "the big film\t\teng\t\n", encoding="utf-8")
    common = [str(text), "--lexicon", str(lexicon), "--script", "native", "--rate", "1"]
    assert made(cli, *common)[0]["tgt"] == "the big फ़िल्म"
    learned = [made(cli, *common, "--longest", "2", "--learn", str(path))[0]["tgt"] for path in (pairs, turned)]
    assert learned[0] == learned[1]
    assert "बड़ी फ़िल्म" in learned[0]


def test_typed_words_are_spelled_in_several_ways(cli: Cli, lexicon: Path) -> None:
    lexicon.write_text("not\tनहीं\n", encoding="utf-8")
    text = "".join(f"I do not want {name}\n" for name in "abcdefghijklmnopqrst").encode()
    spelled = [
        {row.split()[2] for row in (json.loads(line)["tgt"] for line in found.out.splitlines())}
        for found in (cli("codemix", "make", "--lexicon", str(lexicon), "--script", way, stdin=text) for way in WAYS)
    ]
    assert len(spelled[0]) == 1
    assert 1 < len(spelled[1]) < 8
    assert spelled[1] == spelled[2]


WAYS = ("roman", "typed", "typed")


def test_mixed_text_gets_sources_from_a_reverse_model(cli: Cli, pair_model: Path, tmp_path: Path) -> None:
    mono = tmp_path / "mono.txt"
    mono.write_text("the cat\n\nthe big dog\n", encoding="utf-8")
    result = cli("codemix", "make", "--method", "backtranslate", "--model", str(pair_model), str(mono))
    rows = [json.loads(line) for line in result.out.splitlines()]
    assert [(row["id"], row["src"], row["tgt"]) for row in rows] == [
        ("1", "le chat", "the cat"),
        ("3", "le grand chien", "the big dog"),
    ]
    assert {(row["src_lang"], row["tgt_lang"], row["method"]) for row in rows} == {("fra", "eng", "backtranslate")}
    assert "2 sentences; left out: empty 1" in result.err


def test_a_row_without_a_target_is_no_mixed_text_beside_rows_that_have_one(
    cli: Cli, pair_model: Path, tmp_path: Path
) -> None:
    path = tmp_path / "t.tsv"
    path.write_text("src\ttgt\tsrc_lang\ttgt_lang\nle chien\t\tdeu\teng\nx\tthe cat\tdeu\teng\n", encoding="utf-8")
    found = cli("codemix", "make", str(path), "--method", "backtranslate", "--model", str(pair_model))
    (row,) = (json.loads(line) for line in found.out.splitlines())
    assert (row["src"], row["src_lang"], row["tgt"]) == ("le chat", "fra", "the cat")  # what the model writes is French
    assert "empty 1" in found.err
    path.write_text("src\ttgt\ttgt_lang\nx\tthe cat\teng\nx\tle chat\tfra\n", encoding="utf-8")
    found = cli("codemix", "make", str(path), "--method", "backtranslate", "--model", str(pair_model))
    assert (found.code, "the targets are in fra" in found.err) == (2, True)
    path.write_text("src\ttgt\n" + "the cat\t\n" * 1000 + "x\tthe dog\n", encoding="utf-8")
    found = cli("codemix", "make", str(path), "--method", "backtranslate", "--model", str(pair_model))
    assert (found.code, "line 1002 has a target" in found.err) == (2, True)


@pytest.mark.parametrize(
    ("more", "what"),
    [
        ([], "backtranslate needs a model that reads mixed text"),
        (["--model", "M", "--steps"], "--steps says nothing to --method backtranslate"),
        (["--model", "M", "--lang", "fra"], "--lang says nothing to --method backtranslate"),
        (["--model", "M", "--seed", "0"], "--seed says nothing to --method backtranslate"),
        (["--model", "M", "--least-cmi", "5"], "--least-cmi says nothing to --method backtranslate"),
        (["--model", "nowhere"], "no model folder `nowhere`"),
        (["--model", "M", "--column", "tgt=b"], "the targets are in spa"),
    ],
)
def test_what_cannot_be_translated_back(cli: Cli, pair_model: Path, tmp_path: Path, more: list[str], what: str) -> None:
    table = tmp_path / "table.tsv"
    table.write_text("src\tb\ttgt_lang\nx\tel gato\tspa\n", encoding="utf-8")
    arguments = [str(pair_model) if word == "M" else word for word in more]
    result = cli("codemix", "make", "--method", "backtranslate", *arguments, str(table))
    assert (result.code, result.out) == (2, "")
    assert what in result.err
