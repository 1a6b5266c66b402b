"""JSON Lines: offsets that are right, and every wrong one named by its line."""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nlpkit.data.rows import JSON, TokenRow, surface
from nlpkit.text.spans import from_spans, to_spans
from nlpkit.text.tokens import words

TEXT = "Rani wa Pwani alicheka."


def line(**data: object) -> str:
    return json.dumps(data, ensure_ascii=False) + "\n"


def entity(start: object, end: object, label: object = "PER", **more: object) -> dict[str, object]:
    return {"start": start, "end": end, "label": label, **more}


def test_tokens_and_tags(read) -> None:
    (row,) = read(line(id="a", tokens=["Rani", "alicheka"], tags=["B-PER", "O"], lang="swh_Latn"), "jsonl")
    assert (row.id, row.tokens, row.tags, row.lang) == ("a", ("Rani", "alicheka"), ("B-PER", "O"), "swh_Latn")


@pytest.mark.parametrize("given", [{}, {"tags": None}, {"entities": None}, {"label": "positive"}])
def test_rows_may_be_untagged(read, given: dict[str, None]) -> None:
    first, second = read(line(tokens=["Rani"], **given) + line(text="Rani alicheka", **given), "jsonl")
    assert (first.tags, second.tags) == (None, None)
    assert second.tokens == ("Rani", "alicheka")


@pytest.mark.parametrize(
    "given",
    [
        {"entities": [entity(8, 13, "LOC"), entity(0, 4)]},
        {"entities": [entity(0, 4, text="Rani"), entity(8, 13, "LOC", text="Pwani", id=3)]},
        {"spans": [entity(0, 4), entity(8, 13, "LOC")]},
        {"label": [[0, 4, "PER"], [8, 13, "LOC"]]},
        {"entities": [[8, 13, "LOC"], [0, 4, "PER"]]},
    ],
)
def test_entities_in_each_of_their_spellings(read, given: dict[str, object]) -> None:
    (row,) = read(line(text=TEXT, **given), "jsonl")
    assert row.tokens == ("Rani", "wa", "Pwani", "alicheka", ".")
    assert row.tags == ("B-PER", "O", "B-LOC", "O", "O")


@pytest.mark.parametrize("key", ["entities", "spans", "label"])
def test_no_entities_means_all_outside(read, key: str) -> None:
    (row,) = read(line(text=TEXT, **{key: []}), "jsonl")
    assert row.tags == ("O",) * 5


def test_entities_beside_tokens_become_tags(read, refused) -> None:
    tokens = ["Rani", "wa", "Pwani", "alicheka."]
    (row,) = read(line(text=TEXT, tokens=tokens, entities=[entity(0, 13)]), "jsonl")
    assert (list(row.tokens), row.tags) == (tokens, ("B-PER", "I-PER", "I-PER", "O"))
    assert refused(line(text=TEXT, tokens=tokens, entities=[entity(14, 22)]), "jsonl").startswith("f:1: ")
    assert refused(line(tokens=tokens, entities=[entity(0, 4)]), "jsonl").startswith("f:1: ")


def test_an_entity_inside_a_word_cuts_the_word(read) -> None:
    (row,) = read(line(text="nyumbani-Kisumu leo", entities=[entity(9, 15, "LOC")]), "jsonl")
    assert row.tokens == ("nyumbani-", "Kisumu", "leo")
    assert row.tags == ("O", "B-LOC", "O")


def test_two_entities_inside_one_word(read) -> None:
    (row,) = read(line(text="abcdef", entities=[entity(1, 3, "X"), entity(3, 5, "X")]), "jsonl")
    assert (row.tokens, row.tags) == (("a", "bc", "de", "f"), ("O", "B-X", "B-X", "O"))


def test_keys_may_be_renamed(read) -> None:
    content = line(words=["Rani"], ner=["B-PER"], nr=7, code="swh_Latn")
    (row,) = read(content, "jsonl", {"tokens": "words", "tags": "ner", "id": "nr", "lang": "code"})
    assert (row.id, row.tokens, row.tags, row.lang) == ("7", ("Rani",), ("B-PER",), "swh_Latn")
    (row,) = read(line(sentence="Rani", marks=[[0, 4, "PER"]]), "jsonl", {"text": "sentence", "entities": "marks"})
    assert row.tags == ("B-PER",)


def test_null_is_no_id_and_no_language(read) -> None:
    (row,) = read(line(id=None, lang=None, tokens=["a"]), "jsonl")
    assert (row.id, row.lang) == ("1", "")


