"""JSON Lines of texts: ``{"text": "...", "label": "..."}``; ``id`` and ``lang`` are optional, other keys are kept."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import IO, Any

from nlpkit.data.files import Lines, Problem, Report
from nlpkit.data.formats.json_lines import Bad, objects
from nlpkit.data.rows import TextRow

PLACES = ("text", "label", "lang", "id", "count")  # what `columns` may name
_OWN = ("text", "label", "score", "top")


def read(lines: Lines, where: str, report: Report, columns: dict[str, int | str]) -> Iterator[TextRow]:
    """Yield rows; ``columns`` renames keys, e.g. ``{text: tweet}``."""
    keys = {name: str(columns.get(name, name)) for name in PLACES}
    for count, (number, data) in enumerate(objects(lines, where, report), 1):
        try:
            yield _row(data, keys, number, count)
        except Bad as bad:
            report(Problem(where, number, *bad.args))


def _row(data: dict[str, Any], keys: dict[str, str], number: int, count: int) -> TextRow:
    text, label = data.get(keys["text"]), data.get(keys["label"])
    if not isinstance(text, str):
        raise Bad("json", f"no string `{keys['text']}`", "name the key: --column text=..., columns: {text: ...}")
    if isinstance(label, bool) or not isinstance(label, str | int | None):
        raise Bad("json", f"`{keys['label']}` is no string", "write the name of the label")
    ident, lang = data.get(keys["id"]), data.get(keys["lang"])
    others = {key: value for key, value in data.items() if key not in {*keys.values(), *_OWN}}
    extra = {key: value for key, value in others.items() if isinstance(value, str)}
    if (count_of := data.get(keys["count"])) is not None:
        if not str(count_of).isdecimal() or isinstance(count_of, bool) or int(count_of) < 1:
            raise Bad("count", f"the count `{count_of}` is no number above 0", "write digits")
        extra["count"] = str(count_of)
    if others:
        extra["json"] = json.dumps(others, ensure_ascii=False)
    return TextRow(
        str(count if ident is None else ident),
        text,
        None if label is None or label == "" else str(label),
        str(lang or ""),
        extra,
        number,
    )


def write(
    rows: Iterable[TextRow], file: IO[str], *, columns: dict[str, int | str] | None = None, spans: bool = False
) -> None:
    """One object a row: id, lang, text, label, score, the best labels (``top``), and the keys it came with."""
    for row in rows:
        data: dict[str, Any] = {"id": row.id, **json.loads(row.extra.get("json", "{}"))}
        data |= {name: value for name, value in row.extra.items() if name != "json" and name not in data}
        if row.lang:
            data["lang"] = row.lang
        data["text"] = row.text
        if row.label is not None:
            data["label"] = row.label
        if row.score is not None:
            data["score"] = round(row.score, 4)
        if row.others:
            data["top"] = [{"label": label, "score": round(score, 4)} for label, score in row.others]
        file.write(json.dumps(data, ensure_ascii=False) + "\n")
