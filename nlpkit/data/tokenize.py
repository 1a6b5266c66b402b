"""Raw text to words the way a language's treebank cuts them, by spaCy's blank pipelines."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

from nlpkit.text.langcodes import bcp47
from nlpkit.text.tokens import words

Cut = Callable[[str], list[tuple[int, int]]]
# spaCy's tokenizers for these need packages of their own, or cut characters
_NOT_BY_SPACY = {"zh", "ja", "ko", "th", "vi"}


def blank(lang: str) -> Any:
    """spaCy's empty pipeline for an xxx_Xxxx code; the one for any language where it has none, or ``lang`` is empty."""
    import spacy

    try:
        return spacy.blank(_short(lang))
    except (ImportError, ValueError):  # some need a package that is not here
        return spacy.blank("xx")


def _short(lang: str) -> str:
    return bcp47(lang).partition("-")[0] if lang else "xx"


def cut_by(tokenizer: Any) -> Cut:
    """A function from a text to the (start, end) of the tokens of a spaCy tokenizer; blanks are no words."""
    return lambda text: [(token.idx, token.idx + len(token)) for token in tokenizer(text) if not token.is_space]


@cache
def for_language(lang: str) -> Cut:
    """A function from a text to the (start, end) of its words; ``lang`` is an xxx_Xxxx code, or empty.

    Without a language, and for those of which spaCy knows nothing, it is ``text.tokens.words``.
    """
    if not lang or _short(lang) in _NOT_BY_SPACY:
        return words
    nlp = blank(lang)
    return words if nlp.lang == "xx" else cut_by(nlp.tokenizer)
