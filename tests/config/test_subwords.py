"""Settings of `nlpkit bpe train`: all faults at once."""

from __future__ import annotations

import pytest

from nlpkit.config.subwords import Subwords, keys_and_files, parse
from nlpkit.errors import InputError


def test_defaults_by_algorithm() -> None:
    assert [Subwords(algorithm=name).cut for name in ("bpe", "byte-bpe", "wordpiece", "unigram")] == [
        "metaspace", "byte-level", "whitespace", "metaspace",
    ]  # fmt: skip
    assert parse(["protected=COVID-19"]).protected == ["COVID-19"]
    assert parse(["protected=[a-b, c.d]", "form=none"]).protected == ["a-b", "c.d"]


def test_all_faults_are_told() -> None:
    with pytest.raises(InputError) as found:
        parse(["vocab_sise=9", "algorithm=bqe", "temperature=0.5", "sample=0"])
    text = found.value.message
    assert "4 problems" in text
    assert "did you mean `vocab_size`" in text
    assert all(name in text for name in ("algorithm", "temperature", "sample"))
    assert "byte_fallback" in found.value.hint


@pytest.mark.parametrize(
    ("given", "what"),
    [
        (["algorithm=wordpiece", "pre_tokenizer=metaspace"], "wordpiece goes with"),
        (["algorithm=byte-bpe", "byte_fallback=true"], "byte_fallback is for"),
        (["algorithm=unigram", "parity=window"], "parity is for"),
        (["parity=base", "temperature=2"], "choose one"),
        (["algorithm=unigram", "min_frequency=3"], "not for unigram"),
        (["protected=[a b]"], "holds a blank"),
        (["pre_tokenizer=whitespace", "protected=[ab]"], "protected is not for"),
        (["seed=1", "seed=2"], "twice"),
    ],
)
def test_what_does_not_fit(given: list[str], what: str) -> None:
    with pytest.raises(InputError, match=what):
        parse(given)


def test_files_and_keys() -> None:
    assert keys_and_files(["a.txt", "lower=true", "./x=1", "b:swh", "-"]) == (
        ["lower=true"],
        ["a.txt", "./x=1", "b:swh", "-"],
    )
