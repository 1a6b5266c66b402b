"""Bytes to numbered lines: encodings, gz, long lines, files that are not there."""

from __future__ import annotations

import gzip
import io
import os
import random
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nlpkit.data import formats
from nlpkit.data.files import MAX_LINE, Problem, Strictly, read_lines, write_whole
from nlpkit.data.load import read_file, sha256
from nlpkit.errors import InputError, NlpkitError, RunError

GOOD = "Asha B-PER\nsings O\n\n"


def lines(path: str) -> tuple[list[tuple[int, str]], list[Problem]]:
    problems: list[Problem] = []
    return list(read_lines(path, problems.append)), problems


def codes(problems: list[Problem]) -> list[tuple[str, int]]:
    return [(problem.code, problem.line) for problem in problems]


def test_lines_are_cut_at_line_feeds_only(put) -> None:
    text = "a\u2028b\u2029c\x85d\x0be\x0cf\x1cg\u00a0h\n\nlast"
    assert lines(put(text)) == ([(1, text.split("\n")[0]), (2, ""), (3, "last")], [])


def test_crlf_is_read_as_lf_and_said_of_each_line(put) -> None:
    found, problems = lines(put("a\r\nb\n\r\n"))
    assert found == [(1, "a"), (2, "b"), (3, "")]
    assert codes(problems) == [("crlf", 1), ("crlf", 3)]
    assert all(problem.warning for problem in problems)


def test_a_carriage_return_inside_a_line_stays(put) -> None:
    assert lines(put("a\rb\n")) == ([(1, "a\rb")], [])


def test_bom_is_dropped_at_the_start_only(put) -> None:
    found, problems = lines(put(b"\xef\xbb\xbfa\n\xef\xbb\xbfb\n"))
    assert found == [(1, "a"), (2, "\ufeffb")]
    assert codes(problems) == [("bom", 1)]


def test_bytes_that_are_not_utf8_are_named_with_line_and_column(refused) -> None:
    message = refused("Asha B-PER\nné B-PER".encode() + b" caf\xe9 O\n", "conll")
    assert message == "f:2: byte 0xE9 at column 13 is not UTF-8"


def test_a_byte_that_is_not_utf8_is_not_also_called_a_lost_character(put) -> None:
    found, problems = lines(put(b"a\nb\xe9c\nd\n"))
    assert [number for number, _ in found] == [1, 2, 3]
    assert codes(problems) == [("utf-8", 2)]


def test_overlong_and_surrogate_bytes_are_no_utf8(put) -> None:
    assert codes(lines(put(b"\xc0\xaf\n\xed\xa0\x80\n"))[1]) == [("utf-8", 1), ("utf-8", 2)]


def test_nul_is_an_error_with_its_column(refused) -> None:
    assert refused("Asha B-PER\nsi\0ngs O\n", "conll").startswith("f:2: NUL character at column 3")


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-be", "utf-16-le"])
def test_utf16_is_refused(refused, encoding: str) -> None:
    bom = "" if encoding == "utf-16" else "\ufeff"
    message = refused((bom + GOOD).encode(encoding), "conll")
    assert message == "f:1: this looks like UTF-16"


def test_utf16_without_a_bom_is_refused_too(refused) -> None:
    assert refused(GOOD.encode("utf-16-le"), "conll").startswith("f:1: NUL")


def test_a_lost_character_is_a_warning_that_names_its_place(put) -> None:
    report = Strictly()
    rows = list(read_file(put("ok O\nca\ufffd O\n\ufffd O\n"), "conll", report))
    assert rows[0].tokens == ("ok", "ca\ufffd", "\ufffd")
    (text,) = report.summary()
    assert "f:2: U+FFFD at column 3" in text
    assert text.endswith("(and 1 more)")


def test_gz_is_known_by_its_content_not_by_its_name(put) -> None:
    packed = gzip.compress(GOOD.encode())
    want = lines(put(GOOD))
    assert lines(put(packed, "plain.conll")) == want
    assert lines(put(packed, "packed.conll.gz")) == want
    assert lines(put(GOOD, "not-packed.conll.gz")) == want


def test_gz_of_several_members_is_read_to_its_end(put) -> None:
    assert lines(put(gzip.compress(b"a\n") + gzip.compress(b"b\n"))) == ([(1, "a"), (2, "b")], [])


def noise(count: int) -> bytes:
    """Lines that do not compress, so that a cut falls in the middle of them."""
    rng = random.Random(3)
    return b"".join(b"%030x O\n\n" % rng.getrandbits(120) for _ in range(count))


