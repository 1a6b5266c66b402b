"""Whether texts are in the language that they are said to be in, by script and by a language identifier."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cache
from typing import Protocol

from nlpkit.data.rows import PairRow
from nlpkit.text.langcodes import NO_LANGUAGE, UNKNOWN, code_of, known, macro
from nlpkit.text.scripts import COMMON, main_script, written_with

LEAST = 30  # characters: shorter texts are too often taken for another language
SURE = 0.9  # relatives like English and Nigerian Pidgin are taken for each other at lower scores


class Answer(Protocol):
    """What an identifier says of a text."""

    @property
    def label(self) -> str: ...
    @property
    def score(self) -> float: ...


class Identify(Protocol):
    """Texts in, an answer for each out; ``labels`` are the codes that it knows. ``jobs.langid.Identifier`` is one."""

    @property
    def labels(self) -> Sequence[str]: ...
    def __call__(self, texts: Sequence[str], /) -> Sequence[Answer]: ...


def sides(row: PairRow) -> Iterable[tuple[str, str]]:
    """(text, language) of the source and of the target, where there is one."""
    yield row.text, row.lang
    if row.target is not None:
        yield row.target, row.target_lang


@cache
def scripts(lang: str) -> frozenset[str]:
    """The scripts of a language's letters; empty where they are not known, as of mixed text (``hin-eng``)."""
    language, _, script = lang.partition("_")
    codes = [script] if script else [code.partition("_")[2] for code in known() if code[:3] == language]
    codes = codes or [code_of(lang).partition("_")[2]]
    return frozenset(written for code in codes if code for written in (code, *written_with(code)))


def in_other_script(text: str, lang: str) -> bool:
    """Whether most letters of a text are of a script that its language is not written in."""
    allowed = scripts(lang) if lang else frozenset()
    return bool(allowed) and main_script(text) not in {*allowed, COMMON}


def in_other_language(texts: Sequence[str], langs: Sequence[str], identify: Identify) -> list[str]:
    """For each text the code of the language that it is found to be in, where that is not its own, else ``""``.

    Texts of fewer than 30 characters, languages that the identifier does not know, like mixed ones, and answers that
    are not sure are passed over; languages of one macrolanguage pass for each other.
    """
    learned = {_language(label) for label in identify.labels}
    own = {lang: _language(code_of(lang) or lang) for lang in set(langs)}
    asked = [at for at, text in enumerate(texts) if len(text) >= LEAST and own[langs[at]] in learned]
    found = [""] * len(texts)
    for at, answer in zip(asked, identify([texts[at] for at in asked]) if asked else (), strict=True):
        said = answer.label not in (UNKNOWN, NO_LANGUAGE) and answer.score >= SURE
        if said and _language(answer.label) != own[langs[at]]:
            found[at] = answer.label
    return found


def _language(code: str) -> str:
    return macro(code).partition("_")[0]
