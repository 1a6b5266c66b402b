"""How mixed files are: words with labels that are given, or predicted from texts; streaming, in constant memory."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nlpkit.config.explain import unknown
from nlpkit.data import formats
from nlpkit.data.files import Lines, Problem, Report, read_lines
from nlpkit.data.formats import table
from nlpkit.data.formats.json_lines import Bad, objects
from nlpkit.data.load import read_file
from nlpkit.data.rows import TokenRow, control
from nlpkit.errors import InputError
from nlpkit.metrics.codemixing import CMI_BINS, Corpus
from nlpkit.text.langcodes import NO_LANGUAGE, UNIVERSAL, UNKNOWN

if TYPE_CHECKING:
    from nlpkit.jobs.langid import Identifier

READ = ("text", "jsonl", "tsv", "conll")
PUNCTUATION, NUMBER = "punct", "num"  # what a token is, whatever its label says
NEUTRAL = (UNIVERSAL, "ne", "acro", UNKNOWN, NO_LANGUAGE, PUNCTUATION, NUMBER)
TITLES = {
    "cmi": "CMI", "cmi_2016": "CMI with switch points", "i_index": "I-index", "switches": "switch points",
    "m_index": "M-index", "entropy": "language entropy",
}  # fmt: skip
_BARS = 60  # of a picture, at most
_PLACES = {
    "tokens": ("tokens",),
    "tags": ("lid", "langs"),
    "text": ("tgt", "text"),
    "id": ("id",),
}  # under which keys a row holds what, the first that is there
_SPOKEN = {"&", "%", "+", "=", "@"}  # signs that stand for words
_FIX = "other names: --column tags=NAME, --column text=NAME; word TAB label without a header: --from conll"


def rows(paths: Iterable[str], fmt: str | None, columns: Mapping[str, int | str], report: Report) -> Iterator[TokenRow]:
    """Stream the rows of files: words with labels, or ``raw`` rows of a text alone.

    Raises InputError for a file that holds no row, and for one of words without labels; else faults are reported.
    """
    for path in paths:
        yield from _whole(path, fmt, columns, report)


def _whole(path: str, fmt: str | None, columns: Mapping[str, int | str], report: Report) -> Iterator[TokenRow]:
    fmt = fmt or formats.guess(path, formats.guess(path, "text"), "texts")
    if fmt not in READ:
        raise InputError(f"`{path}`: {fmt} is not read here", "formats: " + ", ".join(READ))
    where, row = "<stdin>" if path == "-" else path, None
    for row in _rows(path, where, fmt, columns, report):
        yield row
    if row is None:
        raise InputError(f"`{where}` is empty: it has no rows", "is it the right file?")


def _rows(path: str, where: str, fmt: str, columns: Mapping[str, int | str], report: Report) -> Iterator[TokenRow]:
    if fmt in ("text", "conll"):
        for row in read_file(path, fmt, report, dict(columns)):
            if row.tags is None and fmt == "conll":
                what = f"`{row.tokens[0]}` has no label"
                raise InputError(f"{where}:{row.line}: {what}", "write word TAB label, or read texts: --from text")
            yield replace(row, raw=row.tags is None)
        return
    for name in columns:
        if name not in _PLACES:
            raise unknown("column", name, _PLACES, f"what {fmt} can be told: " + ", ".join(_PLACES))
    keys = {name: (str(columns[name]),) if name in columns else usual for name, usual in _PLACES.items()}
    lines = read_lines(path, report)
    found = objects(lines, where, report) if fmt == "jsonl" else _records(lines, where, keys, columns, report)
    for count, (number, data) in enumerate(found, 1):
        try:
            yield _row(data, keys, number, count)
        except Bad as bad:
            report(Problem(where, number, *bad.args))


def _records(
    lines: Lines, where: str, keys: Mapping[str, Sequence[str]], columns: Mapping[str, int | str], report: Report
) -> Iterator[tuple[int, dict[str, Any]]]:
    """The rows of a table as those of JSON Lines: words and labels are parted by blanks."""
    split = {*keys["tokens"], *keys["tags"]}
    found = table.read(((number, line.split("\t")) for number, line in lines), where, report, columns, ())
    if found is None:
        return
    for number, fields in found.records:
        named = dict(zip(found.names, fields, strict=True))
        parted = {name: [*filter(None, named[name].split(" "))] for name in split if name in named}
        yield number, {**named, **parted}


def _row(data: dict[str, Any], keys: Mapping[str, Sequence[str]], number: int, count: int) -> TokenRow:
    at = {name: next((key for key in some if data.get(key) is not None), None) for name, some in keys.items()}
    values = {name: None if key is None else data[key] for name, key in at.items()}
    ident = str(count if values["id"] is None else values["id"])
    tokens, tags, text = values["tokens"], values["tags"], values["text"]
    if tokens is not None and tags is not None:
        for name, some in ((at["tokens"], tokens), (at["tags"], tags)):
            if not isinstance(some, list) or not all(isinstance(part, str) and part for part in some):
                raise Bad("json", f"`{name}` is not a list of non-empty strings", "a string for each word")
        if len(tokens) != len(tags):
            what = f"{len(tokens)} in `{at['tokens']}`, {len(tags)} in `{at['tags']}`"
            raise Bad("columns", f"words and labels differ in number: {what}", "give every word one label")
        if any(map(control, tags)):
            raise Bad("label", f"`{at['tags']}` holds a control character", "write the name of the label")
        return TokenRow(ident, tuple(tokens), tuple(tags), line=number)
    if isinstance(text, str):
        return TokenRow(ident, (), text=text, line=number, raw=True)
    if text is not None:
        raise Bad("json", f"`{at['text']}` is no string", _FIX)
    if there := at["tokens"] or at["tags"]:
        what = f"`{there}` without {_either(keys['tags' if tags is None else 'tokens'])}"
    else:
        what = f"neither labels nor {_either(keys['text'])}"
    raise Bad("json", what, _FIX)


def _either(keys: Sequence[str]) -> str:
    return " or ".join(f"`{key}`" for key in keys)


@dataclass(slots=True)
class Labels:
    """Gives the words of rows their labels, and says which of them are languages.

    ``identifier`` is called where the first text comes. ``renamed`` labels are changed first; ``neutral`` ones, in any
    case, are no language. ``punct`` and ``num`` among them are tokens of signs (but for those that stand for a word,
    such as &) and of digits, whatever their label.
    """

    identifier: Callable[[], Identifier]
    renamed: Mapping[str, str] = field(default_factory=dict)
    neutral: Sequence[str] = NEUTRAL
    predicted: int = 0  # rows
    seen: Counter[str] = field(default_factory=Counter)  # words by label, before it is renamed
    _loaded: Identifier | None = None

    def label(self, row: TokenRow) -> TokenRow:
        """The row with the labels of its words."""
        if row.raw:
            self._loaded = self._loaded or self.identifier()
            self.predicted += 1
            found = self._loaded.words(row.text or "")
            offsets = tuple((word.start, word.end) for word in found)
            row = replace(row, tokens=tuple(word.text for word in found), offsets=offsets)
            row = row.with_tags([word.label for word in found])
        self.seen.update(row.tags or ())
        return row.with_tags([self.renamed.get(tag, tag) for tag in row.tags or ()])

    def languages(self, row: TokenRow) -> list[str | None]:
        """The language of each word, None where it has none."""
        neutral = {name.casefold() for name in self.neutral}
        return [
            None if tag.casefold() in neutral or _kind(token) in neutral else tag
            for token, tag in zip(row.tokens, row.tags or (), strict=True)
        ]


def _kind(token: str) -> str:
    """Whether a token is a number, or signs that are not read as a word."""
    if token in _SPOKEN or any(map(str.isalpha, token)):
        return ""
    return NUMBER if any(map(str.isnumeric, token)) else PUNCTUATION


def lines(found: Iterable[TokenRow], labels: Labels, corpus: Corpus) -> Iterator[tuple[TokenRow, dict[str, Any]]]:
    """Each row with its labels, and its figures, which are counted in ``corpus``."""
    for row in found:
        row = labels.label(row)
        yield row, corpus.add(labels.languages(row))


def count(found: Iterable[tuple[TokenRow, dict[str, Any]]]) -> None:
    """Go through ``lines`` for what they leave in the corpus."""
    for _ in found:
        pass


def difference(a: Any, b: Any) -> Any:
    """Figures that are those of ``a`` less those of ``b``; what only one of them has (a language) is 0 in the other."""
    if isinstance(a, dict) or isinstance(b, dict):
        left, right = a or {}, b or {}
        names = [name for name, value in {**left, **right}.items() if not isinstance(value, str)]
        return {name: difference(left.get(name, 0), right.get(name, 0)) for name in names}
    return a - b


def flat(figures: Mapping[str, Any], languages: Iterable[str]) -> dict[str, float]:
    """The figures of a corpus as lines of a table, with a share for each of ``languages``."""
    found: dict[str, float] = {}
    for name, value in figures.items():
        title = TITLES.get(name, name.replace("_", " "))
        if name == "languages":
            found |= {f"share {language}": value.get(language, 0.0) for language in languages}
        elif isinstance(value, dict):
            found |= {title: value["mean"], f"{title}, sd": value["sd"]}
            found |= {f"{title}, mixed": value["mixed_mean"], f"{title}, mixed, sd": value["mixed_sd"]}
        elif name != "signature":
            found[title] = value
    return found


def draw(named: Sequence[tuple[str, Corpus]], folder: Path, name: str) -> list[Path]:
    """Pictures of the distributions of CMI and of switch points, the corpora over each other."""
    from nlpkit.jobs import plots

    step = 100 // CMI_BINS
    most = max((at for _, corpus in named for at in corpus.switches), default=0)
    pictures = (
        ("cmi", step, [(label, {at * step: n for at, n in corpus.cmi_bins.items()}) for label, corpus in named]),
        ("switches", 1 + most // _BARS, [(label, corpus.switches) for label, corpus in named]),
    )
    for kind, width, series in pictures:
        plots.write(folder / f"{name}-{kind}.svg", plots.histograms(series, TITLES[kind], width))
    return [folder / f"{name}-{kind}.svg" for kind, *_ in pictures]
