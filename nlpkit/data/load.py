"""From a source in a recipe, or a file on the command line, to rows."""

from __future__ import annotations

import hashlib
import itertools
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from nlpkit.config import card as cards
from nlpkit.config import places
from nlpkit.config.explain import unknown
from nlpkit.config.recipe import Source
from nlpkit.data import formats
from nlpkit.data.files import Report, Strictly, open_bytes, parts, read_lines
from nlpkit.data.rows import JSON, PairRow, Row, TextRow
from nlpkit.errors import InputError
from nlpkit.text.langcodes import parse


@dataclass(slots=True)
class Loaded:
    """Rows of one source, and what a run records of them."""

    rows: list[Row]
    record: dict[str, Any]
    scheme: str
    mend: bool
    notes: list[str] = field(default_factory=list)


def read_file(
    path: str,
    fmt: str,
    report: Report,
    columns: dict[str, int | str] | None = None,
    lang: str = "",
    kind: str = "tokens",
    target_lang: str = "",
) -> Iterator[Row]:
    """Stream the rows of one file, ``-``, or several files that one path names (moses).

    ``lang`` and, of pairs, ``target_lang`` are the languages of rows that name none.
    """
    reader = formats.named(fmt, kind)
    if fmt not in formats.READ[kind]:
        raise InputError(f"`{fmt}` is written, not read", "formats: " + ", ".join(formats.READ[kind]))
    for name in columns or {}:
        if name not in reader.PLACES:
            places = ", ".join(reader.PLACES) or "none"
            raise unknown("column", name, list(reader.PLACES), f"what {fmt} can be told: {places}")
    where = "<stdin>" if path == "-" else path
    files = [read_lines(part, report) for part in parts(path)]
    for row in reader.read(files if fmt == "moses" else files[0], where, report, columns or {}):
        told = {"lang": lang} if lang and not row.lang else {}
        if target_lang and not row.target_lang:
            told["target_lang"] = target_lang
        yield replace(row, **told) if told else row


def sha256(path: Path) -> str:
    """Of the content, uncompressed where the file is gzip."""
    digest = hashlib.sha256()
    with open_bytes(str(path)) as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def find(card: cards.Card, split: str, data_dir: Path | None = None) -> Path:
    """The file of a card's split on this machine. Raises InputError that says how to get it."""
    block = card.nlpkit
    if split not in block.splits:
        raise InputError(
            f"card `{card.name}` has no split `{split}`", "it has " + ", ".join(f"`{s}`" for s in block.splits)
        )
    wanted = block.splits[split].path
    folders = [places.samples()] if block.shipped else []
    for root in places.data_dirs(data_dir):
        # DIR/<card>/..., or one folder deeper, as in DIR/ner/<card>/...
        own = block.folder or card.name
        folders += [root / own]
        if root.is_dir():
            folders += sorted(path / own for path in root.iterdir() if path.is_dir())
    for folder in folders:
        if (path := _packed(folder / wanted)) is not None:
            return path
    way = block.manual or f"nlpkit data fetch {card.name}"
    raise InputError(
        f"the data of card `{card.name}` is not on this machine: `{wanted}` is in none of "
        + ", ".join(f"`{root / card.name}`" for root in places.data_dirs(data_dir)),
        f"{way}; or name a folder that has it: --data-dir DIR",
    )


def located(name: str, data_dir: Path | None = None) -> str:
    """The path of a file that a recipe names, packed or not: as it stands, or below a folder of data or one in it."""
    roots = [] if Path(name).is_absolute() else [root for root in places.data_dirs(data_dir) if root.is_dir()]
    folders = [folder for root in roots for folder in (root, *sorted(path for path in root.iterdir() if path.is_dir()))]
    for folder in [Path(), *folders]:
        if (found := _packed(folder / name)) is not None:
            return str(found)
    return name


def _packed(path: Path) -> Path | None:
    """The file, or the one that is packed or is not."""
    names = (path.name, f"{path.name}.gz", f"{path.name}.zst", path.name.removesuffix(".gz"))
    every = (path.with_name(name) for name in names)
    return next((path for path in every if all(Path(part).is_file() for part in parts(str(path)))), None)


