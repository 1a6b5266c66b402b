"""How tokenizers cut texts, language by language; streaming, in constant memory."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from nlpkit.config.explain import unknown
from nlpkit.data.files import Report, Strictly
from nlpkit.data.rows import PairRow
from nlpkit.errors import InputError
from nlpkit.jobs.bpe import Source, texts_of
from nlpkit.jobs.signals import Signals
from nlpkit.metrics.subwords import MEAN, Parallel, Tally, Vocabulary, gini, signature, total
from nlpkit.text.langcodes import UNKNOWN, parse
from nlpkit.text.scripts import COMMON, main_script

_LINES, _TEXT = 512, 1 << 20  # lines, or characters, that are cut at once
_LISTED = 10  # of the longest and the most frequent pieces
_BLANK, _BROKEN = "▁", "\ufffd"


@dataclass
class Tokenizer:
    """A tokenizer and what it made of texts: ``tallies`` by language; ``shown`` is what pieces stand for."""

    name: str
    raw: Any
    pieces: list[str]
    shown: list[str]
    marks: frozenset[int]  # special ones, the unknown piece too
    vocabulary: Vocabulary
    tallies: dict[str, Tally] = field(default_factory=dict)

    def scripts(self) -> dict[str, int]:
        """How many pieces are in each script, most first; ``Zyyy`` is no letter, ``bytes`` are parts of characters."""
        found: Counter[str] = Counter()
        for at, (piece, text) in enumerate(zip(self.pieces, self.shown, strict=True)):
            if piece and at not in self.marks:
                found["bytes" if _BROKEN in text and _BROKEN not in piece else main_script(text)] += 1
        return dict(sorted(found.items(), key=lambda item: (item[0] in (COMMON, "bytes"), -item[1], item[0])))

    def frequent(self, counts: Mapping[int, int]) -> list[dict[str, Any]]:
        """The most frequent pieces, and the share of each."""
        number = sum(counts.values())
        best = sorted(counts, key=lambda at: (-counts[at], at))[:_LISTED]
        return [{"piece": self.pieces[at], "text": self.shown[at], "share": counts[at] / number} for at in best]

    def longest(self, counts: Mapping[int, int]) -> list[dict[str, Any]]:
        """The longest pieces that were used, and how often."""
        used = (at for at in counts if at not in self.marks)
        best = sorted(used, key=lambda at: (-len(self.shown[at].strip()), at))[:_LISTED]
        return [{"piece": self.pieces[at], "text": self.shown[at], "count": counts[at]} for at in best]


def tokenizer(name: str) -> Tokenizer:
    """The tokenizer of a folder or file. Raises InputError where there is none."""
    from nlpkit.engine.subword_coding import load

    raw = load(name)
    data = json.loads(raw.to_str())
    pieces, shown = described(raw, data)
    at = unknown_id(data, raw)
    marks = frozenset(entry["id"] for entry in data["added_tokens"] if entry["special"]) | ({at} - {-1})
    other = [number for number, piece in enumerate(pieces) if piece and number not in marks]
    single = frozenset(number for number in other if len(shown[number].strip()) <= 1)
    return Tokenizer(name, raw, pieces, shown, marks, Vocabulary(len(other), at, single))


def unknown_id(data: Mapping[str, Any], raw: Any) -> int:
    """The id of the unknown piece, or -1."""
    model = data["model"]
    if model["type"] == "Unigram":
        return -1 if model["unk_id"] is None else int(model["unk_id"])
    found = raw.token_to_id(model.get("unk_token") or "")
    return -1 if found is None else int(found)


def described(raw: Any, data: Mapping[str, Any]) -> tuple[list[str], list[str]]:
    """(every piece, what it stands for in a text) by their ids.

    A byte that is no character by itself is ``\\ufffd``. Ids that are not used are empty strings.
    """
    from nlpkit.engine.subword_coding import byte_signs, of_bytes

    model = data["model"]
    added = {entry["content"] for entry in data["added_tokens"]}
    most = max([raw.get_vocab_size(), *(entry["id"] + 1 for entry in data["added_tokens"])])
    pieces = [raw.id_to_token(at) or "" for at in range(most)]
    signs = {sign: byte for byte, sign in byte_signs().items()}
    by_bytes = of_bytes(data)
    before, after = model.get("continuing_subword_prefix") or "", model.get("end_of_word_suffix") or ""

    def shown(piece: str) -> str:
        if piece in added:
            return piece
        if by_bytes and all(char in signs for char in piece):
            return bytes(signs[char] for char in piece).decode("utf-8", "replace")
        if model.get("byte_fallback") and len(piece) == 6 and piece.startswith("<0x"):
            return bytes([int(piece[3:5], 16)]).decode("utf-8", "replace")
        return piece.removeprefix(before).removesuffix(after).replace(_BLANK, " ")

    return pieces, [shown(piece) for piece in pieces]


def texts(source: Source, number: int, report: Report) -> Iterator[tuple[str, str, str]]:
    """(text, language, id) of all texts of the source of that number; texts that say the same have one id.

    The id of a pair is its own, while other rows share theirs with those of all sources.
    """
    for row in source.rows(report):
        ident = f"{number}\0{row.id}" if isinstance(row, PairRow) else row.id
        yield from ((text, lang, ident) for text, lang in texts_of(row))


def count(
    sources: Sequence[Source],
    tokenizers: Sequence[Tokenizer],
    parallel: Parallel | None = None,
    *,
    tick: Callable[[int, int, str], None] = lambda *_: None,
) -> Strictly:
    """Cut all texts and count them in the tokenizers and in ``parallel``; returns what was reported of the files."""
    if [one.path for one in sources].count("-") > 1:
        raise InputError("stdin can be read once only", "name files for the others")
    report, done = Strictly(), 0
    with Signals() as signals:
        for number, source in enumerate(sources):
            found = signals.waiting(texts(source, number, report))
            for part in _chunks((text, lang or UNKNOWN, ident) for text, lang, ident in found if text.strip()):
                _count(part, tokenizers, parallel)
                done += len(part)
                tick(number, len(sources), f"files; {done:,} lines read")
    tick(1, 1, "")
    return report


def _chunks(found: Iterable[tuple[str, str, str]]) -> Iterator[list[tuple[str, str, str]]]:
    part: list[tuple[str, str, str]] = []
    size = 0
    for one in found:
        part.append(one)
        size += len(one[0])
        if len(part) == _LINES or size >= _TEXT:
            yield part
            part, size = [], 0
    if part:
        yield part


def _count(part: Sequence[tuple[str, str, str]], tokenizers: Sequence[Tokenizer], parallel: Parallel | None) -> None:
    lengths: list[list[int]] = [[] for _ in part]
    for one in tokenizers:
        coded = encoded(one.raw, one.name, [text for text, _, _ in part])
        for (text, lang, _), encoding, length in zip(part, coded, lengths, strict=True):
            ids = encoding.ids
            ends = [end for _, end in encoding.offsets]
            one.tallies.setdefault(lang, Tally()).add(text, ids, ends, one.vocabulary.unknown)
            length.append(len(ids))
    if parallel is not None:
        for (_, lang, ident), length in zip(part, lengths, strict=True):
            parallel.add(ident, lang, length)


def encoded(raw: Any, name: str, found: Sequence[str]) -> list[Any]:
    """Texts as the library encodes them, without marks. Raises InputError where the tokenizer ``name`` cannot."""
    try:
        return list(raw.encode_batch(list(found), add_special_tokens=False))
    except (
        Exception
    ) as error:  # the library raises a bare Exception, where a word is unknown and no piece stands for it
        raise InputError(f"`{name}` cannot cut a text: {error}", "it lacks an unknown piece: add one") from None


def reference(name: str, languages: Iterable[str]) -> str:
    """The language among those seen that ``--reference`` means. Raises InputError where it is none of them."""
    known = sorted(languages)
    if name == MEAN or name in known:
        return name
    same = [lang for lang in known if _parsed(lang) == _parsed(name)]
    if len(same) == 1:
        return same[0]
    raise unknown("language of these texts", name, known, "languages: " + (", ".join(known) or "none") + f"; or {MEAN}")


def _parsed(name: str) -> str:
    try:
        return parse(name)
    except InputError:
        return name


def results(
    tokenizers: Sequence[Tokenizer], parallel: Parallel | None = None, against: str | None = None
) -> dict[str, Any]:
    """All figures: ``tokenizers``, a list with ``tokenizer``, ``vocabulary``, ``never_used``, ``scripts``, ``all`` and
    ``languages``; with ``parallel`` also ``gini``, the ``reference`` and ``parity`` in each language, and how many
    ``parallel_lines`` there are; ``signature``.
    """
    found: dict[str, Any] = {"reference": against, "parallel_lines": len(parallel)} if parallel is not None else {}
    found["tokenizers"] = [_result(one, at, parallel, against) for at, one in enumerate(tokenizers)]
    return {**found, "signature": signature(against)}


def _result(one: Tokenizer, at: int, parallel: Parallel | None, against: str | None) -> dict[str, Any]:
    every = total(one.tallies.values())
    parity = parallel.parity(against, at) if parallel is not None and against is not None else {}

    def figures(tally: Tally) -> dict[str, Any]:
        lists = {"frequent": one.frequent(tally.counts), "longest": one.longest(tally.counts)}
        return {**tally.figures(one.vocabulary), **lists}

    used = sum(number not in one.marks for number in every.counts)
    languages = {lang: figures(tally) for lang, tally in sorted(one.tallies.items())}
    found: dict[str, Any] = {"tokenizer": one.name, "vocabulary": one.vocabulary.size}
    found["never_used"] = 1 - used / one.vocabulary.size if one.vocabulary.size else 0.0
    if parallel is not None:
        found["gini"] = gini(parallel.parity(MEAN, at).values())
        languages = {lang: {**row, "parity": parity.get(lang, 0.0)} for lang, row in languages.items()}
    return {**found, "scripts": one.scripts(), "all": figures(every), "languages": languages}


def worst(found: Mapping[str, Any]) -> list[str]:
    """The languages of ``results``, that with the highest parity (else fertility) of the first tokenizer first."""
    languages = found["tokenizers"][0]["languages"]
    name = "parity" if "reference" in found else "fertility"
    return sorted(languages, key=lambda lang: (-languages[lang][name], lang))


def draw(
    found: Mapping[str, Any], names: Sequence[str], languages: Sequence[str], folder: Path, name: str
) -> list[Path]:
    """Bars of the fertility and the parity of languages, a color for each tokenizer, whose ``names`` these are."""
    from nlpkit.jobs import plots

    paths = []
    for figure in ("fertility", *(["parity"] if "reference" in found else [])):
        rows = [one["languages"] for one in found["tokenizers"]]
        series = [(label, [row[lang][figure] for lang in languages]) for label, row in zip(names, rows, strict=True)]
        title = "pieces a word" if figure == "fertility" else f"pieces by those of {found['reference']}"
        paths.append(folder / f"{name}-{figure}.svg")
        plots.write(paths[-1], plots.bars(languages, series, title))
    return paths
