"""Raw text to words the way a language's treebank cuts them, by spaCy's blank pipelines."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

from nlpkit.text.langcodes import bcp47
from nlpkit.text.tokens import words

Cut = Callable[[str], list[tuple[int, int]]]
# spaCy's tokenizers for these need packages of their own, or cut characters
_NOT_BY_SPACY = {"zh", "ja", "ko", "th", "vi", "xx"}


@cache
def for_language(lang: str) -> Cut:
    """A function from a text to the (start, end) of its words; ``lang`` is an xxx_Xxxx code, or empty.

    Without a language, and for those of which spaCy knows nothing, it is ``text.tokens.words``.
    """
    code = bcp47(lang).partition("-")[0] if lang else "xx"
    if code in _NOT_BY_SPACY:
        return words
    import spacy

    try:
        tokenizer = spacy.blank(code).tokenizer
    except (ImportError, ValueError):
        return words

    def cut(text: str) -> list[tuple[int, int]]:
        return [(token.idx, token.idx + len(token)) for token in tokenizer(text) if not token.is_space]

    return cut