def _names(paths: list[str]) -> list[str]:
    """The names of the files; their paths where two have one name."""
    names = [Path(path).name for path in paths]
    return names if len(set(names)) == len(set(paths)) else paths


def require_tags(rows: list[Row], what: str) -> None:
    """Raise InputError where a row has no tags, a text no label, or a pair no target."""
    kinds = {TextRow: ("label", "label", "NAME"), PairRow: ("target", "tgt", "NAME")}
    name, column, place = kinds.get(type(rows[0]), ("tag", "tag", "3"))
    if all(row.tags is None for row in rows):
        raise InputError(
            f"the {what} rows have no {name}s",
            f"is the {name} in another column? --column {column}={place}, in a recipe data.columns.{column}={place}",
        )
    bare = next((row for row in rows if row.tags is None), None)
    if bare is not None:
        lacking = "tags" if name == "tag" else name
        raise InputError(
            f"row {bare.id} of the {what} rows (line {bare.line}) has no {lacking}, others have",
            "name it" if name != "target" else "write it, or drop such pairs: transforms: [{filter: {shortest: 1}}]",
        )


def _renamed(tag: str, names: dict[str, str]) -> str:
    """The tag under its new name; of ``B-person`` the type is renamed."""
    prefix, sign, label = tag.partition("-")
    if tag in names:
        return names[tag]
    if not sign or label not in names:
        return tag
    return "O" if names[label] == "O" else f"{prefix}-{names[label]}"


def _rename(found: list[Row], names: dict[str, str]) -> list[Row]:
    """Rows with their labels under new names. Raises InputError for a name that no row has."""
    known = {tag for row in found for tag in row.tags or ()}
    if found and isinstance(found[0], TextRow):  # `not-offensive` is a label, not a kind of `offensive`
        new = [row if row.tags is None else row.with_tags([names.get(tag, tag) for tag in row.tags]) for row in found]
    else:
        known |= {tag.partition("-")[2] for tag in known}
        new = [row if row.tags is None else row.with_tags([_renamed(tag, names) for tag in row.tags]) for row in found]
    if missing := [name for name in names if name not in known]:
        raise unknown("label", missing[0], sorted(known - {""}), "the left side of `rename` is a label in the file")
    return new


def _labeled(found: list[Row], label: str) -> list[Row]:
    """Texts that all get one label. Raises InputError where they have labels of their own."""
    if not all(isinstance(row, TextRow) for row in found):
        raise InputError("`label` is for texts with one label each")
    if named := next((row for row in found if row.tags is not None), None):
        raise InputError(
            f"row {named.id} (line {named.line}) has a label of its own", "leave out `label`, or `rename` it"
        )
    return [row.with_tags([label]) for row in found]


def _other(row: Row, column: str) -> str:
    """What stands in a column that the format has no use for, or a language of a pair. Raises InputError for none."""
    if isinstance(row, PairRow) and column in ("src_lang", "tgt_lang"):
        return row.lang if column == "src_lang" else row.target_lang
    if column not in row.extra:
        known = [name for name in row.extra if name != JSON]
        raise unknown("column", column, known, "other columns: " + (", ".join(known) or "none"))
    return str(row.extra[column])


def _without(rows: list[TextRow], column: str) -> list[TextRow]:
    """The texts less the words that stand in the column of their row too, in any case.

    A word that stands far more often in the column than is left of it in the texts is dropped everywhere.
    """
    others = [_other(row, column).casefold().split() for row in rows]
    left = [
        [word for word in row.text.split() if word.casefold() not in known]
        for row, known in zip(rows, map(set, others), strict=True)
    ]
    there = Counter(word for words in others for word in words)
    here = Counter(word.casefold() for words in left for word in words)
    foreign = {word for word, count in here.items() if there[word] > _FAR_MORE * count}
    return [
        replace(row, text=" ".join(word for word in words if word.casefold() not in foreign))
        for row, words in zip(rows, left, strict=True)
    ]


_FAR_MORE = 10


def _suits(source: Source, kind: str) -> None:
    """Raise InputError for keys that mean nothing for rows of ``kind``."""
    if kind != "pairs":
        if source.transforms or source.target_lang:
            raise InputError("`transforms` and `target_lang` are for pairs")
    elif source.rename or source.label is not None or source.without:
        raise InputError("`rename`, `label` and `without` are not for pairs", "they choose by `where` and `transforms`")