@pytest.mark.parametrize(
    ("given", "what"),
    [
        ({"entities": [entity(0, 99)]}, "PER 0-99 lies outside the text of 23 characters"),
        ({"entities": [entity(-2, 3)]}, "PER -2-3 lies outside"),
        ({"entities": [entity(3, 3)]}, "PER 3-3 lies outside"),
        ({"entities": [entity(5, 2)]}, "PER 5-2 lies outside"),
        ({"entities": [entity(1, 5, text="Rani")]}, "PER 1-5 is `ani `, not `Rani`"),
        ({"entities": [entity(0, 5)]}, "PER 0-5 begins or ends with a blank"),
        ({"entities": [entity(4, 7)]}, "PER 4-7 begins or ends with a blank"),
        ({"entities": [entity(0, 7), entity(5, 13)]}, "overlap"),
        ({"entities": [entity(0, 4), entity(0, 4)]}, "overlap"),
        ({"entities": [entity(0, 13), entity(5, 7, "LOC")]}, "overlap"),
        ({"entities": [entity("0", 4)]}, "is no entity"),
        ({"entities": [entity(0.0, 4)]}, "is no entity"),
        ({"entities": [entity(False, True)]}, "is no entity"),
        ({"entities": [entity(0, 4, 3)]}, "is no entity"),
        ({"entities": [entity(0, 4, "")]}, "is no entity"),
        ({"entities": [entity(0, 4, None)]}, "is no entity"),
        ({"entities": [{"start": 0, "end": 4}]}, "is no entity"),
        ({"entities": [[0, 4]]}, "is no entity"),
        ({"entities": ["Rani"]}, "is no entity"),
        ({"entities": {"start": 0}}, "`entities` is not a list"),
    ],
)
def test_a_wrong_entity_is_an_error_by_line(refused, given: dict[str, object], what: str) -> None:
    message = refused(line(text="a") + line(text=TEXT, **given), "jsonl")
    assert message.startswith("f:2: ")
    assert what in message


def test_offsets_in_bytes_are_noticed_and_explained(collect) -> None:
    text = "Zoë et Noémi"
    start = len("Zoë et ".encode())
    content = line(text=text, entities=[entity(start, start + len("Noémi".encode()), text="Noémi")])
    rows, problems = collect(content, "jsonl")
    assert (rows, problems[0].code, problems[0].fix) == ([], "offsets", "count characters, not bytes")


def test_offsets_in_utf16_units_are_noticed(refused) -> None:
    message = refused(line(text="😀 Rani x", entities=[entity(3, 7, text="Rani")]), "jsonl")
    assert message == "f:1: PER 3-7 is `ani `, not `Rani`"


@pytest.mark.parametrize(
    ("given", "what"),
    [
        ({"tokens": ["a", "b"], "tags": ["O"]}, "1 tag for 2 tokens"),
        ({"tokens": ["a"], "tags": ["O", "O"]}, "2 tags for 1 token"),
        ({"tokens": ["a"], "tags": []}, "0 tags for 1 token"),
        ({"tokens": ["a"], "tags": "O"}, "tags for 1 token"),
        ({"tokens": ["a", "b"], "tags": [0, 3]}, "tags are not "),
        ({"tokens": ["a", "b"], "tags": ["O", None]}, "tags are not "),
        ({"tokens": ["a", "b"], "tags": ["O", ""]}, "tags are not "),
        ({"tokens": "a b"}, "`tokens` is not a list"),
        ({"tokens": ["a", ""]}, "`tokens` is not a list of non-empty strings"),
        ({"tokens": [1]}, "`tokens` is not a list of non-empty strings"),
        ({"tokens": [{"text": "a"}]}, "`tokens` is not a list of non-empty strings"),
        ({"text": 3}, "`text` is not a string"),
        ({"text": ["a"]}, "`text` is not a string"),
        ({"sentence": "a"}, "neither `text` nor `tokens`"),
        ({}, "neither `text` nor `tokens`"),
    ],
)
def test_a_wrong_row_is_an_error_by_line(refused, given: dict[str, object], what: str) -> None:
    message = refused(line(text="a") + line(**given), "jsonl")
    assert message.startswith("f:2: ")
    assert what in message


def test_a_number_that_is_not_finite_is_an_error(refused) -> None:
    for text in ("NaN", '{"text": "a", "x": 1e999}', '{"text": "a", "x": -Infinity}'):
        assert "is not finite" in refused(line(text="a") + text + "\n", "jsonl")


@pytest.mark.parametrize("text", ["[1, 2]", '"text"', "3", "null", "true"])
def test_a_line_that_is_no_object_is_an_error(refused, text: str) -> None:
    assert refused(line(text="a") + text + "\n", "jsonl") == "f:2: not a JSON object"


