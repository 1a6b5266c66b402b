"""CoNLL-U: nothing but the tag column may change."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nlpkit.data.rows import TokenRow, surface
from nlpkit.errors import InputError, counted

TREE = """\
# newdoc id = d1
# sent_id = d1-s1
# text = Dáme vamos al mar.
# lang = spa_Latn
# a comment without a sign
1-2\tDáme\t_\t_\t_\t_\t_\t_\t_\tSpaceAfter=Yes
1\tDá\tdar\tVERB\tV\tMood=Imp|Number=Sing\t0\troot\t0:root\tGloss=give
2\tme\tyo\tPRON\tP\tCase=Dat\t1\tobj\t1:obj\t_
3\tvamos\tir\tVERB\tV\t_\t1\tdep\t1:dep\tzeta=1|NER=O|Alpha=2
3.1\tpues\tpues\tADV\t_\t_\t_\t_\t3:advmod\t_
# a comment inside
4-5\tal\t_\t_\t_\t_\t_\t_\t_\t_
4\ta\ta\tADP\tE\t_\t6\tcase\t6:case\t_
5\tel\tel\tDET\tD\t_\t6\tdet\t6:det\t_
6\tmar\tmar\tNOUN\tN\t_\t3\tobl\t3:obl\tSpaceAfter=No|NER=B-LOC
7\t.\t.\tPUNCT\tF\t_\t3\tpunct\t3:punct\t_

# sent_id = d1-s2
# text = Sí, no
1\tSí\tsí\tINTJ\tI\t_\t0\troot\t_\tSpaceAfter=No
2\t,\t,\tPUNCT\tF\t_\t1\tpunct\t_\t_
3\tno\tno\tINTJ\tI\t_\t1\tconj\t_\tNER=O