def _language(name: str | None, kind: str) -> str:
    """The code for what a source calls its language; of pairs a code as it stands, like ``eng`` or ``hin-eng``."""
    if not name or (kind == "pairs" and re.fullmatch(cards.PAIR_CODE, name)):
        return name or ""
    return parse(name)


def _chosen(found: Iterator[Row], source: Source) -> list[Row]:
    """What ``skip``, ``where``, ``limit``, ``without``, ``label`` and ``rename`` leave of the rows, in this order."""
    rest = itertools.islice(found, source.skip, None)
    kept = (row for row in rest if all(_other(row, name) in values for name, values in source.where.items()))
    rows = list(itertools.islice(kept, source.limit))
    if source.without and not all(isinstance(row, TextRow) for row in rows):
        raise InputError("`without` is for texts with one label each")
    if source.without:
        rows = _without(rows, source.without)
    if source.label is not None:
        rows = _labeled(rows, source.label)
    return _rename(rows, source.rename) if source.rename else rows


def counts(found: Sequence[Row]) -> dict[str, int]:
    """How many rows, and words of their texts, a source gives: for the record of a run."""
    return {"rows": len(found), "tokens": sum(len(row.tokens) for row in found)}


def rows(source: Source, data_dir: Path | None = None, report: Report | None = None, kind: str = "tokens") -> Loaded:
    """Load a source of rows of ``kind`` whole."""
    strictly = report or Strictly()
    _suits(source, kind)
    lang, target_lang = _language(source.lang, kind), _language(source.target_lang, kind)
    notes: list[str] = []
    if source.card is not None:
        card = cards.load(source.card)
        block = card.nlpkit
        if block.kind != kind:
            raise InputError(f"card `{card.name}` holds {block.kind}, {kind} are wanted", "see `nlpkit data list`")
        path = find(card, source.split, data_dir)
        fmt: str = block.format.name
        columns = {**block.format.columns, **block.splits[source.split].columns, **source.columns}
        scheme = source.scheme or block.labels.scheme or "auto"
        paths, lang, target_lang = (
            [str(path)],
            lang or block.text.lang or "",
            target_lang or block.text.target_lang or "",
        )
        if card.noncommercial:
            notes.append(f"{card.pretty_name} is under {card.license}: not for commercial use")
    else:
        paths = list(source.files or [])
        if not paths:
            raise InputError("`files` names no file")
        if "-" in paths:
            raise InputError("a source cannot be stdin: it is read for its rows and again for its hash", "name a file")
        fmt = source.format or formats.guess(paths[0], formats.DEFAULT[kind], kind)
        if fmt == "text" and source.label is None and not (kind == "pairs" and source.format):
            lacking = {"tokens": "tags", "texts": "labels", "pairs": "targets"}[kind]
            raise InputError(
                f"`{paths[0]}` looks like raw text, which has no {lacking}",
                f"if it has columns: data.format={formats.DEFAULT[kind]}",
            )
        columns, scheme = dict(source.columns), source.scheme or "auto"
    each = (read_file(path, fmt, strictly, columns, lang, kind, target_lang) for path in paths)
    found = _chosen(itertools.chain.from_iterable(each), source)
    files = [part for path in paths for part in parts(path)]
    record: dict[str, Any] = {
        **source.model_dump(mode="json", exclude_none=True, exclude_defaults=True),
        "format": fmt,
        **counts(found),
        "sha256": {name: sha256(Path(path)) for name, path in zip(_names(files), files, strict=True)},
    }
    if source.card is not None:
        record |= {
            "split": source.split,
            "licence": source.licence or block.splits[source.split].licence or card.license,
            "redistribute": block.redistribute,
        }
        known = block.splits[source.split].sha256
        if known and known not in record["sha256"].values():
            notes.append(f"`{paths[0]}` is not the version that card `{card.name}` describes")
    if not found:
        raise InputError(f"no rows in `{paths[0]}`", f"nlpkit data check {paths[0]}")
    if isinstance(strictly, Strictly):
        notes += strictly.summary()
    return Loaded(found, record, scheme, source.mend, notes)
