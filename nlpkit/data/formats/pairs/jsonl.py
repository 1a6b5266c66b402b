"""JSON Lines of pairs: ``{"src": "...", "tgt": "..."}``; ``id``, ``src_lang`` and ``tgt_lang`` are optional.

``references`` is a list of other right answers. An empty target is none. Other keys are kept.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import IO, Any

from nlpkit.data.files import Lines, Report
from nlpkit.data.formats import json_lines
from nlpkit.data.formats.json_lines import Bad
from nlpkit.data.rows import JSON, PairRow

PLACES = ("src", "tgt", "src_lang", "tgt_lang", "id")  # what `columns` may name
_REFERENCES, _ANSWERS = "references", ("score", "nbest")


def read(lines: Lines, where: str, report: Report, columns: dict[str, int | str]) -> Iterator[PairRow]:
    """Yield rows; ``columns`` renames keys, e.g. ``{src: english}``."""
    return json_lines.rows(lines, where, report, columns, PLACES, _row)


def _row(data: dict[str, Any], keys: dict[str, str], number: int, count: int) -> PairRow:
    value = {name: data.get(key) for name, key in keys.items()}
    text, target, ident = value["src"], value["tgt"], value["id"]
    if not isinstance(text, str):
        raise Bad("json", f"no string `{keys['src']}`", "name the key: --column src=..., columns: {src: ...}")
    if not isinstance(target, str | None):
        raise Bad("json", f"`{keys['tgt']}` is no string", "write the target, or leave the key out")
    references = data.get(_REFERENCES) or []
    if not isinstance(references, list) or not all(isinstance(entry, str) for entry in references):
        raise Bad("json", f"`{_REFERENCES}` is no list of strings", "write the other right answers")
    return PairRow(
        str(count if ident is None else ident),
        text,
        target or None,
        str(value["src_lang"] or ""),
        str(value["tgt_lang"] or ""),
        json_lines.kept(data, {*keys.values(), *PLACES, _REFERENCES}),
        number,
        tuple(entry for entry in references if entry),
    )


def write(rows: Iterable[PairRow], file: IO[str], *, best: int | None = None) -> None:
    """One object a row: id, languages, source, target, other right answers, score, and the keys it came with.

    ``best`` says that targets are answers: older ones that a row came with are left out, and with more than 1 so many
    of the best are in the list ``nbest``.
    """
    for row in rows:
        data: dict[str, Any] = {"id": row.id}
        if row.lang:
            data["src_lang"] = row.lang
        if row.target_lang:
            data["tgt_lang"] = row.target_lang
        data["src"] = row.text
        if row.target is not None:
            data["tgt"] = row.target
        if row.references:
            data[_REFERENCES] = list(row.references)
        if row.score is not None:
            data["score"] = round(row.score, 4)
        if (best or 0) > 1:
            data["nbest"] = [{"tgt": target, "score": round(score, 4)} for target, score in row.others[:best]]
        came = {**json.loads(row.extra.get(JSON, "{}")), **row.extra}
        taken = {*data, JSON, *PLACES, _REFERENCES, *(_ANSWERS if best is not None else ())}
        data |= {key: entry for key, entry in came.items() if key not in taken}
        file.write(json.dumps(data, ensure_ascii=False) + "\n")
