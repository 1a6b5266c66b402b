"""How a model that writes text chooses it: part of a recipe's options, of a bundle, and of the command line."""

from __future__ import annotations

from typing import Any

from pydantic import Field, model_validator

from nlpkit.config.explain import Strict, made


class Decoding(Strict):
    """One way to choose an answer; lengths are in pieces."""

    beam: int = Field(4, ge=1, le=64, description="hypotheses kept at each step; 1 is greedy")
    nbest: int = Field(1, ge=1, le=64, description="answers given, best first")
    sample: bool = Field(False, description="draw instead of searching; `nbest` draws")
    top_k: int = Field(0, ge=0, description="draw from the k most probable pieces; 0: from all")
    top_p: float = Field(1.0, gt=0, le=1, description="draw from the fewest pieces with this much probability")
    temperature: float = Field(1.0, gt=0, description="logits are divided by it before a draw")
    groups: int = Field(1, ge=1, description="groups of a diverse beam search; each avoids what earlier ones chose")
    diversity: float = Field(
        0.5, ge=0, le=1000, description="how much a group is charged for a piece of an earlier group"
    )
    length_penalty: float = Field(
        1.0, ge=0, le=10, description="a hypothesis is scored by its log-probability / length^this"
    )
    no_repeat_ngram: int = Field(0, ge=0, description="no n-gram of pieces twice; 0: allowed")
    min_length: int = Field(0, ge=0, description="least pieces")
    max_length: int | None = Field(None, ge=1, description="most pieces; default: 20 and three times the source")
    force: list[str] = Field([], description="words or phrases that the answer must hold")
    script: str | None = Field(None, description="ISO 15924 code: letters of this script only, e.g. Latn")
    seed: int = Field(13, ge=0, description="of the draws")

    @model_validator(mode="after")
    def _fits(self) -> Decoding:
        if self.beam % self.groups:
            raise ValueError(f"beam ({self.beam}) must be a multiple of groups ({self.groups})")
        if not self.sample and self.nbest > self.beam:
            raise ValueError(f"nbest ({self.nbest}) is more than beam ({self.beam})")
        if self.max_length is not None and self.min_length > self.max_length:
            raise ValueError(f"min_length ({self.min_length}) is more than max_length ({self.max_length})")
        if not all(word.strip() for word in self.force):
            raise ValueError("force: a required word is blank")
        if self.force and (self.sample or self.groups > 1):
            raise ValueError("`force` is for beam search without groups")
        if not self.sample and (self.top_k or self.top_p != 1 or self.temperature != 1):
            raise ValueError("top_k, top_p and temperature are for `sample`")
        return self


def changed(now: Decoding, given: dict[str, Any]) -> Decoding:
    """``now`` with what is ``given``; where that is no beam, it is as wide as the answers wanted. Raises InputError."""
    wanted = {**now.model_dump(), **given}
    if not wanted["sample"] and "beam" not in given and wanted["groups"] >= 1:
        wanted["beam"] = max(wanted["beam"], wanted["nbest"])
        wanted["beam"] += -wanted["beam"] % wanted["groups"]
    return made(Decoding, wanted)
