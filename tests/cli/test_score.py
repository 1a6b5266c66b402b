"""nlpkit score: files of answers against files of right answers."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sacrebleu.metrics import BLEU, CHRF, TER

from nlpkit.data import formats
from nlpkit.jobs import score as job

Cli = Callable[..., Any]
GOLD = ["The cat sat on the mat.", "Dogs bark at night.", "Hello, World!", "She has 3.5 litres of milk."]
MINE = ["The cat sat on a mat.", "dogs bark at night.", "Hello, World!", "She has milk."]
THEIRS = ["A cat was on the mat.", "Dogs bark loudly.", "", "She has 3.5 litres milk."]


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    written("gold.txt", GOLD)
    written("mine.txt", MINE)
    written("theirs.txt", THEIRS)


def written(name: str, lines: list[str]) -> str:
    Path(name).write_bytes("".join(line + "\n" for line in lines).encode())
    return name


def scores(cli: Cli, *args: str, stdin: bytes = b"") -> dict[str, Any]:
    result = cli("score", *args, "--json", stdin=stdin)
    assert result.code == 0, result.err
    return json.loads(result.out)


def alone(cli: Cli, *args: str, stdin: bytes = b"") -> dict[str, Any]:
    (found,) = scores(cli, *args, stdin=stdin)["systems"]
    return found


def fails(cli: Cli, *args: str, stdin: bytes = b"") -> str:
    result = cli("score", *args, stdin=stdin)
    assert (result.code, result.out) == (2, ""), result.err
    assert result.err.count("error:") == 1
    return str(result.err)


# -- scores


@pytest.mark.parametrize(
    ("name", "metric"),
    [("bleu", BLEU()), ("chrf", CHRF()), ("chrf++", CHRF(word_order=2)), ("ter", TER())],
    ids=lambda value: str(value) if isinstance(value, str) else "",
)
def test_scores_and_signature_are_those_of_sacrebleu(cli: Cli, name: str, metric: Any) -> None:
    found = scores(cli, name, "mine.txt", "theirs.txt", "--gold", "gold.txt")
    for one, hyps in zip(found["systems"], (MINE, THEIRS), strict=True):
        assert one["score"] == pytest.approx(metric.corpus_score(hyps, [GOLD]).score)
        low, high = one["interval"]
        assert low <= one["score"] <= high
    assert found["signature"].partition("|")[2] == metric.get_signature().format()
    assert (found["metric"], found["gold"], found["rows"], found["references"]) == (name, ["gold.txt"], 4, 1)


@pytest.mark.parametrize(("name", "kind"), [("bleu", BLEU), ("chrf", CHRF)])
def test_cased_and_lower_cased_stand_side_by_side(cli: Cli, name: str, kind: Any) -> None:
    wanted = kind(lowercase=True).corpus_score(MINE, [GOLD]).score
    args = (name, "mine.txt", "--gold", "gold.txt")
    found = alone(cli, *args)
    assert found["score_lower"] == pytest.approx(wanted)
    assert found["score"] < found["score_lower"]
    assert f"lower-cased {wanted:.2f}" in cli("score", *args).out
    small = scores(cli, *args, "--lower")
    assert small["systems"][0]["score"] == pytest.approx(wanted)
    assert "score_lower" not in small["systems"][0]
    assert "case:lc" in small["signature"]


def test_word_and_character_errors_worked_by_hand(cli: Cli) -> None:
    # 1 of 6 words, 1 of 4 (case), 0 of 2, 3 of 6
    assert alone(cli, "wer", "mine.txt", "--gold", "gold.txt")["score"] == pytest.approx(100 * 5 / 18)
    assert alone(cli, "wer", "mine.txt", "--gold", "gold.txt", "--lower")["score"] == pytest.approx(100 * 4 / 18)
    written("g", ["abcd", ""])
    written("h", ["abxd", "é"])
    found = scores(cli, "cer", "h", "--gold", "g")
    assert found["systems"][0]["score"] == pytest.approx(100 * 2 / 4)
    assert found["signature"].startswith("CER|nrefs:1|case:mixed|unit:code points|version:")


def test_several_references(cli: Cli) -> None:
    found = scores(cli, "bleu", "mine.txt", "--gold", "gold.txt", "--gold", "theirs.txt")
    assert found["systems"][0]["score"] == pytest.approx(BLEU().corpus_score(MINE, [GOLD, THEIRS]).score)
    assert "nrefs:2" in found["signature"]
    assert alone(cli, "wer", "mine.txt", "--gold", "theirs.txt", "--gold", "mine.txt")["score"] == 0.0
    out = cli("score", "bleu", "mine.txt", "--gold", "gold.txt", "--gold", "theirs.txt").out
    assert out.startswith("gold.txt, theirs.txt: 4 rows, up to 2 references\n")


def test_what_one_file_prints(cli: Cli) -> None:
    result = cli("score", "bleu", "mine.txt", "--gold", "gold.txt")
    assert (result.code, result.err) == (0, "")
    lines = result.out.splitlines()
    wanted = BLEU().corpus_score(MINE, [GOLD])
    assert lines[0] == "gold.txt: 4 rows"
    assert lines[1].startswith(f"BLEU {wanted.score:.2f}  (95 %: ")
    assert lines[2].startswith("precisions " + "/".join(f"{p:.1f}" for p in wanted.precisions))
    assert f"brevity penalty {wanted.bp:.3f}" in lines[2]
    assert lines[3] == "exact 0.2500  empty 0"
    assert lines[4].startswith("BLEU|nrefs:1|case:mixed|eff:no|tok:13a|smooth:exp|version:")
    assert len(lines) == 5


def test_a_perfect_guess(cli: Cli) -> None:
    for name, best in (("bleu", 100), ("chrf", 100), ("chrf++", 100), ("ter", 0), ("wer", 0), ("cer", 0), ("per", 0)):
        found = alone(cli, name, "gold.txt", "--gold", "gold.txt")
        assert found["score"] == pytest.approx(best)
        assert (found["exact"], found["empty"]) == (1.0, 0)


def test_empty_answers_are_counted_and_cost(cli: Cli) -> None:
    written("none.txt", ["", " ", "", "\t"])
    found = alone(cli, "bleu", "none.txt", "--gold", "gold.txt")
    assert (found["score"], found["empty"], found["precisions"]) == (0.0, 4, [0.0] * 4)


# -- comparison


def test_later_files_are_compared_with_the_first(cli: Cli) -> None:
    first, second, third = scores(cli, "bleu", "theirs.txt", "mine.txt", "theirs.txt", "--gold", "gold.txt")["systems"]
    assert "p" not in first
    assert second["difference"] == pytest.approx(second["score"] - first["score"])
    assert 0 < second["p"] <= 1
    assert (third["difference"], third["p"]) == (0.0, 1.0), "a file equal to the first"
    lines = cli("score", "bleu", "theirs.txt", "mine.txt", "--gold", "gold.txt").out.splitlines()
    assert lines[1].split() == ["file", "BLEU", "lower-cased", "low", "high", "exact", "difference", "p"]
    assert lines[2].split()[0] == "theirs.txt"
    assert lines[3].split()[-2:] == [f"{second['difference']:+.2f}", f"{second['p']:.4f}"]


@pytest.mark.parametrize("name", ["bleu", "chrf", "ter", "wer", "cer"])
def test_p_is_the_same_in_either_order(cli: Cli, name: str) -> None:
    one = scores(cli, name, "mine.txt", "theirs.txt", "--gold", "gold.txt")["systems"][1]
    other = scores(cli, name, "theirs.txt", "mine.txt", "--gold", "gold.txt")["systems"][1]
    assert one["p"] == other["p"]
    assert one["difference"] == pytest.approx(-other["difference"])


# -- tokenizers


def test_the_language_chooses_the_tokenizer(cli: Cli) -> None:
    written("zh.gold", ["猫坐在垫子上。"])
    written("zh.mine", ["猫坐在椅子上。"])
    for lang in ("zh", "cmn", "zho_Hans"):
        found = scores(cli, "bleu", "zh.mine", "--gold", "zh.gold", "--lang", lang)
        assert "tok:zh" in found["signature"]
    wanted = BLEU(tokenize="zh").corpus_score(["猫坐在椅子上。"], [["猫坐在垫子上。"]]).score
    assert found["systems"][0]["score"] == pytest.approx(wanted)
    assert "tok:char" in scores(cli, "bleu", "zh.mine", "--gold", "zh.gold", "--lang", "tha")["signature"]
    by_name = scores(cli, "bleu", "zh.mine", "--gold", "zh.gold", "--lang", "zh", "--tokenize", "intl")
    assert "tok:intl" in by_name["signature"], "a name goes before a language"


def test_text_without_blanks_gets_a_note(cli: Cli) -> None:
    written("th.txt", ["แมวนั่งบนเสื่อ"])
    assert "name the language by --lang" in cli("score", "bleu", "th.txt", "--gold", "th.txt").err
    assert cli("score", "bleu", "th.txt", "--gold", "th.txt", "--lang", "th").err == ""
    assert "takes lines for words" in cli("score", "ter", "th.txt", "--gold", "th.txt", "--lang", "th").err
    assert cli("score", "chrf", "th.txt", "--gold", "th.txt", "--lang", "th").err == ""


# -- normal forms


def test_a_difference_of_normal_form_gets_a_note(cli: Cli) -> None:
    written("nfc.txt", ["Hẹ́ ọ́", "plain"])
    written("nfd.txt", ["He\u0323\u0301 o\u0323\u0301", "plain"])
    result = cli("score", "bleu", "nfd.txt", "--gold", "nfc.txt", "--json")
    forms = json.loads(result.out)["systems"][0]["normal_forms"]
    assert (forms["guess"], forms["right_in_nfc_only"]) == (1, 1)
    assert result.err.startswith("note: `nfd.txt` and the gold differ in Unicode normal form (1 and ")
    assert result.err.count("\n") == 1
    assert json.loads(result.out)["systems"][0]["exact"] == 0.5, "texts are compared as they are"
    assert cli("score", "bleu", "nfd.txt", "--gold", "nfd.txt").err == "", "the same form on both sides"
    assert cli("score", "bleu", "nfd.txt", "--gold", "nfc.txt", "--quiet").err == ""


def test_words_left_apart_get_a_note(cli: Cli) -> None:
    written("tok.txt", [line.replace(".", " .").replace("!", " .") for line in GOLD])
    assert "are its words still apart?" in cli("score", "bleu", "tok.txt", "--gold", "gold.txt").err
    assert "apart" not in cli("score", "bleu", "tok.txt", "--gold", "tok.txt").err


# -- limits


@pytest.mark.parametrize(
    ("name", "option", "limit", "code"),
    [("bleu", "--fail-under", "1", 0), ("bleu", "--fail-under", "99", 1), ("chrf", "--fail-under", "99", 1),
     ("wer", "--fail-over", "27.8", 0), ("wer", "--fail-over", "27.7", 1), ("ter", "--fail-over", "99", 0),
     ("g2p", "--fail-over", "10", 1)],
)  # fmt: skip
def test_limits_are_exit_code_1(cli: Cli, name: str, option: str, limit: str, code: int) -> None:
    result = cli("score", name, "mine.txt", "--gold", "gold.txt", option, limit, "--quiet")
    assert result.code == code, result.err
    assert result.out.startswith("gold.txt: 4 rows"), "the scores are printed all the same"
    assert bool(result.err) is bool(code)


def test_one_file_beyond_the_limit_is_enough(cli: Cli) -> None:
    result = cli("score", "wer", "gold.txt", "mine.txt", "--gold", "gold.txt", "--fail-over", "20")
    assert result.code == 1
    assert result.err == "error: WER of `mine.txt` is 27.78, over 20\n"


# -- files


def test_packed_files_windows_line_ends_and_a_byte_order_mark(cli: Cli) -> None:
    Path("odd.txt.gz").write_bytes(gzip.compress(b"\xef\xbb\xbf" + "\r\n".join(MINE).encode()))
    result = cli("score", "bleu", "odd.txt.gz", "--gold", "gold.txt", "--json")
    assert json.loads(result.out)["systems"][0]["score"] == pytest.approx(BLEU().corpus_score(MINE, [GOLD]).score)
    assert "line ends in CR LF (and 2 more)" in result.err
    assert "byte order mark" in result.err


def test_one_file_may_be_stdin(cli: Cli) -> None:
    stdin = "\n".join(MINE).encode()
    found = alone(cli, "bleu", "-", "--gold", "gold.txt", stdin=stdin)
    assert found["guess"] == "<stdin>"
    assert found["score"] == alone(cli, "bleu", "mine.txt", "--gold", "gold.txt")["score"]
    assert alone(cli, "bleu", "mine.txt", "--gold", "-", stdin="\n".join(GOLD).encode())["score"] == found["score"]
    assert "stdin can be read once only" in fails(cli, "bleu", "-", "--gold", "-")


def test_signs_that_python_cuts_lines_at_cut_none_here(cli: Cli) -> None:
    odd = ["one\u2028still one", "two\x0ctwo\x85two", "three\x1cthree", ""]
    written("odd.txt", odd)
    assert scores(cli, "chrf", "odd.txt", "--gold", "odd.txt")["rows"] == 4


def test_unequal_files_are_one_error_with_both_counts_and_the_line(cli: Cli) -> None:
    written("short.txt", MINE[:2])
    told = fails(cli, "bleu", "short.txt", "--gold", "gold.txt")
    assert "`gold.txt` has 4 rows and `short.txt` 2: line 3 of `gold.txt` has no partner" in told
    told = fails(cli, "chrf", "mine.txt", "--gold", "gold.txt", "--gold", "short.txt")
    assert "`gold.txt` has 4 rows and `short.txt` 2" in told
    told = fails(cli, "chrf", "-", "--gold", "short.txt", stdin=b"a\nb\nc")
    assert "`short.txt` has 2 rows and `<stdin>` 3: line 3 of `<stdin>` has no partner" in told


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "no lines in `bad`"),
        ("Caf\u00e9\n".encode("latin-1"), "bad:1: byte 0xE9 at column 4 is not UTF-8"),
        (b"ok\nbin\x00ary\n", "bad:2: NUL character at column 4"),
        (b"\x89PNG\r\n\x1a\n\x00\xff", "bad:1: byte 0x89"),
        ("a\nb\n".encode("utf-16"), "bad:1: this looks like UTF-16"),
        (gzip.compress(b"a\nb\n" * 2000)[:-20], "bad"),
    ],
    ids=["empty", "latin-1", "nul", "binary", "utf-16", "cut"],
)
def test_bad_files(cli: Cli, content: bytes, told: str) -> None:
    Path("bad").write_bytes(content)
    assert told in fails(cli, "bleu", "bad", "--gold", "gold.txt")
    assert told in fails(cli, "wer", "gold.txt", "--gold", "bad")


@pytest.mark.parametrize(
    ("args", "told"),
    [
        (("blue", "mine.txt"), "`METRIC blue`: no such choice; did you mean `bleu`?"),
        (("bleu", "none.txt"), "no file `none.txt`"),
        (("bleu", "."), "`.` is a folder"),
        (("bleu", "mine.txt", "--from", "tvs"), "`--from tvs`: no such choice; did you mean `tsv`?"),
        (("bleu", "mine.txt", "--tokenize", "flores200"), "the tokenizer `flores200` is fetched from the network"),
        (("bleu", "mine.txt", "--tokenize", "14a"), "no tokenizer is called `14a`"),
        (("chrf", "mine.txt", "--tokenize", "13a"), "chrf has no tokenizer to choose"),
        (("ter", "mine.txt", "--lower"), "--lower says nothing here: ter is lower-cased already"),
        (("g2p", "mine.txt", "--lower"), "--lower says nothing here: phones have no case"),
        (("bleu", "mine.txt", "--lang", "klingonish"), "`klingonish` is no language code"),
        (("bleu", "mine.txt", "--fail-over", "3"), "--fail-over is not for bleu, where higher is better"),
        (("ter", "mine.txt", "--fail-under", "3"), "--fail-under is not for ter, where lower is better"),
        (("bleu", "mine.txt", "--fail-under", "nan"), "`--fail-under nan` is no finite number"),
        (("bleu", "mine.txt", "--from", "tsv", "--column", "tgt"), "`--column tgt` is not NAME=PLACE"),
    ],
    ids=" ".join,
)
def test_wrong_questions_get_one_clear_error(cli: Cli, args: tuple[str, ...], told: str) -> None:
    assert told in fails(cli, *args, "--gold", "gold.txt")


@pytest.mark.parametrize(
    ("args", "told"),
    [(("bleu", "mine.txt"), "Missing option '--gold'"), (("bleu", "--gold", "gold.txt"), "Missing argument 'GUESS"),
     (("bleu", "mine.txt", "--gold", "gold.txt", "--fail-under", "much"), "--fail-under")],
)  # fmt: skip
def test_wrong_usage(cli: Cli, args: tuple[str, ...], told: str) -> None:
    result = cli("score", *args)
    assert (result.code, result.out) == (2, "")
    assert told in result.err


# -- tables


def test_tables_and_lines_are_compared(cli: Cli) -> None:
    rows = ["src\ttgt", *(f"source {at}\t{line}" for at, line in enumerate(GOLD))]
    written("gold.tsv", rows)
    objects = [{"src": "x", "tgt": line} for line in MINE]
    written("mine.jsonl", [json.dumps(row) for row in objects])
    wanted = alone(cli, "bleu", "mine.txt", "--gold", "gold.txt")["score"]
    assert alone(cli, "bleu", "mine.jsonl", "--gold", "gold.tsv")["score"] == wanted
    assert alone(cli, "bleu", "mine.txt", "--gold", "gold.tsv")["score"] == wanted
    written("gold.jsonl", [json.dumps({"src": "x", "tgt": line}) for line in GOLD])
    stdin = Path("mine.jsonl").read_bytes()
    assert alone(cli, "bleu", "-", "--gold", "gold.jsonl", "--from", "jsonl", stdin=stdin)["score"] == wanted
    written("other.tsv", ["en\tswa", *(f"source\t{line}" for line in GOLD)])
    place = ("--column", "src=en", "--column", "tgt=swa")
    assert alone(cli, "bleu", "mine.txt", "--gold", "other.tsv", *place)["score"] == wanted


def test_references_in_a_row_count(cli: Cli) -> None:
    rows = [{"src": "x", "tgt": "a b c d", "references": ["e f g h"]}, {"src": "y", "tgt": "i j k l"}]
    written("gold.jsonl", [json.dumps(row) for row in rows])
    written("h.txt", ["e f g h", "i j k l"])
    found = scores(cli, "bleu", "h.txt", "--gold", "gold.jsonl")
    assert found["systems"][0]["score"] == pytest.approx(100)
    assert found["references"] == 2
    assert "nrefs:var" in found["signature"]


def test_an_empty_target_is_no_right_answer_beside_others_and_never_replaced_by_them(cli: Cli) -> None:
    rows = [{"src": "x", "tgt": "", "references": ["a b c d"]}, {"src": "y", "tgt": "i j k l"}]
    written("gold.jsonl", [json.dumps(row) for row in rows])
    written("h.txt", ["", "i j k l"])
    assert alone(cli, "wer", "h.txt", "--gold", "gold.jsonl")["score"] == 50.0
    written("h.jsonl", [json.dumps(row) for row in rows])
    found = alone(cli, "wer", "h.jsonl", "--gold", "gold.jsonl")
    assert (found["score"], found["empty"]) == (50.0, 1)


def test_a_table_without_targets_is_an_error(cli: Cli) -> None:
    written("none.tsv", ["src\tother", "x\ta"])
    assert "no row of `none.tsv` has a target" in fails(cli, "bleu", "none.tsv", "--gold", "none.tsv")


def test_pronunciations_by_language(cli: Cli) -> None:
    gold = ["lang\tgrapheme\tphonemes", "ady\tх\tk a t", "ady\tу\td ɔ ɡ", "fre\tb\tʃ a", "fre\tc\tn w"]
    written("gold.tsv", gold)
    written("mine.txt", ["k a t", "d o", "", "n w"])
    written("best.txt", ["k a t", "d ɔ ɡ", "ʃ a", "n w"])
    place = ("--column", "src=grapheme", "--column", "tgt=phonemes", "--column", "src_lang=lang")
    found = scores(cli, "g2p", "mine.txt", "best.txt", "--gold", "gold.tsv", *place)
    mine, best = found["systems"]
    assert mine["score"] == 50.0
    assert mine["accuracy"] == 0.5
    assert mine["per_lang"].keys() == {"ady", "fre"}
    assert mine["per_lang"]["fre"] == {"wer": 50.0, "per": 50.0, "per_official": 25.0, "rows": 2}
    assert (best["score"], best["per"], best["difference"]) == (0.0, 0.0, -50.0)
    lines = cli("score", "g2p", "mine.txt", "--gold", "gold.tsv", *place).out.splitlines()
    assert lines[1].startswith("WER 50.00  (95 %: ")
    assert lines[4].split() == ["ady", "2", "50.00", "33.33", "33.33"]


def test_gold_without_languages_gets_a_note(cli: Cli) -> None:
    assert "the gold names no languages" in cli("score", "g2p", "mine.txt", "--gold", "gold.txt").err


def test_every_metric_has_a_title_and_the_formats_are_there() -> None:
    assert {*job.ERRORS, *job.CASED} <= {*job.METRICS}
    assert {*job.READ} <= {*formats.READ["pairs"]}
