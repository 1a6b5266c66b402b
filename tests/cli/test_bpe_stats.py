"""`nlpkit bpe stats` and `nlpkit bpe inspect` in the shell."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers

from nlpkit.jobs import bpe_stats as job
from nlpkit.jobs.bpe import Source

Cli = Callable[..., Any]
MARKS = ["<unk>", "<s>"]


def save(raw: Tokenizer, folder: Path) -> str:
    folder.mkdir()
    raw.add_special_tokens([mark for mark in MARKS if raw.token_to_id(mark) is not None])
    raw.save(str(folder / "tokenizer.json"))
    return str(folder)


@pytest.fixture
def pieces(tmp_path: Path) -> str:
    """BPE of a, b, c, ab and ▁ab; blanks are ▁."""
    vocabulary = {piece: at for at, piece in enumerate([*MARKS, "▁", "a", "b", "c", "ab", "▁ab", "ઘ"])}
    raw = Tokenizer(models.BPE(vocabulary, [("a", "b"), ("▁", "ab")], unk_token="<unk>"))
    raw.pre_tokenizer = pre_tokenizers.Metaspace()
    raw.decoder = decoders.Metaspace()
    return save(raw, tmp_path / "pieces")


@pytest.fixture
def words(tmp_path: Path) -> str:
    raw = Tokenizer(models.WordLevel({"<unk>": 0, "ab": 1, "abc": 2}, unk_token="<unk>"))
    raw.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    return save(raw, tmp_path / "words")


@pytest.fixture
def verses(tmp_path: Path) -> str:
    path = tmp_path / "verses.tsv.gz"
    rows = [
        ("1", "aaa", "ab ab"),
        ("2", "aaa", "abc"),
        ("2", "bbb", "ab c"),
        ("1", "bbb", "a b ab x"),
        ("3", "ccc", "ab"),
    ]
    text = "verse\tlang\ttext\n" + "".join("\t".join(row) + "\n" for row in rows)
    path.write_bytes(gzip.compress(text.encode()))
    return str(path)


def figures(cli: Cli, *args: str, stdin: bytes = b"") -> dict[str, Any]:
    found = cli("bpe", "stats", "--json", *args, stdin=stdin)
    assert found.code == 0, found.err
    data: dict[str, Any] = json.loads(found.out)
    return data


def test_figures_by_hand(cli: Cli, pieces: str, verses: str) -> None:
    found = figures(cli, pieces, verses, "--column", "id=verse", "--reference", "aaa")
    (one,) = found["tokenizers"]
    ours, theirs = one["languages"]["aaa"], one["languages"]["bbb"]
    # ▁ab ▁ab | ▁ab c; and ▁ab ▁ c | ▁ a ▁ b ▁ab ▁ <unk>
    wanted = {"lines": 2, "words": 3, "characters": 8, "pieces": 4, "fertility": 1.333333, "characters_per_piece": 2.0}
    assert {name: ours[name] for name in wanted} == wanted
    assert (ours["single"], ours["whole"], ours["unknown"], ours["used"]) == (0.25, 0.666667, 0, 2)
    assert (theirs["pieces"], theirs["unknown"], theirs["whole"]) == (10, 0.1, 0.333333)
    assert {lang: row["parity"] for lang, row in one["languages"].items()} == {"aaa": 1, "bbb": 2.5, "ccc": 0}
    assert (found["reference"], found["parallel_lines"]) == ("aaa", 2)
    assert one["gini"] == round(1.5 / 7, 6)  # of 4/7 and 10/7
    assert (one["vocabulary"], one["never_used"]) == (7, round(2 / 7, 6))  # ab, ઘ
    assert one["scripts"] == {"Latn": 5, "Gujr": 1, "Zyyy": 1}
    assert one["all"]["pieces"] == 15
    assert one["all"]["frequent"][0] == {"piece": "▁ab", "text": " ab", "share": round(6 / 15, 6)}
    assert [row["piece"] for row in one["all"]["longest"]] == ["▁ab", "a", "b", "c", "▁"]


def test_parity_to_the_mean_and_the_worst_first(cli: Cli, pieces: str, verses: str) -> None:
    args = (pieces, verses, "--column", "id=verse", "--reference", "mean")
    (one,) = figures(cli, *args, "--most", "2")["tokenizers"]
    assert list(one["languages"]) == ["bbb", "aaa"]
    assert one["languages"]["bbb"]["parity"] == round(10 / 7, 6)
    assert list(figures(cli, pieces, verses, "--most", "1")["tokenizers"][0]["languages"]) == ["bbb"]
    told = cli("bpe", "stats", *args)
    assert "ccc: have no line in common with the others" in told.err
    lines = told.out.splitlines()
    assert lines[0].split() == [
        "language", "lines", "words", "pieces", "fertility", "chars/piece", "%", "unknown", "%", "single", "%", "whole",
        "Rényi", "parity",
    ]  # fmt: skip
    assert lines[4].split()[:4] == ["all", "5", "10", "15"]
    assert lines[-1].startswith("subwords|words:white space|")
    assert "pieces by those of mean" in lines[-1]


def test_files_are_read_as_for_training(cli: Cli, pieces: str, tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / f"{name}.txt").write_text("ab\n\nab c\n", encoding="utf-8")
    files = [f"{tmp_path}/one.txt:swh", f"{tmp_path}/two.txt:yor"]
    (one,) = figures(cli, pieces, *files, "--reference", "swh_Latn")["tokenizers"]
    assert {lang: (row["lines"], row["parity"]) for lang, row in one["languages"].items()} == {
        "swh": (2, 1),
        "yor": (2, 1),
    }
    (bare,) = figures(cli, pieces, stdin=b"ab ab\n")["tokenizers"]
    assert {lang: row["pieces"] for lang, row in bare["languages"].items()} == {"und": 2}
    (card,) = figures(cli, pieces, "--card", "samples_translate", "--split", "test", "--reference", "mean")[
        "tokenizers"
    ]
    assert len(card["languages"]) > 1
    assert all(row["parity"] > 0 for row in card["languages"].values())


def test_several_tokenizers(cli: Cli, pieces: str, words: str, verses: str, tmp_path: Path) -> None:
    args = (pieces, verses, "--compare", words, "--column", "id=verse", "--reference", "aaa")
    first, second = figures(cli, *args)["tokenizers"]
    assert (first["tokenizer"], second["tokenizer"]) == (pieces, words)
    assert second["languages"]["bbb"]["parity"] == 2
    assert second["all"]["whole"] == 0.6  # unknown words are not whole
    told = cli("bpe", "stats", *args, "--plots", str(tmp_path / "pictures"))
    table = [line.split("  ") for line in told.out.splitlines()]
    assert "fertility words" in told.out
    assert ["fertility", "1.500", "1.000", "-0.500"] in [
        [cell.strip() for cell in row if cell.strip()] for row in table
    ]
    assert ["▁ab", "40.00", "▁ab", "6"] in [line.split() for line in told.out.splitlines()]
    assert "most frequent (words)" in told.out
    for figure in ("fertility", "parity"):
        picture = (tmp_path / "pictures" / f"verses-{figure}.svg").read_text()
        assert all(text in picture for text in ("aaa", "bbb", ">words<"))
        assert f"verses-{figure}.svg" in told.err
    three = cli("bpe", "stats", pieces, verses, "--compare", words, "--compare", f"{pieces}/tokenizer.json")
    assert three.code == 0
    assert "difference" not in three.out


def test_empty_texts_give_zeros(cli: Cli, pieces: str) -> None:
    told = cli("bpe", "stats", pieces, "--reference", "eng", stdin=b"\n \n")
    assert (told.code, "there was no text" in told.err) == (0, True)
    (one,) = figures(cli, pieces, "--reference", "eng", stdin=b"")["tokenizers"]
    assert one["languages"] == {}
    assert (one["gini"], one["never_used"], one["all"]["fertility"], one["all"]["frequent"]) == (0, 1, 0, [])


def test_unknown_words_where_no_piece_is_for_them(cli: Cli, tmp_path: Path) -> None:
    name = save(Tokenizer(models.WordLevel({"a": 0}, unk_token="<unk>")), tmp_path / "tiny")
    for told in (cli("bpe", "stats", name, stdin=b"b\n"), cli("bpe", "inspect", name, "b")):
        assert (told.code, told.out) == (2, "")
        assert "tiny` cannot cut a text: " in told.err


def test_a_vocabulary_of_one_piece(cli: Cli, tmp_path: Path) -> None:
    name = save(Tokenizer(models.WordLevel({"a": 0}, unk_token="<unk>")), tmp_path / "tiny")
    (one,) = figures(cli, name, stdin=b"a\na\n")["tokenizers"]
    assert (one["vocabulary"], one["all"]["renyi"], one["all"]["fertility"], one["never_used"]) == (1, 0, 1, 0)


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["no-folder"], "no tokenizer.json in `no-folder`"),
        (["PIECES", "no-file.txt"], "no file `no-file.txt`"),
        (["PIECES", "VERSES", "--reference", "bb"], "did you mean `bbb`?"),
        (["PIECES", "-", "-"], "stdin can be read once only"),
        (["PIECES", "VERSES", "--from", "tvs"], "did you mean `tsv`"),
        (["PIECES", "VERSES", "--column", "id=vers"], "no column `vers`"),
        (["PIECES", "VERSES", "--column", "verse"], "is not NAME=PLACE"),
        (["PIECES", "BROKEN"], "broken.tsv:3: 1 column, 2 in the first line"),
    ],
)
def test_what_is_wrong_is_one_error(
    cli: Cli, pieces: str, verses: str, tmp_path: Path, args: list[str], message: str
) -> None:
    broken = tmp_path / "broken.tsv"
    broken.write_text("lang\ttext\na\tb\nc\n", encoding="utf-8")
    names = {"PIECES": pieces, "VERSES": verses, "BROKEN": str(broken)}
    told = cli("bpe", "stats", *(names.get(arg, arg) for arg in args), stdin=b"ab\n")
    assert (told.code, told.out) == (2, "")
    assert told.err.startswith("error: ")
    assert message in told.err


def test_the_bytes_of_byte_level_pieces_are_characters(tmp_path: Path) -> None:
    raw = Tokenizer(
        models.BPE({"Ġ": 0, "a": 1, "Ã": 2, "©": 3, "Ã©": 4, "ĠaÃ©": 5, "<0x41>": 6, "aĠ": 7}, [("Ã", "©")])
    )
    raw.pre_tokenizer = pre_tokenizers.ByteLevel()
    found = job.tokenizer(save(raw, tmp_path / "bytes"))
    assert found.shown == [" ", "a", "\ufffd", "\ufffd", "é", " aé", "<0x41>", "a "]
    assert found.vocabulary.single == {0, 1, 2, 3, 4, 7}
    assert found.scripts() == {"Latn": 5, "Zyyy": 1, "bytes": 2}


def test_byte_level_pieces_can_be_read_in_the_table(cli: Cli, tmp_path: Path) -> None:
    raw = Tokenizer(models.BPE({"Ġ": 0, "Ã": 1, "©": 2, "Ã©": 3, "ĠÃ©": 4}, [("Ã", "©"), ("Ġ", "Ã©")]))
    raw.pre_tokenizer = pre_tokenizers.ByteLevel()
    told = cli("bpe", "stats", save(raw, tmp_path / "bytes"), stdin="é éé \u00e8".encode()).out
    lines = [line.split() for line in told.splitlines()]
    assert lines[-7:-2] == [
        ["most", "frequent", "%", "of", "pieces", "longest", "count"],
        ["Ġé", "40.00", "Ã", "1"],
        ["Ġ", "20.00", "é", "1"],
        ["Ã", "20.00", "Ġé", "2"],  # of è the second byte is no piece, so it is lost
        ["é", "20.00", "Ġ", "1"],
    ]


def test_pieces_of_unigram_and_wordpiece(tmp_path: Path) -> None:
    entries = [("<s>", 0.0), ("<unk>", 0.0), ("▁ab", -1.0), ("▁", -2.0), ("<0xC3>", -3.0), ("a", -4.0)]
    unigram = Tokenizer(models.Unigram(entries, unk_id=1, byte_fallback=True))
    unigram.pre_tokenizer = pre_tokenizers.Metaspace()
    found = job.tokenizer(save(unigram, tmp_path / "unigram"))
    assert found.shown == ["<s>", "<unk>", " ab", " ", "\ufffd", "a"]
    assert (found.marks, found.vocabulary) == ({0, 1}, job.Vocabulary(4, 1, frozenset({3, 4, 5})))
    wordpiece = Tokenizer(models.WordPiece({"[UNK]": 0, "a": 1, "##a": 2, "##ab": 3}, unk_token="[UNK]"))
    found = job.tokenizer(save(wordpiece, tmp_path / "wordpiece"))
    assert (found.shown, found.vocabulary) == (["[UNK]", "a", "a", "ab"], job.Vocabulary(3, 0, frozenset({1, 2})))


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.lists(st.text(st.sampled_from("abcx ઘ"), max_size=12), max_size=8), st.integers(1, 4))
@example(["  ab", "ab   ab  "], 1)
def test_figures_are_those_of_the_pieces(pieces: str, texts: list[str], size: int) -> None:
    found = job.tokenizer(pieces)
    rows = [(text, "aaa", str(at)) for at, text in enumerate(texts) if text.strip()]
    for at in range(0, len(rows), size):
        job._count(rows[at : at + size], [found], None)
    every = [found.raw.encode(text, add_special_tokens=False).tokens for text, _, _ in rows]
    (one,) = job.results([found])["tokenizers"]
    words = [word for text, _, _ in rows for word in text.split()]
    assert one["all"]["pieces"] == sum(map(len, every))
    assert one["all"]["words"] == len(words)
    assert one["all"]["whole"] * len(words) == pytest.approx(words.count("ab"))
    assert one["all"]["unknown"] * one["all"]["pieces"] == pytest.approx(sum(tokens.count("<unk>") for tokens in every))


def test_pairs_are_parallel_within_their_file(tmp_path: Path, pieces: str) -> None:
    for name, text in (("one", "ab c"), ("two", "a b c")):
        (tmp_path / f"{name}.tsv").write_text(f"src\ttgt\nab\t{text}\n", encoding="utf-8")
    sources = [
        Source(str(tmp_path / f"{name}.tsv"), "eng", "tsv", {}, "pairs", lang)
        for name, lang in (("one", "yor"), ("two", "swa"))
    ]
    parallel, found = job.Parallel(), job.tokenizer(pieces)
    job.count(sources, [found], parallel)
    assert parallel.parity("eng") == {"eng": 1, "swa": 6, "yor": 3}
    assert parallel.parity("yor") == {"eng": 1 / 3, "yor": 1}


# -- inspect


def test_inspect_a_word(cli: Cli, pieces: str) -> None:
    found = cli("bpe", "inspect", pieces, "ab", "cx")
    assert found.code == 0
    assert found.out.splitlines() == [
        "ab",
        "▁ab: characters, then merges, the first learned first",
        "  rank  merge   pieces",
        "                ▁ a b",
        "     1  a + b   ▁ ab",
        "     2  ▁ + ab  ▁ab",
        "piece  id  text",
        "▁ab     7  ab",
        "",
        "cx",
        "▁cx: characters, then merges, the first learned first",
        "  rank  merge  pieces",
        "               ▁ c <unk>",
        "piece  id  text",
        "▁       2",
        "c       5  c",
        "<unk>   0  <unk>",
    ]
    (one,) = json.loads(cli("bpe", "inspect", pieces, "ab", "--json").out)
    assert one["parts"][0]["steps"][1] == {"rank": 1, "merge": ["a", "b"], "pieces": ["▁", "ab"]}
    assert one["pieces"] == [{"piece": "▁ab", "id": 7, "text": " ab"}]


def test_inspect_other_algorithms(cli: Cli, words: str, tmp_path: Path) -> None:
    unigram = Tokenizer(models.Unigram([("<unk>", 0.0), ("ab", -1.0), ("a", -1.5), ("b", -2.0)], unk_id=0))
    told = cli("bpe", "inspect", save(unigram, tmp_path / "unigram"), "ab").out
    assert "  score  pieces\n  -1.00  ab -1.00\n  -3.50  a -1.50  b -2.00\n" in told
    wordpiece = Tokenizer(models.WordPiece({"[UNK]": 0, "a": 1, "##ab": 2}, unk_token="[UNK]"))
    name = save(wordpiece, tmp_path / "wordpiece")
    told = cli("bpe", "inspect", name, "aab", "ba").out
    assert "  left  longest piece\n  aab   a\n  ##ab  ##ab\n" in told
    assert "  ba    none\n" in told
    assert "abc: in the vocabulary as it stands\n" in cli("bpe", "inspect", words, "abc").out


def test_inspect_says_where_it_cannot_follow(cli: Cli, tmp_path: Path) -> None:
    raw = Tokenizer(models.WordLevel({"<unk>": 0, "a": 1}, unk_token="<unk>"))
    raw.pre_tokenizer = pre_tokenizers.Split("a", "isolated")
    raw.add_tokens([AddedToken("ab", single_word=True)])
    found = cli("bpe", "inspect", save(raw, tmp_path / "odd"), "aabc")
    assert found.code == 0
    assert "cuts `aabc` otherwise than these steps" in found.err


def test_teach(cli: Cli, tmp_path: Path) -> None:
    path = tmp_path / "corpus.txt"
    path.write_text("low lower\nlow low\n", encoding="utf-8")
    lines = cli("bpe", "inspect", "--teach", str(path), "--merges", "2").out.splitlines()
    assert lines.pop().startswith("ties: of pairs seen equally often the one of older symbols is merged")
    assert lines == [
        "4 words, 2 different; </w> ends each",
        "  count  word",
        "      3  l o w </w>",
        "      1  l o w e r </w>",
        "",
        "pairs: l + o 4, o + w 4, w + </w> 3, e + r 1, r + </w> 1, w + e 1",
        "merge 1: l + o -> lo (4 times; 1 other pair is as frequent, of younger symbols)",
        "  count  word",
        "      3  lo w </w>",
        "      1  lo w e r </w>",
        "",
        "pairs: lo + w 4, w + </w> 3, e + r 1, r + </w> 1, w + e 1",
        "merge 2: lo + w -> low (4 times)",
        "  count  word",
        "      3  low </w>",
        "      1  low e r </w>",
        "",
    ]
    assert "3 merges: no pair is left that is seen twice" in cli("bpe", "inspect", "--teach", str(path)).out
    data = json.loads(cli("bpe", "inspect", "--teach", "-", "--json", stdin=path.read_bytes()).out)
    assert (data["words"], data["different"], len(data["steps"])) == (4, 2, 3)
    assert data["start"][0] == {"word": "low", "count": 3, "symbols": ["l", "o", "w", "</w>"]}
    assert data["steps"][0]["merge"] == ["l", "o"]
    assert data["steps"][0]["tied"] == [["o", "w"]]
    assert data["steps"][2]["pairs"][0] == ["low", "</w>", 3]
    assert data["steps"][2]["words"]["low"] == ["low</w>"]


@pytest.mark.parametrize(
    ("args", "message"),
    [
        ([], "no tokenizer is given"),
        (["PIECES"], "no word is given"),
        (["no-folder", "ab"], "no tokenizer.json in `no-folder`"),
        (["PIECES", "--teach", "x.txt"], "--teach learns from its file"),
        (["--teach", "no-file.txt"], "no file `no-file.txt`"),
        (["--teach", "-"], "no word in `<stdin>`"),
        (["PIECES", "\udcff"], "not UTF-8"),
    ],
)
def test_inspect_errors(cli: Cli, pieces: str, args: list[str], message: str) -> None:
    told = cli("bpe", "inspect", *(pieces if arg == "PIECES" else arg for arg in args), stdin=b"\n")
    assert (told.code, told.out) == (2, "")
    assert message in told.err
