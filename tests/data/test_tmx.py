"""Translation memories: languages, markup, units that lack a side, and files that are broken or hostile."""

from __future__ import annotations

import tracemalloc
from pathlib import Path

import pytest

from nlpkit.data.files import MAX_LINE, Problem
from nlpkit.data.load import read_file
from nlpkit.data.rows import PairRow

HEAD = '<?xml version="1.0" encoding="UTF-8"?>\n<tmx version="1.4"><header srclang="{}"/>\n<body>\n'
END = "</body></tmx>\n"


def unit(*texts: tuple[str, str], more: str = "") -> str:
    variants = "".join(f'<tuv xml:lang="{lang}"><seg>{text}</seg></tuv>' for lang, text in texts)
    return f"<tu{more}>{variants}</tu>\n"


def memory(*units: str, source: str = "en") -> str:
    return HEAD.format(source) + "".join(units) + END


def read(
    folder: Path, content: str | bytes, columns: dict[str, int | str] | None = None
) -> tuple[list[PairRow], list[Problem]]:
    path = folder / "a.tmx"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    problems: list[Problem] = []
    return list(read_file(str(path), "tmx", problems.append, columns, kind="pairs")), problems


def test_units_are_rows_from_the_source_language_of_the_header(tmp_path: Path) -> None:
    content = memory(
        unit(("sw", "Habari"), ("en", "Hello")), unit(("en", "Yes"), ("sw", "Ndiyo"), ("sw", "Naam"), more=' tuid="x"')
    )
    rows, problems = read(tmp_path, content)
    assert rows == [
        PairRow("1", "Hello", "Habari", "eng_Latn", "swh_Latn", {}, 4),
        PairRow("x", "Yes", "Ndiyo", "eng_Latn", "swh_Latn", {}, 5, ("Naam",)),
    ]
    assert problems == []


def test_languages_may_be_named_and_regions_do_not_matter(tmp_path: Path) -> None:
    content = memory(unit(("en-US", "Hello"), ("fr", "Salut"), ("sw_KE", "Habari")), source="*all*")
    (row,), problems = read(tmp_path, content, {"src": "sw", "tgt": "en"})
    assert (row.text, row.target, row.lang, row.target_lang, problems) == (
        "Habari",
        "Hello",
        "swh_Latn",
        "eng_Latn",
        [],
    )
    (row,), _ = read(tmp_path, memory(unit(("EN", "Hello"), ("tlh", "nuqneH")), source="en-GB"))
    assert (row.text, row.target, row.target_lang) == ("Hello", "nuqneH", "tlh")


@pytest.mark.parametrize(
    ("content", "columns", "told"),
    [
        (memory(unit(("en", "a"), ("fr", "b")), source="*all*"), {}, "no header names the source language"),
        (memory(unit(("en", "a"), ("fr", "b"), ("sw", "c"))), {}, "several languages beside `en`: `fr`, `sw`"),
        (memory(unit(("en", "a"), ("fr", "b")), unit(("en", "a"), ("sw", "c"))), {}, "beside `en`: `fr`, `sw`"),
    ],
)  # fmt: skip
def test_languages_that_cannot_be_told_are_one_error(
    tmp_path: Path, content: str, columns: dict[str, int | str], told: str
) -> None:
    _, (problem,) = read(tmp_path, content, columns)
    assert told in problem.what
    assert not problem.warning
    assert "--column" in problem.fix


def test_units_that_lack_a_side_are_counted_and_skipped(tmp_path: Path) -> None:
    content = memory(
        unit(("en", "a")), unit(("en", "b"), ("sw", "c")), unit(("sw", "d")), unit(("en", "e"), ("sw", " "))
    )
    rows, (problem,) = read(tmp_path, content)
    assert [(row.id, row.text) for row in rows] == [("2", "b")]
    assert (problem.line, problem.what, problem.warning) == (4, "3 units lack a side, first that of line 4", True)


