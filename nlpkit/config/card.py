"""The data card: a Hugging Face dataset card whose ``nlpkit:`` block says where rows are and how to read them."""

from __future__ import annotations

import re
from pathlib import Path, PurePosixPath
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from nlpkit.config import explain, places, strict_yaml
from nlpkit.config.explain import Strict
from nlpkit.errors import InputError

_CODE = r"[a-z]{3}_[A-Z][a-z]{3}"
PAIR_CODE = r"^[a-z]{3}(-[a-z]{3})?(_[A-Z][a-z]{3})?$"  # of pairs also `eng`, and `hin-eng` for mixed text
_FRONT = re.compile(r"\s*^---[ \t]*\n(.*?)^---[ \t]*$", re.DOTALL | re.MULTILINE)


def _inside(path: str) -> str:
    parts = PurePosixPath(path)
    if parts.is_absolute() or ".." in parts.parts or "\\" in path:
        raise ValueError(f"`{path}` must stay inside the card's folder")
    return path


class CardFile(Strict):
    """One file to download."""

    url: str = Field(pattern=r"^https?://", description="address at a pinned version")
    path: str = Field(description="its name in the card's folder")
    sha256: str | None = Field(None, pattern=r"^[0-9a-f]{64}$", description="of the downloaded bytes")
    bytes: int | None = Field(None, ge=0, description="its size")
    unpack: Literal["zip", "tar"] | None = Field(
        None, description="unpacked into the card's folder (tar: also .gz .bz2 .xz)"
    )

    _path = field_validator("path")(_inside)


class CardSplit(Strict):
    """One split."""

    path: str = Field(description="file in the card's folder; a copy ending in .gz or .zst serves too")
    rows: int | None = Field(None, ge=0, description="number of rows")
    sha256: str | None = Field(
        None, pattern=r"^[0-9a-f]{64}$", description="of the uncompressed content that figures were measured on"
    )
    columns: dict[str, int | str] = Field({}, description="where this split has what, beside the card's columns")
    licence: str | None = Field(None, description="of this split, where it is not the card's")
    note: str | None = Field(None, description="how it differs from the published split")

    _path = field_validator("path")(_inside)


class CardFormat(Strict):
    name: Literal["conll", "conllu", "jsonl", "tsv", "csv", "moses", "tmx", "text"]
    columns: dict[str, int | str] = Field({}, description="where the format finds what")


class CardLabels(Strict):
    scheme: Literal["auto", "iob1", "iob2", "iobes", "bilou"] | None = Field(
        None, description="tag scheme in the files"
    )
    types: list[str] = Field(default=[], description="the labels or entity types")


class CardText(Strict):
    lang: str | None = Field(None, pattern=PAIR_CODE, description="ISO 639-3 and ISO 15924; none when rows name theirs")
    target_lang: str | None = Field(
        None, pattern=PAIR_CODE, description="the same of the targets of pairs; `hin-eng` is mixed text"
    )
    form: Literal["NFC", "NFD", "mixed"] = Field("NFC", description="Unicode normal form of the files")


class CardBlock(Strict):
    """The ``nlpkit:`` block."""

    card: Literal[1] = Field(description="version of this format")
    kind: Literal["tokens", "texts", "pairs"] = Field(description="what a row is")
    licence_url: str | None = Field(None, description="where the licence stands")
    redistribute: bool = Field(description="whether rows may be copied into a bundle, a fixture or a log")
    folder: str | None = Field(None, description="name of the card's folder; default: the card's name")
    shipped: bool = Field(False, description="the files come with nlpkit")
    manual: str | None = Field(None, description="how to get it, when it may not be downloaded")
    files: list[CardFile] = Field([], description="what `nlpkit data fetch` downloads")
    splits: dict[str, CardSplit] = Field(min_length=1)
    format: CardFormat
    labels: CardLabels = CardLabels(scheme=None, types=[])
    text: CardText = CardText(lang=None, target_lang=None, form="NFC")

    @model_validator(mode="after")
    def _obtainable(self) -> CardBlock:
        if not (self.shipped or self.manual or self.files):
            raise ValueError("say how the data is had: `files`, `manual` or `shipped: true`")
        return self

    @model_validator(mode="after")
    def _languages(self) -> CardBlock:
        if self.kind == "pairs":
            return self
        if self.text.target_lang is not None:
            raise ValueError("text.target_lang is for pairs")
        if self.text.lang is not None and not re.fullmatch(_CODE, self.text.lang):
            raise ValueError(f"text.lang: `{self.text.lang}` has no script, write it as swh_Latn")
        return self


class Card(BaseModel):
    """Front matter of a card. Keys of the Hugging Face Hub that nlpkit does not use are kept."""

    model_config = ConfigDict(extra="allow", frozen=True)

    pretty_name: str
    language: list[str] = Field(min_length=1)
    license: str = Field(min_length=1)
    nlpkit: CardBlock
    name: str = ""
    prose: str = ""

    @property
    def noncommercial(self) -> bool:
        return "-nc" in self.license.lower()


def names() -> list[str]:
    return sorted(path.stem for path in places.cards().glob("*.md"))


def read(path: Path) -> Card:
    """Read and check the card at ``path``."""
    text = strict_yaml.read_text(path)
    match = _FRONT.match(text)
    if match is None:
        raise InputError(f"{path}:1: a card begins with a block between two `---` lines", "see docs/reference/card.md")
    # comment lines stand for the lines above the block, so that every error names the line in the file
    data, lines = strict_yaml.loads("#\n" * text.count("\n", 0, match.start(1)) + match[1], str(path))
    card = explain.check(Card, data, lines, str(path), "see docs/reference/card.md")
    return card.model_copy(update={"name": path.stem, "prose": text[match.end() :].strip()})


def load(name: str) -> Card:
    """The card called ``name``, or the card at that path."""
    if name.endswith(".md"):
        path = Path(name)
        if not path.is_file():
            raise InputError(f"no card file `{name}`", "see `nlpkit data list`")
        return read(path)
    path = places.cards() / f"{name}.md"
    if not path.is_file():
        raise explain.unknown("data card", name, names(), "see `nlpkit data list`")
    return read(path)
