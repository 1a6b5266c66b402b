"""JSON Lines: one object a row.

Read: ``{"tokens": [...], "tags": [...]}``, or ``{"text": "...", "entities": [{"start", "end", "label"}]}``
(``spans`` serves too, and ``label: [[start, end, "PER"]]`` as doccano writes it). Offsets count Unicode
characters; where an entity carries its ``text`` it is compared with ``text[start:end]``.
Write: all of these, with offsets that satisfy ``text[start:end]``.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import IO, Any

from nlpkit.data.files import Lines, Problem, Report
from nlpkit.data.rows import TokenRow, surface
from nlpkit.text.spans import Span, from_spans, to_spans
from nlpkit.text.tokens import words


class _Bad(Exception):
    """One row that cannot be read: (code, what, fix)."""


def read(lines: Lines, where: str, report: Report, columns: dict[str, int | str]) -> Iterator[TokenRow]:
    """Yield rows; ``columns`` renames keys, e.g. ``{text: sentence, tags: ner_tags}``."""
    keys = {name: str(columns.get(name, name)) for name in ("id", "text", "tokens", "tags", "entities", "lang")}
    count = 0
    for number, line in lines:
        if not line.strip():
            report(
                Problem(
                    where,
                    number,
                    "empty-line",
                    "an empty line",
                    "skipped; JSON Lines has one object a line",
                    warning=True,
                )
            )
            continue
        count += 1
        try:
            try:
                data = json.loads(line)
            except ValueError as error:
                raise _Bad("json", f"not JSON: {error}", "one object a line") from None
            if not isinstance(data, dict):
                raise _Bad("json", "not a JSON object", "write {...}")
            yield _row(data, keys, number, count)
        except _Bad as bad:
            code, what, fix = bad.args
            report(Problem(where, number, code, what, fix))


def _row(data: dict[str, Any], keys: dict[str, str], number: int, count: int) -> TokenRow:
    ident, lang = str(data.get(keys["id"], count)), str(data.get(keys["lang"], ""))
    text = data.get(keys["text"])
    tokens = data.get(keys["tokens"])
    if text is not None and not isinstance(text, str):
        raise _Bad("json", "`text` is not a string", "")
    if tokens is None:
        if text is None:
            raise _Bad("json", "neither `text` nor `tokens`", "name the keys: columns: {text: my_key}")
        return _from_text(data, keys, text, ident, lang, number)
    if not isinstance(tokens, list) or not all(isinstance(token, str) and token for token in tokens):
        raise _Bad("json", "`tokens` is not a list of non-empty strings", "")
    tags = data.get(keys["tags"])
    if tags is not None and (not isinstance(tags, list) or len(tags) != len(tokens)):
        found = len(tags) if isinstance(tags, list) else "no"
        raise _Bad("json", f"{found} tags for {len(tokens)} tokens", "give every token one tag")
    if tags is not None and not all(isinstance(tag, str) for tag in tags):
        raise _Bad("json", "tags are not strings", "write label names, not numbers")
    offsets = _align(text, tokens) if text is not None else None
    return TokenRow(
        ident,
        tuple(tokens),
        None if tags is None else tuple(tags),
        lang,
        {},
        text if offsets else None,
        offsets,
        number,
    )


def _align(text: str, tokens: list[str]) -> list[tuple[int, int]] | None:
    """Offsets of ``tokens`` in ``text``, in order; None where they do not all occur."""
    offsets, at = [], 0
    for token in tokens:
        start = text.find(token, at)
        if start < 0:
            return None
        at = start + len(token)
        offsets.append((start, at))
    return offsets


def _entities(data: dict[str, Any], keys: dict[str, str]) -> list[dict[str, Any]] | None:
    found = data.get(keys["entities"], data.get("spans", data.get("label")))
    if found is None:
        return None
    if not isinstance(found, list):
        raise _Bad("json", "`entities` is not a list", "")
    result = []
    for item in found:
        if isinstance(item, list) and len(item) == 3:
            item = {"start": item[0], "end": item[1], "label": item[2]}
        good = isinstance(item, dict) and all(isinstance(item.get(key), int) for key in ("start", "end"))
        if not good or not isinstance(item.get("label"), str):
            raise _Bad("json", f"`{item}` is no entity", 'write {"start": 0, "end": 5, "label": "PER"}')
        result.append(item)
    return result


def _from_text(data: dict[str, Any], keys: dict[str, str], text: str, ident: str, lang: str, number: int) -> TokenRow:
    entities = _entities(data, keys)
    cuts: list[int] = []
    for item in entities or []:
        start, end, label = item["start"], item["end"], item["label"]
        if not 0 <= start < end <= len(text):
            raise _Bad(
                "offsets",
                f"{label} {start}-{end} lies outside the text of {len(text)} characters",
                "count characters, not bytes",
            )
        if "text" in item and text[start:end] != item["text"]:
            raise _Bad(
                "offsets",
                f"{label} {start}-{end} is `{text[start:end]}`, not `{item['text']}`",
                "count characters, not bytes",
            )
        if text[start:end].strip() != text[start:end]:
            raise _Bad(
                "offsets", f"{label} {start}-{end} begins or ends with a blank", "take the blank out of the span"
            )
        cuts += [start, end]
    offsets = words(text, tuple(cuts))
    tags = None
    if entities is not None:
        starts = {start: i for i, (start, _) in enumerate(offsets)}
        ends = {end: i + 1 for i, (_, end) in enumerate(offsets)}
        try:
            spans = [Span(item["label"], starts[item["start"]], ends[item["end"]]) for item in entities]
            tags = tuple(from_spans(spans, len(offsets)))
        except ValueError as error:
            raise _Bad("overlap", str(error), "tags cannot hold overlapping entities") from None
        except KeyError as error:
            raise _Bad("offsets", f"no token begins or ends at character {error}", "") from None
    return TokenRow(ident, tuple(text[s:e] for s, e in offsets), tags, lang, {}, text, offsets, number)


def write(rows: Iterable[TokenRow], file: IO[str]) -> None:
    """One object a row: id, lang, text, tokens, offsets, tags, entities, and scores where there are any."""
    for row in rows:
        text, offsets = surface(row)
        data: dict[str, Any] = {"id": row.id}
        if row.lang:
            data["lang"] = row.lang
        data |= {"text": text, "tokens": list(row.tokens), "offsets": [list(pair) for pair in offsets]}
        if row.tags is not None:
            data["tags"] = list(row.tags)
            data["entities"] = entities(row)
        file.write(json.dumps(data, ensure_ascii=False) + "\n")


def entities(row: TokenRow) -> list[dict[str, Any]]:
    """The entities of a tagged row: start, end, label, text; score is the lowest of its tokens' scores."""
    text, offsets = surface(row)
    found = []
    for span in to_spans(row.tags or (), strict=False):
        start, end = offsets[span.start][0], offsets[span.end - 1][1]
        item: dict[str, Any] = {"start": start, "end": end, "label": span.label, "text": text[start:end]}
        if row.scores is not None:
            item["score"] = round(min(row.scores[span.start : span.end]), 4)
        found.append(item)
    return found
