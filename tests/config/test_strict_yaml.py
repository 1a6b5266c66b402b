"""YAML without its traps, both ways."""

from __future__ import annotations

import math

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from nlpkit.config.strict_yaml import dumps, loads
from nlpkit.errors import InputError

# "1e-5"-like texts and words that some YAML reader takes for a bool, a date, a time or nothing
TRAPS = ["2e-5", "12", "007", "-1", "1.", ".5", "+3", "0x1F", "0o17", "1_000", "1:30", "2024-01-01", "no", "Yes", "on"]
TRAPS += ["off", "y", "true", "True", "null", "Null", "~", "", "=", "<<", ".inf", ".nan", "- a", "a: b", "#x", "a #b"]
TRAPS += [
    "*x",
    "&x",
    "!!str",
    "%",
    "@x",
    "`",
    "---",
    "...",
    " a",
    "a ",
    "a\n",
    "\n",
    "\x85",
    "a\x85b",
    "\u2028",
    "\ufeff",
]
LEAVES = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text() | st.sampled_from(TRAPS)
)  # fmt: skip
PLAIN = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text() | st.sampled_from(TRAPS), inner, max_size=4),
    max_leaves=12,
)


def value(text: str) -> object:
    return loads(text)[0]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2e-5", 2e-5), ("2E-5", 2e-5), ("1e5", 1e5), ("-.5", -0.5), ("+.5", 0.5), ("1.", 1.0), ("3.14", 3.14),
        ("12", 12), ("-3", -3), ("+3", 3), ("true", True), ("False", False), ("null", None), ("~", None), ("", None),
    ],
)  # fmt: skip
def test_a_scalar_has_the_type_one_expects(text: str, expected: object) -> None:
    found = value(f"key: {text}")["key"]
    assert found == expected
    assert type(found) is type(expected)


@pytest.mark.parametrize(
    "text",
    ["no", "No", "yes", "on", "off", "y", "n", "1:30", "12:30:45", "2024-01-01", "2024-01-01 10:00:00", "1_000", "0x1F",
     "0o17", "1.2.3", "e5", "1e", "sw", "swh_Latn", "tRUE", "infinity", "٣"],
)  # fmt: skip
def test_what_looks_like_a_word_is_a_string(text: str) -> None:
    assert value(f"key: {text}") == {"key": text}


def test_infinity_and_nan_are_numbers_only_when_written_as_such() -> None:
    assert value("[.inf, -.inf, inf, nan]") == [math.inf, -math.inf, "inf", "nan"]
    assert math.isnan(value(".nan"))


@pytest.mark.parametrize("quoted", ['"5e-5"', "'12'", '"true"', "'null'", '""'])
def test_a_quoted_scalar_is_always_a_string(quoted: str) -> None:
    assert value(f"key: {quoted}") == {"key": quoted[1:-1]}


def test_a_block_scalar_is_a_string_even_of_digits() -> None:
    assert value("key: |\n  12\n") == {"key": "12\n"}


def test_keys_are_strings_whatever_they_look_like() -> None:
    assert value("on: 1\nno: 2\n1: 3\n2024-01-01: 4\nnull: 5\n") == {
        "on": 1, "no": 2, "1": 3, "2024-01-01": 4, "null": 5,
    }  # fmt: skip


def test_an_empty_text_is_nothing() -> None:
    assert loads("") == (None, {})
    assert value("# only a comment\n") is None


def refusal(text: str) -> InputError:
    with pytest.raises(InputError) as caught:
        loads(text, "my.yaml")
    assert caught.value.exit_code == 2
    return caught.value


def test_a_repeated_key_is_refused_with_both_lines() -> None:
    error = refusal("a: 1\nb: 2\n\na: 3\n")
    assert error.message == "my.yaml:4: key `a` stands twice, first on line 1"
    assert error.hint


def test_a_repeated_key_is_found_deep_inside_and_in_flow_style() -> None:
    assert "my.yaml:4: key `lr` stands twice, first on line 2" in refusal("s:\n- lr: 1\n  x: 1\n  lr: 2\n").message
    assert "my.yaml:1: key `a` stands twice" in refusal("k: {a: 1, a: 1}").message


