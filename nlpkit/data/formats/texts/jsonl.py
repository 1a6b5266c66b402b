"""JSON Lines of texts: ``{"text": "...", "label": "..."}``; ``id`` and ``lang`` are optional, other keys are kept.

A list (under ``label`` or ``labels``) is any number of labels, and ``[]`` none; ``text_b`` is the second text of
a pair.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import IO, Any

from nlpkit.data.files import Lines, Report
from nlpkit.data.formats import json_lines
from nlpkit.data.formats.json_lines import Bad
from nlpkit.data.rows import JSON, TextRow, control

PLACES = ("text", "text_b", "label", "labels", "lang", "id", "count")  # what `columns` may name
_OWN = ("text", "text_b", "label", "labels", "score", "scores", "top")


def read(lines: Lines, where: str, report: Report, columns: dict[str, int | str]) -> Iterator[TextRow]:
    """Yield rows; ``columns`` renames keys, e.g. ``{text: tweet}``."""
    return json_lines.rows(lines, where, report, columns, PLACES, _row)


def _row(data: dict[str, Any], keys: dict[str, str], number: int, count: int) -> TextRow:
    text, text_b = data.get(keys["text"]), data.get(keys["text_b"])
    if not isinstance(text, str):
        raise Bad("json", f"no string `{keys['text']}`", "name the key: --column text=..., columns: {text: ...}")
    if not isinstance(text_b, str | None):
        raise Bad("json", f"`{keys['text_b']}` is no string", "write the second text of the pair")
    labels = _labels(data.get(keys["label"]), keys["label"])
    if labels is None:
        labels = _labels(data.get(keys["labels"]), keys["labels"])
    ident, lang = data.get(keys["id"]), data.get(keys["lang"])
    extra = json_lines.kept(data, {*keys.values(), *_OWN})
    if (count_of := data.get(keys["count"])) is not None:
        if not str(count_of).isdecimal() or isinstance(count_of, bool) or int(count_of) < 1:
            raise Bad("count", f"the count `{count_of}` is no number above 0", "write digits")
        extra["count"] = str(count_of)
    return TextRow(
        str(count if ident is None else ident),
        text,
        labels,
        str(lang or ""),
        extra,
        number,
        text_b=text_b,
    )


def _labels(value: Any, key: str) -> tuple[str, ...] | None:
    """The label under ``key``, or those of a list."""
    found = value if isinstance(value, list) else [] if value in (None, "") else [value]
    if any(isinstance(label, bool) or not isinstance(label, str | int) or label == "" for label in found):
        raise Bad("json", f"`{key}` is no string", "write the name of the label, or a list of names")
    names = [str(label).strip() for label in found]
    if not all(names) or any(map(control, names)):
        raise Bad("label", f"`{key}` holds an empty label or a control character", "write the name of the label")
    return tuple(dict.fromkeys(names)) if names or isinstance(value, list) else None


def write(rows: Iterable[TextRow], file: IO[str], *, multi_label: bool = False, best: int | None = None) -> None:
    """One object a row: id, lang, text, pair, label and score, the best labels (``top``), and the keys it came with.

    ``multi_label``: a row has any number of labels: then there are lists, ``labels`` and ``scores``.
    """
    for row in rows:
        data: dict[str, Any] = {"id": row.id, **json.loads(row.extra.get(JSON, "{}"))}
        data |= {name: value for name, value in row.extra.items() if name != JSON and name not in data}
        if row.lang:
            data["lang"] = row.lang
        data["text"] = row.text
        if row.text_b is not None:
            data["text_b"] = row.text_b
        if multi_label and row.labels is not None:
            data["labels"] = list(row.labels)
            if row.scores is not None:
                data["scores"] = [round(score, 4) for score in row.scores]
        elif row.labels:
            data["label"] = row.labels[0] if len(row.labels) == 1 else list(row.labels)
            if row.score is not None:
                data["score"] = round(row.score, 4)
        if row.others and (best or 0) > 1:
            data["top"] = [{"label": label, "score": round(score, 4)} for label, score in row.others]
        file.write(json.dumps(data, ensure_ascii=False) + "\n")
