"""What a vocabulary of sub-words is to be: the keys of ``nlpkit bpe train``."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Literal

from pydantic import Field, ValidationError, field_validator, model_validator

from nlpkit.config import strict_yaml
from nlpkit.config.explain import Strict, problems, refuse
from nlpkit.errors import InputError

MARKS = ("<unk>", "<s>", "</s>", "<pad>", "<mask>")  # the first pieces of every vocabulary
_CUTS: dict[str, tuple[str, ...]] = {  # the first is the default
    "bpe": ("metaspace", "whitespace", "byte-level"),
    "byte-bpe": ("byte-level",),
    "wordpiece": ("whitespace",),
    "unigram": ("metaspace",),
}
_KEY = re.compile(r"([a-z_]+)=(.*)", re.DOTALL)


class Subwords(Strict):
    """A vocabulary of sub-words."""

    algorithm: Literal["bpe", "byte-bpe", "wordpiece", "unigram"] = Field(
        "bpe", description="bpe (Sennrich et al., 2016), byte-bpe, wordpiece or unigram (Kudo, 2018)"
    )
    vocab_size: int = Field(32000, ge=8, description="pieces, with marks, tags and single characters")
    pre_tokenizer: Literal["whitespace", "metaspace", "byte-level"] | None = Field(
        None, description="how blanks are kept; default: metaspace (bpe, unigram), byte-level or whitespace (wordpiece)"
    )
    byte_fallback: bool = Field(False, description="256 pieces for the bytes of characters that were never seen")
    form: Literal["NFC", "NFKC", "none"] = Field("NFC", description="Unicode normal form that texts are brought to")
    lower: bool = Field(False, description="lower case")
    split_digits: bool = Field(False, description="each digit is a piece of its own")
    protected: list[str] = Field([], description="words that are never cut, e.g. [COVID-19]; not found inside words")
    language_tags: bool = Field(False, description="a piece <swh> for each language")
    min_frequency: int | None = Field(
        None, ge=1, description="a pair seen fewer times is not merged; default: 2; not for unigram"
    )
    temperature: float = Field(1.0, ge=1, description="languages get shares ~ lines^(1/temperature); 1: as they are")
    sample: int | None = Field(None, ge=1, description="learn from at most so many lines, drawn at random")
    parity: Literal["none", "window", "base"] = Field(
        "none", description="merges go to the language worst off (Foroutan et al., 2025): window, or base"
    )
    seed: int = Field(13, ge=0, description="of what is drawn")

    @field_validator("protected", mode="before")
    @classmethod
    def _one(cls, value: Any) -> Any:
        return [value] if isinstance(value, str) else value

    @model_validator(mode="after")
    def _fits(self) -> Subwords:
        if found := list(self._problems()):
            raise ValueError("; ".join(found))
        return self

    def _problems(self) -> Iterator[str]:
        cuts = _CUTS[self.algorithm]
        if self.pre_tokenizer is not None and self.pre_tokenizer not in cuts:
            yield f"{self.algorithm} goes with pre_tokenizer={' or '.join(cuts)}, not {self.pre_tokenizer}"
        elif self.byte_fallback and self.cut != "metaspace":
            yield f"byte_fallback is for pre_tokenizer=metaspace, not {self.cut}"
        elif self.protected and self.algorithm == "bpe" and self.cut == "whitespace":
            yield "protected is not for bpe with pre_tokenizer=whitespace: take metaspace"
        if bad := [word for word in self.protected if not word or word.split() != [word] or "\u2581" in word]:
            yield f"protected: {bad[0]!r} is empty or holds a blank"
        if self.parity != "none" and self.algorithm not in ("bpe", "byte-bpe"):
            yield f"parity is for bpe and byte-bpe, not {self.algorithm}"
        if self.parity != "none" and self.temperature != 1:
            yield "parity and temperature both balance languages: choose one"
        if self.algorithm == "unigram" and self.min_frequency is not None:
            yield "min_frequency is not for unigram"

    @property
    def cut(self) -> str:
        """The pre-tokenizer."""
        return self.pre_tokenizer or _CUTS[self.algorithm][0]

    @property
    def least(self) -> int:
        """How often a pair must have been seen."""
        return self.min_frequency or 2


def keys_and_files(texts: list[str]) -> tuple[list[str], list[str]]:
    """(texts that look like KEY=VALUE, the others); a file called so is written ./KEY=VALUE."""
    keys = [text for text in texts if _KEY.fullmatch(text)]
    return keys, [text for text in texts if not _KEY.fullmatch(text)]


def parse(texts: list[str]) -> Subwords:
    """The settings that KEY=VALUE texts give; values are YAML. Raises InputError that names every fault."""
    data: dict[str, Any] = {}
    for text in texts:
        key, _, value = text.partition("=")
        if key in data:
            raise InputError(f"`{key}` is given twice", "leave one of them out")
        data[key] = strict_yaml.loads(value, f"`{text}`")[0]
    try:
        return Subwords.model_validate(data)
    except ValidationError as error:
        found = problems(error, Subwords, data, {(): 0})
        plain = [text.removeprefix("override: ").removeprefix("top level: ") for text in found]
        raise refuse("KEY=VALUE", plain, "keys: " + ", ".join(Subwords.model_fields)) from None


def pairs(model: dict[str, Any]) -> list[tuple[str, str]]:
    """The merges of a BPE model, in either of the two ways that tokenizer.json has them."""
    found = (pair.split(" ") if isinstance(pair, str) else pair for pair in model["merges"])
    return [(left, right) for left, right in found]