@pytest.mark.parametrize(
    "text", ['{"text": "a"', "{'text': 'a'}", "text", '{"text": "a"} {"text": "b"}', '{"n": ' + "9" * 5000 + "}"]
)
def test_a_line_that_is_no_json_is_an_error(refused, text: str) -> None:
    assert refused(line(text="a") + text + "\n", "jsonl").startswith("f:2: not JSON")


@pytest.mark.parametrize(
    "text", ["[" * 200_000, '{"a":' * 200_000, '{"text": "a", "b": ' + "[" * 900 + "]" * 900 + "}"]
)
def test_brackets_without_end_are_no_crash(collect, text: str) -> None:
    _, problems = collect(text + "\n" + line(text="b"), "jsonl")
    assert {problem.line for problem in problems} <= {1}


@pytest.mark.parametrize(
    "text",
    [
        r'{"text": "a \ud800"}',
        r'{"text": "\uDFFF a"}',
        r'{"text": "\udc00\ud800"}',
        r'{"tokens": ["a", "\ud83d"], "tags": ["O", "O"]}',
        r'{"tokens": ["a"], "tags": ["B-\ud800"]}',
        r'{"text": "a", "id": "\ud800"}',
        r'{"text": "a", "lang": "\ud800"}',
        r'{"text": "a", "entities": [[0, 1, "\ud800"]]}',
        r'{"text": "a", "entities": [{"start": 0, "end": 1, "label": "X", "text": "\ud800"}]}',
    ],
)
def test_half_a_surrogate_pair_is_an_error_by_line(refused, text: str) -> None:
    message = refused(line(text="a") + text + "\n", "jsonl")
    assert message.startswith("f:2: ")
    assert "surrogate" in message
    message.encode()


def test_whole_surrogate_pairs_and_escaped_backslashes_are_read(read) -> None:
    first, second = read('{"text": "a \\ud83d\\ude00"}\n{"text": "\\\\ud800"}\n', "jsonl")
    assert (first.text, second.text) == ("a 😀", "\\ud800")


def test_empty_lines_are_warned_of_and_rows_keep_their_lines(collect) -> None:
    rows, problems = collect("\n" + line(text="a") + " \n" + line(text="b"), "jsonl")
    assert [(row.text, row.line) for row in rows] == [("a", 2), ("b", 4)]
    assert [(problem.code, problem.line, problem.warning) for problem in problems] == [
        ("empty-line", 1, True),
        ("empty-line", 3, True),
    ]


def test_rows_without_words_keep_their_place(read, dump) -> None:
    rows = read(line(text="a") + line(text="") + line(text=" ") + line(tokens=[], tags=[]), "jsonl")
    assert [row.tokens for row in rows] == [("a",), (), (), ()]
    assert [row.text for row in read(dump(rows, "jsonl"), "jsonl")] == ["a", "", " ", ""]


def test_collecting_reads_on_past_every_bad_line(collect) -> None:
    rows, problems = collect("{\n" + line(text="a") + "[]\n" + line(tokens=[1]) + line(text="b"), "jsonl")
    assert [row.text for row in rows] == ["a", "b"]
    assert [problem.line for problem in problems] == [1, 3, 4]


def test_tokens_are_found_in_their_text(read) -> None:
    (row,) = read(line(text="ha ha, haha", tokens=["ha", "ha", ",", "haha"]), "jsonl")
    assert row.offsets == [(0, 2), (3, 5), (5, 6), (7, 11)]


def test_a_text_in_which_the_tokens_do_not_stand_is_set_aside_aloud(collect) -> None:
    (row,), problems = collect(line(text="caf\u00e9 x", tokens=["cafe\u0301", "x"]), "jsonl")
    assert (row.tokens, row.text) == (("cafe\u0301", "x"), None)
    assert [(problem.code, problem.line, problem.warning) for problem in problems] == [("offsets", 1, True)]


def test_written_offsets_are_read_back_as_they_are(read, dump) -> None:
    row = TokenRow("1", ("a", "a"), None, text="a a a", offsets=[(0, 1), (4, 5)])
    assert read(dump([row], "jsonl"), "jsonl")[0].offsets == [(0, 1), (4, 5)]


@pytest.mark.parametrize("offsets", [[[0, 2]], "x", [[0, 1], [1, 2]], [[0, "1"]], [[True, 2]], [5], [[0, 1, 2]], None])
def test_offsets_that_do_not_fit_are_worked_out_anew(read, offsets: object) -> None:
    (row,) = read(line(text=" a b", tokens=["a"], offsets=offsets), "jsonl")
    assert row.offsets == [(1, 2)]