def test_the_same_key_in_two_mappings_is_fine() -> None:
    assert value("[{a: 1}, {a: 2}]") == [{"a": 1}, {"a": 2}]


def test_an_alias_is_refused_by_line() -> None:
    assert refusal("a: &x 1\nb: *x\n").message == "my.yaml:2: aliases (`*name`) are not read"


def test_a_merge_key_merges_nothing() -> None:
    assert value("a: {<<: {b: 1}}") == {"a": {"<<": {"b": 1}}}


@pytest.mark.parametrize("tag", ["!!str", "!!python/object/apply:os.system", "!mine"])
def test_a_tag_is_refused_because_it_would_be_misread(tag: str) -> None:
    error = refusal(f"a: 1\nb: {tag} 5\n")
    assert error.message == f"my.yaml:2: tags (`{tag}`) are not read"


@pytest.mark.parametrize(
    ("text", "line"),
    [("a: [1\nb: 2", 2), ("a: [\n", 1), ("a: 1\n\tb: 2", 2), ("a: 1\n b: 2", 2), ("a: 'x", 1), ("a: 1\n---\nb: 2", 2),
     ("a: @x", 1), ("a: \x00", 1), ("a: 1\nb: \x07", 2), ("? [a]\n: 1", 1)],
)  # fmt: skip
def test_bad_yaml_is_one_error_that_names_a_line(text: str, line: int) -> None:
    error = refusal(text)
    assert error.message.startswith(f"my.yaml:{line}: ")
    assert "\n" not in error.message


def test_an_argument_that_is_not_utf8_is_refused() -> None:
    assert "UTF-8" in refusal("data\udcff.conll").message


def test_every_place_remembers_its_line() -> None:
    text = "# comment\na: 1\n\nb:\n  - x: 1\n    y: [5, 6]\n  - z:\n      long: |\n        text\n        text\n"
    text += "      last: 2\n"
    _, lines = loads(text)
    expected = {
        ("a",): 2, ("b",): 4, ("b", 0): 5, ("b", 0, "x"): 5, ("b", 0, "y"): 6, ("b", 0, "y", 1): 6, ("b", 1): 7,
        ("b", 1, "z"): 7, ("b", 1, "z", "long"): 8, ("b", 1, "z", "last"): 11,
    }  # fmt: skip
    assert {path: lines[path] for path in expected} == expected


def test_lines_are_right_after_crlf_and_a_byte_order_mark_is_no_key() -> None:
    _, lines = loads("a: 1\r\nb:\r\n  c: 2\r\n")
    assert lines["b", "c"] == 3


@given(PLAIN)
@settings(max_examples=300, deadline=None)
def test_what_is_written_is_read_back(data: object) -> None:
    assert value(dumps(data)) == data


@given(PLAIN)
@settings(max_examples=300, deadline=None)
def test_an_ordinary_yaml_reader_reads_the_same(data: object) -> None:
    assert yaml.safe_load(dumps(data)) == data


@pytest.mark.parametrize("number", [2e-5, 1e-4, 5e-324, 1e16, 1.5e300, 0.1, 5.0, -3e-9])
def test_a_number_stays_a_number(number: float) -> None:
    text = dumps({"lr": number})
    assert type(value(text)["lr"]) is float
    assert "!!" not in text
    assert '"' not in text


@pytest.mark.parametrize("text", TRAPS)
def test_a_string_stays_a_string(text: str) -> None:
    assert value(dumps({"key": text})) == {"key": text}


def test_nothing_is_written_as_an_alias() -> None:
    same = ["a"]
    text = dumps({"one": same, "two": same})
    assert "*" not in text
    assert value(text) == {"one": ["a"], "two": ["a"]}


def test_other_scripts_are_written_as_themselves() -> None:
    assert "पुणे" in dumps({"place": "पुणे"})


def test_keys_keep_their_order() -> None:
    assert list(value(dumps({"z": 1, "a": 2, "m": 3}))) == ["z", "a", "m"]
