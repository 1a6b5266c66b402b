"""How mixed a text is, from the language of each of its words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence


def cmi(languages: Sequence[str | None]) -> float:
    """Code-mixing index of an utterance (Das and Gambäck, 2014), 0 to 100.

    ``languages`` holds that of each token, None for one without (a number, a sign): 100 x (1 - the most frequent
    language's tokens / tokens with a language); 0 where none has one.
    """
    counts = Counter(language for language in languages if language is not None)
    return 100 * (1 - max(counts.values()) / counts.total()) if counts else 0.0