"""
PLACES = ["upos", "xpos", "lemma", "feats", "misc:NER", "misc:Gloss", "feats:Number", "feats:Case"]


def word(number: int | str, form: str = "x", upos: str = "X", misc: str = "_") -> str:
    return f"{number}\t{form}\t_\t{upos}\t_\t_\t_\t_\t_\t{misc}\n"


def test_words_and_tags_without_multiword_lines_and_empty_nodes(read) -> None:
    first, second = read(TREE, "conllu")
    assert first.tokens == ("Dá", "me", "vamos", "a", "el", "mar", ".")
    assert first.tags == ("VERB", "PRON", "VERB", "ADP", "DET", "NOUN", "PUNCT")
    assert (first.id, first.lang, first.line) == ("d1-s1", "spa_Latn", 7)
    assert (second.id, second.lang, second.line) == ("d1-s2", "", 20)
    assert list(first.lines) == [7, 8, 9, 13, 14, 15, 16]


def test_the_text_of_a_sentence_without_multiword_tokens_is_rebuilt(read) -> None:
    first, second = read(TREE, "conllu")
    assert first.text is None
    assert (second.text, second.offsets) == ("Sí, no", [(0, 2), (2, 3), (4, 6)])


@pytest.mark.parametrize(
    ("place", "tags"),
    [
        ("xpos", ["V", "P", "V", "E", "D", "N", "F"]),
        ("misc:NER", ["O", "O", "O", "O", "O", "B-LOC", "O"]),
        ("feats:Case", ["O", "Dat", "O", "O", "O", "O", "O"]),
    ],
)
def test_the_tag_may_stand_in_any_column_or_key(read, place: str, tags: list[str]) -> None:
    assert list(read(TREE, "conllu", {"tag": place})[0].tags) == tags


@pytest.mark.parametrize("place", ["ner", "upos:NER", "misc2:NER", "", 3])
def test_a_place_that_is_none_is_refused(refused, place: str | int) -> None:
    assert f"no CoNLL-U column `{place}`" in refused(TREE, "conllu", {"tag": place})


@pytest.mark.parametrize("place", PLACES)
def test_what_is_read_is_written_byte_for_byte(read, dump, place: str) -> None:
    assert dump(read(TREE, "conllu", {"tag": place}), "conllu") == TREE
    assert dump(read(TREE, "conllu", {"tag": place}), "conllu", columns={"tag": place}) == TREE


def test_rows_without_tags_are_written_as_they_stood(read, dump) -> None:
    rows = [replace(row, tags=None) for row in read(TREE, "conllu", {"tag": "misc:NER"})]
    assert dump(rows, "conllu") == TREE


def cells(text: str) -> list[list[str]]:
    return [line.split("\t") for line in text.split("\n")]


@pytest.mark.parametrize(("place", "column"), [("upos", 3), ("xpos", 4), ("misc:NER", 9)])
def test_only_the_tag_column_changes(read, dump, place: str, column: int) -> None:
    """The writer puts the tag where the reader found it, though it is told nothing of it."""
    rows = [replace(row, tags=["B-Q"] * len(row.tokens)) for row in read(TREE, "conllu", {"tag": place})]
    text = dump(rows, "conllu")
    before, after = cells(TREE), cells(text)
    assert len(before) == len(after)
    changed = {at for old, new in zip(before, after, strict=True) for at in range(len(old)) if old[at] != new[at]}
    assert changed == {column}
    assert [list(row.tags) for row in read(text, "conllu", {"tag": place})] == [row.tags for row in rows]


def test_other_keys_of_misc_keep_their_order(read, dump) -> None:
    rows = [replace(row, tags=["B-Q"] * len(row.tokens)) for row in read(TREE, "conllu", {"tag": "misc:NER"})]
    text = dump(rows, "conllu")
    assert "zeta=1|NER=B-Q|Alpha=2\n" in text
    assert "SpaceAfter=No|NER=B-Q\n" in text
    assert "Gloss=give|NER=B-Q\n" in text


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (word(1) + word(3), "f:2: word 3 where 2 was expected"),
        (word(2), "f:1: word 2 where 1 was expected"),
        (word(1) + word(1), "f:2: word 1 where 2 was expected"),
        (word(0), "f:1: `0` is no word number"),
        (word("01"), "f:1: `01` is no word number"),
        (word("a"), "f:1: `a` is no word number"),
        (word("-1"), "f:1: `-1` is no word number"),
        (word("١"), "f:1: `١` is no word number"),
        (word("2-1") + word(1), "f:1: multiword token 2-1 "),
        (word("2-3") + word(1), "f:1: multiword token 2-3 "),
        (word("1-1") + word(1), "f:1: multiword token 1-1 "),
        (word("1-2") + word(1) + word("2-3") + word(2) + word(3), "f:3: multiword token 2-3 "),
        (word("1-3") + word(1) + word(2), "f:1: multiword token 1-3 "),
        (word("9" * 5000), "f:1: "),
        (word("1-" + "9" * 5000), "f:1: "),
        (word("1." + "9" * 5000) + word(1), ""),
    ],
)
def test_wrong_word_numbers_are_errors_by_line(collect, refused, content: str, message: str) -> None:
    if not message:
        assert collect(content + "\n", "conllu")[1] == []
        return
    assert refused(content + "\n", "conllu").startswith(message)


def test_glued_sentences_are_noticed(collect) -> None:
    _, problems = collect(word(1) + word(2) + "# sent_id = b\n" + word(1) + "\n", "conllu")
    assert [(problem.line, problem.code) for problem in problems] == [(4, "ids")]
    assert "empty line" in problems[0].fix


@pytest.mark.parametrize("fields", [1, 7, 9, 11])
def test_a_wrong_number_of_columns_is_an_error_by_line(refused, fields: int) -> None:
    bad = "\t".join(["2", "x", *["_"] * 9][:fields])
    assert refused(f"{word(1)}{bad}\n\n", "conllu") == f"f:2: {counted(fields, 'column')}, 10 expected (cut at tabs)"


def test_blanks_instead_of_tabs_are_an_error(refused) -> None:
    assert refused(word(1).replace("\t", " ") + "\n", "conllu").startswith("f:1: 1 column, 10 expected")


@pytest.mark.parametrize(
    ("line", "place", "message"),
    [
        (word(2, ""), "upos", "f:2: the form is empty"),
        (word(2, " "), "upos", "f:2: the form is empty"),
        (word(2, upos=""), "upos", "f:2: the tag is empty"),
        (word(2, misc="NER="), "misc:NER", "f:2: the tag is empty"),
    ],
)
def test_an_empty_field_is_an_error_by_line(refused, line: str, place: str, message: str) -> None:
    assert refused(word(1) + line + "\n", "conllu", {"tag": place}) == message


def test_a_block_of_comments_alone_is_an_error(refused) -> None:
    assert refused("# one\n# two\n\n" + word(1) + "\n", "conllu") == "f:1: a block without words"


@pytest.mark.parametrize("content", [TREE.rstrip("\n"), TREE.rstrip("\n") + "\n"])
def test_a_missing_last_empty_line_is_a_warning(collect, content: str) -> None:
    rows, problems = collect(content, "conllu")
    assert len(rows) == 2
    assert [(problem.line, problem.code, problem.warning) for problem in problems] == [(22, "final-line", True)]


def test_a_separator_that_holds_blanks_is_a_warning(collect) -> None:
    rows, problems = collect(word(1) + "\t\n" + word(1) + "\n", "conllu")
    assert len(rows) == 2
    assert [(problem.line, problem.code, problem.warning) for problem in problems] == [(2, "stray-blank", True)]


def test_crlf_and_bom_leave_no_trace(collect) -> None:
    rows, problems = collect(("\ufeff" + TREE.replace("\n", "\r\n")).encode(), "conllu")
    assert [row.id for row in rows] == ["d1-s1", "d1-s2"]
    assert rows[0].lang == "spa_Latn"
    assert {problem.code for problem in problems} == {"crlf", "bom"}


@pytest.mark.parametrize("form", ["10\u00a0000", "New York", "a\u2028b", "a\x85b", "#", "\u00a0"])
def test_forms_may_hold_odd_blanks(read, dump, form: str) -> None:
    content = word(1, form) + word(2, "y") + "\n"
    (row,) = read(content, "conllu")
    assert row.tokens == (form, "y")
    assert dump([row], "conllu") == content


def test_the_text_holds_each_token_though_it_ends_in_a_blank(read) -> None:
    (row,) = read(word(1, "a ") + word(2, "b ") + "\n", "conllu")
    text, offsets = surface(row)
    assert [text[start:end] for start, end in offsets] == ["a ", "b "]


def test_rows_from_elsewhere_become_conllu(read, dump) -> None:
    row = TokenRow("7", ("Asha", "sings"), ("PROPN", "VERB"), "eng_Latn")
    (again,) = read(dump([row], "conllu"), "conllu")
    assert (again.id, again.tokens, again.tags, again.lang) == ("7", row.tokens, row.tags, "eng_Latn")
    assert again.text == "Asha sings"
    (again,) = read(dump([row], "conllu", columns={"tag": "misc:POS"}), "conllu", {"tag": "misc:POS"})
    assert again.tags == row.tags


@pytest.mark.parametrize(
    "row",
    [
        TokenRow("7", ("ok", "a\tb"), ("X", "X")),
        TokenRow("7", ("a\nb",), ("X",)),
        TokenRow("7", ("",), ("X",)),
        TokenRow("7", ("ok",), ("X\tY",)),
        TokenRow("7\n1", ("ok",), ("X",)),
    ],
)
def test_what_conllu_cannot_hold_is_refused(dump, row: TokenRow) -> None:
    with pytest.raises(InputError, match="row 7"):
        dump([row], "conllu")


FORMS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\t\n\0"), min_size=1, max_size=5).filter(
    lambda form: bool(form.strip(" "))
)
WORDS = st.lists(st.tuples(FORMS, st.sampled_from(["NOUN", "B-PER", "O"])), min_size=1, max_size=5)


@settings(deadline=None)
@given(st.lists(WORDS, max_size=4), st.sampled_from(["upos", "xpos", "misc:NER"]))
def test_what_is_written_is_read_back(collect, dump, rows: list[list[tuple[str, str]]], place: str) -> None:
    made = [TokenRow(str(n), *zip(*row, strict=True)) for n, row in enumerate(rows, 1)]
    text = dump(made, "conllu", columns={"tag": place})
    back, problems = collect(text, "conllu", {"tag": place})
    assert [list(zip(row.tokens, row.tags, strict=True)) for row in back] == rows
    assert [problem.code for problem in problems if not problem.warning] == []
    assert dump(back, "conllu") == text
