"""JSON Lines: one object a row.

Read: ``{"tokens": [...], "tags": [...]}``, or ``{"text": "...", "entities": [{"start", "end", "label"}]}``
(``spans`` serves too, and ``label: [[start, end, "PER"]]`` as doccano writes it), or ``text``, ``tokens`` and entities
that begin and end where tokens do. Offsets count Unicode characters; where an entity carries its ``text`` it is
compared with ``text[start:end]``.
Write: all of these, with offsets that satisfy ``text[start:end]``.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import IO, Any

from nlpkit.data.files import Lines, Problem, Report
from nlpkit.data.formats import json_lines
from nlpkit.data.formats.json_lines import Bad
from nlpkit.data.rows import JSON, TokenRow, surface
from nlpkit.errors import counted
from nlpkit.text.spans import Span, from_spans, to_spans
from nlpkit.text.tokens import words

PLACES = ("id", "text", "tokens", "tags", "entities", "lang")  # what `columns` may name
_OWN = ("offsets", "tags", "scores", "nbest", "tokens", "text", "id", "lang")
_SPANS = ("entities", "spans", "label")  # read as entities where they are lists


def read(lines: Lines, where: str, report: Report, columns: dict[str, int | str]) -> Iterator[TokenRow]:
    """Yield rows; ``columns`` renames keys, e.g. ``{text: sentence, tags: ner_tags}``."""

    def row(data: dict[str, Any], keys: dict[str, str], number: int, count: int) -> TokenRow:
        found = _row(data, keys, number, count)
        if found.text is None and data.get(keys["text"]) is not None:
            what = "the tokens do not stand in the text one after the other"
            report(Problem(where, number, "offsets", what, "the text is set aside", warning=True))
        known = {*keys.values(), *_OWN} - {keys["entities"]}
        spans = {*_SPANS, keys["entities"]}
        others = {k: v for k, v in data.items() if k not in known and not (k in spans and isinstance(v, list))}
        if isinstance(data.get("entities"), list):
            others["entities"] = data["entities"]  # kept by a writer that has no entities of its own
        return replace(found, extra={JSON: json.dumps(others, ensure_ascii=False)}) if others else found

    return json_lines.rows(lines, where, report, columns, PLACES, row)


def _row(data: dict[str, Any], keys: dict[str, str], number: int, count: int) -> TokenRow:
    ident, lang = data.get(keys["id"]), data.get(keys["lang"])
    ident, lang = str(count if ident is None else ident), str("" if lang is None else lang)
    text = data.get(keys["text"])
    tokens = data.get(keys["tokens"])
    if text is not None and not isinstance(text, str):
        raise Bad("json", "`text` is not a string", "")
    if tokens is None:
        if text is None:
            raise Bad("json", "neither `text` nor `tokens`", "name the keys: columns: {text: my_key}")
        return _from_text(data, keys, text, ident, lang, number)
    if not isinstance(tokens, list) or not all(isinstance(token, str) and token for token in tokens):
        raise Bad("json", "`tokens` is not a list of non-empty strings", "")
    tags = data.get(keys["tags"])
    if tags is not None and (not isinstance(tags, list) or len(tags) != len(tokens)):
        found = counted(len(tags), "tag") if isinstance(tags, list) else "no tags"
        raise Bad("json", f"{found} for {counted(len(tokens), 'token')}", "give every token one tag")
    if tags is not None and not all(isinstance(tag, str) and tag for tag in tags):
        raise Bad("json", "tags are not strings, or empty", "write label names, not numbers")
    offsets = _align(text, tokens, data.get("offsets")) if text is not None else None
    if tags is None and (entities := _entities(data, keys)) is not None:
        if text is None or offsets is None:
            raise Bad("offsets", "entities, but no `text` that holds the tokens", "give every token one tag")
        _edges(entities, text)
        tags = _tags(entities, offsets)
    return TokenRow(
        ident,
        tuple(tokens),
        None if tags is None else tuple(tags),
        lang,
        {},
        text if offsets is not None else None,
        offsets,
        number,
    )


def _is_offset(pair: Any) -> bool:
    return isinstance(pair, list) and len(pair) == 2 and all(type(edge) is int and edge >= 0 for edge in pair)


def _align(text: str, tokens: list[str], given: Any) -> list[tuple[int, int]] | None:
    """Offsets of ``tokens`` in ``text``, in order: those ``given`` if they fit; None where not all tokens occur."""
    if isinstance(given, list) and len(given) == len(tokens) and all(map(_is_offset, given)):
        edges = [edge for pair in given for edge in pair]
        if edges == sorted(edges) and [text[start:end] for start, end in given] == tokens:
            return [(start, end) for start, end in given]
    offsets, at = [], 0
    for token in tokens:
        start = text.find(token, at)
        if start < 0:
            return None
        at = start + len(token)
        offsets.append((start, at))
    return offsets


def _entities(data: dict[str, Any], keys: dict[str, str]) -> list[dict[str, Any]] | None:
    label = data.get("label")  # of the whole text, if it is no list
    found = data.get(keys["entities"], data.get("spans", label if isinstance(label, list) else None))
    if found is None:
        return None
    if not isinstance(found, list):
        raise Bad("json", "`entities` is not a list", "")
    result = []
    for item in found:
        if isinstance(item, list) and len(item) == 3:
            item = {"start": item[0], "end": item[1], "label": item[2]}
        good = isinstance(item, dict) and all(type(item.get(key)) is int for key in ("start", "end"))
        if not good or not isinstance(item.get("label"), str) or not item["label"]:
            raise Bad("json", f"`{item}` is no entity", 'write {"start": 0, "end": 5, "label": "PER"}')
        result.append(item)
    return result


def _from_text(data: dict[str, Any], keys: dict[str, str], text: str, ident: str, lang: str, number: int) -> TokenRow:
    entities = _entities(data, keys)
    offsets = words(text, tuple(_edges(entities or [], text)))
    tags = None if entities is None else _tags(entities, offsets)
    tokens = tuple(text[s:e] for s, e in offsets)
    return TokenRow(ident, tokens, tags, lang, {}, text, offsets, number, raw=tags is None)


def _edges(entities: list[dict[str, Any]], text: str) -> list[int]:
    """Where the entities begin and end, once it is known that they lie well in ``text``."""
    edges: list[int] = []
    for item in entities:
        start, end, label = item["start"], item["end"], item["label"]
        if not 0 <= start < end <= len(text):
            raise Bad(
                "offsets",
                f"{label} {start}-{end} lies outside the text of {counted(len(text), 'character')}",
                "count characters, not bytes",
            )
        if "text" in item and text[start:end] != item["text"]:
            raise Bad(
                "offsets",
                f"{label} {start}-{end} is `{text[start:end]}`, not `{item['text']}`",
                "count characters, not bytes",
            )
        if text[start:end].strip() != text[start:end]:
            raise Bad("offsets", f"{label} {start}-{end} begins or ends with a blank", "take the blank out of the span")
        edges += [start, end]
    return edges


def _tags(entities: list[dict[str, Any]], offsets: list[tuple[int, int]]) -> tuple[str, ...]:
    """IOB2 tags of the tokens at ``offsets``."""
    starts = {start: i for i, (start, _) in enumerate(offsets)}
    ends = {end: i + 1 for i, (_, end) in enumerate(offsets)}
    try:
        spans = [Span(item["label"], starts[item["start"]], ends[item["end"]]) for item in entities]
        return tuple(from_spans(spans, len(offsets)))
    except ValueError as error:
        raise Bad("overlap", str(error), "tags cannot hold overlapping entities") from None
    except KeyError as error:
        raise Bad("offsets", f"no token begins or ends at character {error}", "") from None


def write(
    rows: Iterable[TokenRow], file: IO[str], *, columns: dict[str, int | str] | None = None, spans: bool = True
) -> None:
    """One object a row: id, lang, text, tokens, offsets, tags, and the keys that the row came with.

    With ``spans`` also entities, else the ``scores`` of the tags where they are known.
    """
    for row in rows:
        text, offsets = surface(row)
        data: dict[str, Any] = {"id": row.id, **json.loads(row.extra.get(JSON, "{}"))}
        if row.lang:
            data["lang"] = row.lang
        data |= {"text": text, "tokens": list(row.tokens), "offsets": [list(pair) for pair in offsets]}
        if row.tags is not None:
            data["tags"] = list(row.tags)
            if spans:
                data["entities"] = entities(row)
            elif row.scores is not None:
                data["scores"] = [round(score, 4) for score in row.scores]
        if row.others:
            data["nbest"] = [{"tags": list(tags), "score": round(score, 6)} for tags, score in row.others]
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
