"""Rows in parts: by language, length, words never seen in training, or a column."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence

from nlpkit.config.explain import unknown
from nlpkit.data.rows import JSON, PairRow, Row
from nlpkit.errors import InputError

OWN = ("lang", "length", "seen")
_INNER = (JSON, "sep", "comments", "conllu", "conllu:tag")  # what readers keep for writers in ``extra`` beside columns
_LENGTHS = (5, 10, 20, 40)  # words of the longest row of a part


def language(row: Row) -> str:
    """The language of a row; of a pair both, where both are named."""
    if isinstance(row, PairRow):
        return ">".join(name for name in (row.lang, row.target_lang) if name) or "und"
    return row.lang or "und"


def parts(
    rows: Sequence[Row], by: str, seen: Callable[[str], bool] | None = None, unit: str = ""
) -> dict[str, list[int]]:
    """The numbers of the rows of each part.

    ``by`` is ``lang``; ``length`` in words; ``seen``, whether all words of the row stood in the training rows, which
    the function of that name tells; or a column. Raises InputError where that cannot be told; ``unit`` is what else the
    user may have meant.
    """
    if by == "length":
        return _by_length(rows)
    if by == "seen":
        if seen is None:
            raise InputError(
                "--by seen needs a model that keeps a list of its training words",
                "nlpkit evaluate MODEL, of pos or ner, trained by nlpkit",
            )
        values: list[str | None] = ["seen" if all(map(seen, row.tokens)) else "unseen" for row in rows]
    else:
        values = [language(row) if by == "lang" else None if by in _INNER else row.extra.get(by) for row in rows]
    if all(value is None for value in values):
        columns = [*OWN, *([unit] if unit else []), *(name for name in rows[0].extra if name not in _INNER)]
        raise unknown("column", by, columns, "rows are parted by " + ", ".join(columns))
    groups: dict[str, list[int]] = defaultdict(list)
    for number, value in enumerate(values):
        groups[value or "none"].append(number)
    return dict(sorted(groups.items()))


def _by_length(rows: Sequence[Row]) -> dict[str, list[int]]:
    """From short to long; a part without rows is left out."""
    edges = [0, *_LENGTHS]
    names = [f"{low + 1}-{high}" for low, high in zip(edges[:-1], _LENGTHS, strict=True)]
    groups: dict[str, list[int]] = {name: [] for name in ("0", *names, f"{_LENGTHS[-1] + 1}+")}
    order = list(groups)
    for number, row in enumerate(rows):
        size = len(row.tokens)
        groups[order[0 if not size else 1 + sum(size > edge for edge in _LENGTHS)]].append(number)
    return {name: found for name, found in groups.items() if found}