def test_of_markup_the_text_is_kept_and_native_code_is_not(tmp_path: Path) -> None:
    segment = 'A <bpt i="1">&lt;b&gt;</bpt>big<ept i="1">&lt;/b&gt;</ept> <hi>red</hi><ph>{0}<sub>x</sub></ph> '
    segment += "caf&#233; &amp; <![CDATA[<b>]]>"
    (row,), problems = read(tmp_path, memory(unit(("en", segment), ("sw", "\n   B\n   c\n"))))
    assert (row.text, row.target, problems) == ("A big red café & <b>", "B c", [])


def test_a_broken_file_is_an_error_with_its_line(tmp_path: Path) -> None:
    whole = memory(unit(("en", "a"), ("sw", "b")), unit(("en", "c"), ("sw", "d")))
    for content, line, told in [
        (whole.replace("</body>", ""), 6, "no XML: mismatched tag"),
        (whole[: whole.index("c</seg>")], 6, "no XML: no element found"),
        (whole.replace("c</seg>", "c & d</seg>"), 5, "no XML: not well-formed"),
        (whole.replace("c</seg>", "&nbsp;</seg>"), 5, "no XML: undefined entity"),
    ]:
        rows, (problem,) = read(tmp_path, content)
        assert [row.text for row in rows] == ["a"] or line == 6
        assert told in problem.what
        assert (problem.line, problem.warning) == (line, False) or told.endswith("found")
    for content, told in (("<html></html>", "the XML is <html>, not <tmx>"), ("Hello\tHabari\n", "no XML")):
        assert told in read(tmp_path, content)[1][0].what


def test_a_doctype_of_the_format_is_read_and_one_with_declarations_refused(tmp_path: Path) -> None:
    whole = memory(unit(("en", "a"), ("sw", "b")))
    rows, problems = read(tmp_path, whole.replace("<tmx", '<!DOCTYPE tmx SYSTEM "tmx14.dtd">\n<tmx', 1))
    assert ([row.text for row in rows], problems) == (["a"], [])
    undeclared = whole.replace("<tmx", '<!DOCTYPE tmx SYSTEM "tmx14.dtd">\n<tmx', 1).replace(">a<", ">a&x;<")
    assert "the entity &x; is not declared" in read(tmp_path, undeclared)[1][0].what
    bomb = "<!ENTITY a0 'lol'>" + "".join(f"<!ENTITY a{n + 1} '{f'&a{n};' * 10}'>" for n in range(12))
    for inside in (bomb, "<!ENTITY a12 SYSTEM 'file:///etc/hostname'>", "<!ENTITY % p SYSTEM 'http://127.0.0.1/'> %p;"):
        content = whole.replace("<tmx", f"<!DOCTYPE tmx [{inside}]>\n<tmx", 1).replace(">a<", ">&a12;<")
        rows, (problem,) = read(tmp_path, content)
        assert (rows, problem.code, problem.warning) == ([], "doctype", False)


def test_odd_bytes_are_named(tmp_path: Path) -> None:
    content = memory(unit(("en", "café"), ("sw", "b")))
    _, problems = read(tmp_path, content.encode("latin-1"))
    assert [(problem.code, problem.line) for problem in problems] == [("utf-8", 4)]
    rows, problems = read(tmp_path, b"\xef\xbb\xbf" + content.replace("\n", "\r\n").encode())
    assert [row.text for row in rows] == ["café"]
    assert {problem.code for problem in problems} == {"bom", "crlf"}
    _, problems = read(tmp_path, content.replace("café", "x" * MAX_LINE))
    assert problems[0].code == "long-line"


def test_a_large_file_takes_little_memory(tmp_path: Path) -> None:
    units = "".join(unit(("en", f"{number} " + "x" * 300), ("sw", "y" * 300)) for number in range(8000))
    path = tmp_path / "a.tmx"
    path.write_text(memory(units))
    tracemalloc.start()
    count = sum(1 for _ in read_file(str(path), "tmx", lambda problem: None, kind="pairs"))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert count == 8000
    assert peak < 2_000_000