def test_truncated_gz_is_an_error_at_the_line_where_it_ends(put, refused) -> None:
    packed = gzip.compress(noise(2000))
    whole = packed[: len(packed) // 2]
    found, problems = lines(put(whole))
    assert codes(problems) == [("gzip", len(found) + 1)]
    assert 1000 < len(found) < 3000
    assert f"f:{len(found) + 1}: the packed file is broken or cut off here" in refused(whole, "conll")


@pytest.mark.parametrize("keep", [2, 5, 10, 15])
def test_gz_cut_off_in_its_header_is_an_error_on_line_1(put, keep: int) -> None:
    found, problems = lines(put(gzip.compress(GOOD.encode())[:keep]))
    assert (found, codes(problems)) == ([], [("gzip", 1)])


def test_gz_without_its_checksum_is_an_error(put) -> None:
    _, problems = lines(put(gzip.compress(GOOD.encode())[:-4]))
    assert [problem.code for problem in problems] == ["gzip"]


def test_corrupted_gz_is_an_error(put) -> None:
    packed = bytearray(gzip.compress(noise(500)))
    packed[len(packed) // 2] ^= 0xFF
    _, problems = lines(put(bytes(packed)))
    assert [problem.code for problem in problems][-1] == "gzip"


def test_garbage_after_a_gz_member_is_an_error(put) -> None:
    found, problems = lines(put(gzip.compress(b"a\n") + b"garbage"))
    assert codes(problems) == [("gzip", len(found) + 1)]


def test_a_gz_that_is_cut_off_inside_an_overlong_line_is_an_error(put) -> None:
    rng = random.Random(5)
    packed = gzip.compress(rng.randbytes(9 * 2**20).replace(b"\n", b" "), compresslevel=1)
    _, problems = lines(put(packed[:-100]))
    assert codes(problems) == [("long-line", 1), ("gzip", 2)]


def test_a_9_mb_line_is_one_error_and_reading_goes_on(put, refused) -> None:
    content = b"a O\n" + b"x" * 9_000_000 + b"\nb O\n"
    found, problems = lines(put(content))
    assert found == [(1, "a O"), (3, "b O")]
    assert codes(problems) == [("long-line", 2)]
    assert refused(content, "text") == f"f:2: a line of over {MAX_LINE} bytes"


def test_a_line_just_under_the_limit_is_read(put) -> None:
    found, problems = lines(put(b"x" * (MAX_LINE - 1) + b"\ny\n"))
    assert ([len(text) for _, text in found], problems) == ([MAX_LINE - 1, 1], [])


@pytest.mark.parametrize("fmt", formats.READ["tokens"])
def test_an_empty_file_has_no_rows(read, fmt: str) -> None:
    assert read("", fmt) == []


@pytest.mark.parametrize("fmt", ["conll", "conllu", "jsonl"])
def test_a_blank_file_has_no_rows(read, fmt: str) -> None:
    assert read("\n\n \n\t\n", fmt) == []


@pytest.mark.parametrize("fmt", formats.READ["tokens"])
def test_a_folder_and_a_missing_file_are_named(tmp_path: Path, fmt: str) -> None:
    for path, what in ((tmp_path, "is a folder"), (tmp_path / "none", "no file")):
        with pytest.raises(InputError, match=what) as caught:
            list(read_file(str(path), fmt, Strictly()))
        assert str(path) in caught.value.message


def test_a_path_that_cannot_be_one_is_an_input_error() -> None:
    with pytest.raises(InputError, match="cannot open"):
        lines("a\0b")
    with pytest.raises(InputError, match="cannot open"):
        lines("x" * 5000)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_one_may_not_read_is_named(put) -> None:
    path = put("a O\n", "secret")
    Path(path).chmod(0)
    with pytest.raises(InputError, match="secret"):
        lines(path)


@pytest.mark.parametrize("packed", [False, True])
def test_stdin_is_read_and_stays_open(monkeypatch: pytest.MonkeyPatch, packed: bool) -> None:
    content = GOOD.encode() + b"\xff"
    raw = io.BytesIO(gzip.compress(content) if packed else content)
    stdin = io.TextIOWrapper(io.BufferedReader(raw))  # type: ignore[type-var]
    monkeypatch.setattr(sys, "stdin", stdin)
    found, problems = lines("-")
    assert [text for _, text in found][:2] == ["Asha B-PER", "sings O"]
    assert str(problems[0]) == "<stdin>:4: byte 0xFF at column 1 is not UTF-8"
    assert lines("-") == ([], [])


def test_reading_may_be_broken_off(put) -> None:
    """A file that is left half read is closed: an unclosed one would be a warning, and those are errors."""
    for content in (GOOD.encode() * 9, gzip.compress(GOOD.encode() * 9)):
        rows = read_file(put(content), "conll", Strictly())
        assert next(rows).tokens == ("Asha", "sings")
        del rows


def test_the_digest_is_of_the_content_not_of_its_packing(put) -> None:
    plain, packed = put(GOOD, "a"), put(gzip.compress(GOOD.encode()), "b")
    assert sha256(Path(plain)) == sha256(Path(packed))


def test_the_digest_of_a_broken_gz_is_an_error_one_can_read(put) -> None:
    with pytest.raises(NlpkitError, match="broken or cut off"):
        sha256(Path(put(gzip.compress(noise(500))[:-20])))


def test_strictly_counts_warnings_by_kind(put) -> None:
    report = Strictly()
    list(read_lines(put("\ufeffa\r\nb\r\nc\r\n"), report))
    assert [text.rpartition(": ")[2] for text in report.summary()] == [
        "line ends in CR LF (and 2 more)",
        "byte order mark",
    ]


def test_a_problem_as_a_dict_has_the_documented_keys() -> None:
    problem = Problem("a.conll", 3, "nul", "NUL", "remove it")
    assert str(problem) == "a.conll:3: NUL"
    assert set(problem.as_dict()) == {"path", "line", "code", "what", "fix", "warning"}


def test_what_is_written_appears_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "new" / "out.txt"
    with write_whole(path) as file:
        file.write("été\r\n")
    assert path.read_bytes() == "été\r\n".encode()
    with pytest.raises(UnicodeEncodeError), write_whole(path) as file:
        file.write("half \ud800")
    assert path.read_bytes() == "été\r\n".encode()
    assert [entry.name for entry in path.parent.iterdir()] == ["out.txt"]


def test_a_place_that_cannot_be_written_is_an_error_one_can_read(tmp_path: Path) -> None:
    (tmp_path / "to" / "folder" / "inner").mkdir(parents=True)
    (tmp_path / "to" / "file").write_text("in the way")
    for path in (tmp_path / "to" / "file" / "out.txt", tmp_path / "to" / "folder"):
        with pytest.raises(RunError, match="cannot write"), write_whole(path) as file:
            file.write("x")
    assert sorted(entry.name for entry in (tmp_path / "to").iterdir()) == ["file", "folder"]


@pytest.mark.parametrize(
    ("path", "fmt"),
    [("a.conllu", "conllu"), ("b.IOB2.gz", "conll"), ("C.JSONL.GZ", "jsonl"), ("d.tsv", "tsv"), ("e.txt", "text"),
     ("f.gz", "conll"), ("conll", "conll")],
)  # fmt: skip
def test_the_format_is_guessed_from_the_name(path: str, fmt: str) -> None:
    assert formats.guess(path, "conll") == fmt


def test_an_unknown_format_is_named(put) -> None:
    with pytest.raises(InputError, match="no format of tokens is called `csv`"):
        list(read_file(put(""), "csv", Strictly()))
    with pytest.raises(InputError, match="written, not read"):
        list(read_file(put(""), "entities", Strictly()))


FRAGMENTS = st.sampled_from(
    [b"\n", b"\t", b" ", b"\r\n", b"#", b"# text = a\n", b"-DOCSTART-", b"1\ta\t_\tX\t_\t_\t0\t_\t_\t_\n", b"1-2\t",
     b"\x1f\x8b\x08", b"\xef\xbb\xbf", b"\xff\xfe", b"\0", b'{"text": "a b", "entities": [[0, 1, "P"]]}\n',
     b'{"tokens": ["a"], "tags": ["O"]}\n', b'{"text":', b'"\\ud800"', b"[" * 50, b"tokens\ttags\n", b"B-PER", b"O",
     b"9" * 30, b"1.1\t", "é\u2028\ufffd".encode(), b"NaN", b"null"]
)  # fmt: skip
HOSTILE = st.one_of(
    st.binary(max_size=300),
    st.lists(st.one_of(FRAGMENTS, st.binary(max_size=6)), max_size=25).map(b"".join),
    st.binary(max_size=200).map(gzip.compress),
    st.tuples(st.binary(max_size=200).map(gzip.compress), st.integers(0, 60)).map(
        lambda pair: pair[0][: -pair[1] or None]
    ),
    st.text(max_size=200).map(str.encode),
)


@pytest.mark.parametrize("fmt", formats.READ["tokens"])
@settings(max_examples=150, deadline=5000)
@given(content=HOSTILE)
def test_whatever_the_bytes_only_our_errors_are_raised(put, fmt: str, content: bytes) -> None:
    path = put(content, "fuzz")
    problems: list[Problem] = []
    for row in read_file(path, fmt, problems.append):
        assert row.tags is None or len(row.tags) == len(row.tokens)
        if row.text is not None and row.offsets is not None:
            assert [row.text[start:end] for start, end in row.offsets] == list(row.tokens)
    try:
        list(read_file(path, fmt, Strictly()))
        refused = False
    except NlpkitError:
        refused = True
    assert refused == any(not problem.warning for problem in problems)
