"""Words of raw text, with offsets that satisfy ``text[start:end]``.

Letters with their marks, digits and joiners stay together (so no script is cut at its combining marks);
URLs, @names, #tags and decimal numbers are one token; every other sign is one. A run of Han, Kana or
Thai-like script has no blanks to go by: Han and Kana are cut by character, the others stay whole.
"""

from __future__ import annotations

from itertools import pairwise

import regex

_TOKEN = regex.compile(
    r"""
    https?://[^\s<>"]+[^\s<>"\p{P}]
  | [@\#][\p{L}\p{M}\p{N}_]+
  | [\p{Han}\p{Hiragana}\p{Katakana}]\p{M}*
  | \p{N}++(?:[.,:/\-]\p{N}++)*+(?![\p{L}\p{M}])
  | (?:(?![\p{Han}\p{Hiragana}\p{Katakana}])[\p{L}\p{M}\p{N}\u200c\u200d\u00ad])+
    (?:['’\-‐·](?:(?![\p{Han}\p{Hiragana}\p{Katakana}])[\p{L}\p{M}\p{N}\u200c\u200d\u00ad])+)*
  | \p{Emoji_Presentation}[\ufe0f\u200d\p{Emoji_Modifier}\p{Emoji_Presentation}]*
  | \S
    """,
    regex.VERBOSE,
)


def words(text: str, cuts: tuple[int, ...] = ()) -> list[tuple[int, int]]:
    """(start, end) of every word of ``text``; ``cuts`` are offsets at which a word must end."""
    found = [match.span() for match in _TOKEN.finditer(text)]
    if not cuts:
        return found
    edges = sorted(set(cuts))
    result = []
    for start, end in found:
        inner = [edge for edge in edges if start < edge < end]
        points = [start, *inner, end]
        result += list(pairwise(points))
    return result