def test_an_entity_has_the_lowest_score_of_its_tokens(dump) -> None:
    row = TokenRow("1", ("Rani", "wa", "x"), ("B-PER", "I-PER", "O"), scores=(0.9, 0.51239, 0.1))
    (item,) = json.loads(dump([row], "jsonl"))["entities"]
    assert item == {"start": 0, "end": 7, "label": "PER", "text": "Rani wa", "score": 0.5124}


def test_what_is_written_is_json_that_others_can_read(dump) -> None:
    row = TokenRow("é", ("a\u2028b", "\u05e9\u05dc\u05d5\u05dd"), ("O", "B-X"), "heb_Hebr")
    text = dump([row], "jsonl")
    assert text.count("\n") == 1
    assert "\u05e9\u05dc\u05d5\u05dd" in text
    data = json.loads(text)
    assert list(data) == ["id", "lang", "text", "tokens", "offsets", "tags", "entities"]
    assert [data["text"][start:end] for start, end in data["offsets"]] == data["tokens"]


SCRIPTS = st.sampled_from(
    ["😀", "👩‍👩‍👧", "👍🏽", "🇰🇪", "e\u0301", "q\u0323\u0307", "\u05e9\u05b8\u05dc", "\u200f\u0639\u0645\u0651", "नमस्ते",
     "𝕏", "\u200b", " ", "  ", "\u00a0", "\u2028", "\t", "東京", "สวัสดี", "Kisumu", "it's", "3.14", "@x",
     "http://a.b/c", ".", '"', "\\", "\ufeff", "\ufffd"]
)  # fmt: skip
TEXTS = st.lists(st.one_of(SCRIPTS, st.text(st.characters(exclude_categories=["Cs"]), max_size=3)), max_size=12).map(
    "".join
)


@st.composite
def tagged(draw: st.DrawFn) -> TokenRow:
    """A row of running text whose tags are legal IOB2."""
    text = draw(TEXTS)
    offsets = words(text)
    edges = sorted(draw(st.sets(st.integers(0, len(offsets)), max_size=6)))
    spans = [
        (label, start, end)
        for start, end in pairwise(edges)
        if (label := draw(st.sampled_from(["", "PER", "creative-work"])))
    ]
    tags = tuple(from_spans(spans, len(offsets)))  # type: ignore[arg-type]
    return TokenRow("1", tuple(text[start:end] for start, end in offsets), tags, text=text, offsets=offsets, line=1)


@settings(deadline=None, max_examples=200)
@given(tagged())
def test_written_offsets_give_the_entity(read, dump, row: TokenRow) -> None:
    written = dump([row], "jsonl")
    data = json.loads(written)
    assert data["text"] == row.text
    for item in data["entities"]:
        assert data["text"][item["start"] : item["end"]] == item["text"]
    assert len(data["entities"]) == len(to_spans(row.tags or ()))
    (again,) = read(written, "jsonl")
    assert json.loads(again.extra[JSON]) == {"entities": data["entities"]}  # for a writer that has none of its own
    assert replace(again, extra={}) == row


@settings(deadline=None, max_examples=200)
@given(tagged())
def test_text_and_entities_alone_give_the_same_entities(read, row: TokenRow) -> None:
    from nlpkit.data.formats.tokens.jsonl import entities

    found = [item for item in entities(row) if item["text"].strip() == item["text"]]
    (again,) = read(line(text=row.text, entities=found), "jsonl")
    assert entities(again) == found
    assert again.tokens == row.tokens


@settings(deadline=None)
@given(
    st.lists(
        st.lists(
            st.tuples(st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=5), st.sampled_from("ON")),
            max_size=4,
        ),
        max_size=4,
    ),
    st.booleans(),
)
def test_any_tokens_are_read_back(read, dump, rows: list[list[tuple[str, str]]], with_tags: bool) -> None:
    made = [
        TokenRow(f"r{n}", tuple(t for t, _ in row), tuple(t for _, t in row) if with_tags else None, "fra_Latn")
        for n, row in enumerate(rows)
    ]
    back = read(dump(made, "jsonl"), "jsonl")
    assert [(row.id, row.tokens, row.tags, row.lang) for row in back] == [
        (row.id, row.tokens, row.tags, row.lang) for row in made
    ]
    assert [surface(row) for row in back] == [(text, list(offsets)) for text, offsets in map(surface, made)]


def test_keys_of_the_user_come_back(read, dump) -> None:
    rows = read('{"doc": 7, "text": "Juma", "meta": {"url": "x"}}\n', "jsonl")
    written = json.loads(dump(rows, "jsonl"))
    assert written["doc"] == 7
    assert written["meta"] == {"url": "x"}
    assert written["tokens"] == ["Juma"]
