"""Learn a vocabulary of sub-words from texts: a Hugging Face folder, the same bytes for the same texts."""

from __future__ import annotations

import hashlib
import heapq
import os
import re
import shutil
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import nlpkit
from nlpkit.config import card as cards
from nlpkit.config.subwords import Subwords
from nlpkit.data import formats, load
from nlpkit.data.files import Report, Strictly, parts, write_json
from nlpkit.data.rows import PairRow, Row, TokenRow, surface
from nlpkit.errors import InputError, RunError
from nlpkit.jobs.rundir import Say
from nlpkit.jobs.signals import Signals
from nlpkit.text.langcodes import UNKNOWN, parse

if TYPE_CHECKING:
    from nlpkit.engine.subwords import Learned

RECORD = "subwords.json"
_LANGUAGE = re.compile(r"[A-Za-z]{2,}[\w-]*\Z")
_DEV_LINES = 200  # lines of each language that parity is measured on, where no file is named
_OVERFLOW = 2**31  # characters from which the trainer's counts of pairs may not fit


@dataclass(frozen=True, slots=True)
class Source:
    """A file, ``-`` or a card's split, and the language of rows that name none."""

    path: str
    lang: str = ""
    fmt: str | None = None
    columns: dict[str, int | str] = field(default_factory=dict)
    kind: str = "texts"
    target_lang: str = ""

    def rows(self, report: Report) -> Iterator[Row]:
        fmt = self.fmt or formats.guess(self.path, "text", self.kind)
        return load.read_file(self.path, fmt, report, self.columns, self.lang, self.kind, self.target_lang)

    def texts(self, report: Report) -> Iterator[tuple[str, str]]:
        """(text, language) of all texts."""
        return (found for row in self.rows(report) for found in texts_of(row))


def texts_of(row: Row) -> Iterator[tuple[str, str]]:
    """(text, language) of the texts of a row; of a pair the text and all right answers."""
    if isinstance(row, TokenRow):
        yield surface(row)[0], row.lang
        return
    yield row.text, row.lang
    if isinstance(row, PairRow):
        yield from ((target, row.target_lang) for target in row.tags or ())
    elif row.text_b:
        yield row.text_b, row.lang


def source(text: str, fmt: str | None, columns: dict[str, int | str]) -> Source:
    """``FILE`` or ``FILE:CODE``, all of whose rows that name no language are in CODE."""
    path, sign, code = text.rpartition(":")
    if not sign or Path(text).exists() or not _LANGUAGE.match(code):
        return Source(text, "", fmt, columns)
    parse(code)  # raises for what is no language
    return Source(path, code, fmt, columns)


def of_card(name: str, split: str, data_dir: Path | None) -> Source:
    """A card's split, whatever its rows are."""
    card = cards.load(name)
    block = card.nlpkit
    path = str(load.find(card, split, data_dir))
    columns = {**block.format.columns, **block.splits[split].columns}
    lang, target = block.text.lang or "", block.text.target_lang or ""
    return Source(path, lang, block.format.name, columns, block.kind, target)


@dataclass
class Corpus:
    """The texts of the sources, read once; what is counted on the way is right when they have been read."""

    sources: Sequence[Source]
    spec: Subwords
    tick: Callable[[int, int, str], None]
    read: Counter[str] = field(default_factory=Counter)  # lines with text, by language
    used: Counter[str] = field(default_factory=Counter)  # those of them that are learned from
    blank: int = 0
    characters: int = 0
    report: Strictly = field(default_factory=Strictly)
    _digest: Any = None

    def __iter__(self) -> Iterator[tuple[str, str]]:
        with Signals() as signals:
            found: Iterable[tuple[str, str]] = signals.waiting(self._texts())
            if self.spec.sample is not None:
                chosen = Drawn(self.spec.sample, self.spec.seed)
                for text, lang in found:
                    chosen.add(text, lang)
                found = chosen.texts()
            for text, lang in found:
                self.used[lang] += 1
                self.characters += len(text)
                yield text, lang

    def _texts(self) -> Iterator[tuple[str, str]]:
        count = 0
        for number, source in enumerate(self.sources):
            for text, lang in source.texts(self.report):
                if source.path == "-":
                    self._digest = self._digest or hashlib.sha256()
                    self._digest.update(text.encode("utf-8", "replace") + b"\n")
                if not text or text.isspace():
                    self.blank += 1
                    continue
                count += 1
                if count % 1000 == 0:
                    self.tick(number, len(self.sources), f"files; {count:,} lines read")
                self.read[lang] += 1
                yield text, lang
        self.tick(1, 1, "")

    def files(self) -> list[dict[str, str]]:
        """Names and SHA-256 (of stdin: of its texts, a line each)."""
        found = []
        for source in self.sources:
            if source.path == "-":
                digest = (self._digest or hashlib.sha256()).hexdigest()
                found.append({"name": "<stdin>", "sha256": digest})
            else:
                paths = map(Path, parts(source.path))
                found += [{"name": path.name, "sha256": load.sha256(path)} for path in paths]
        return [{**one, **({"lang": source.lang} if source.lang else {})} for one, source in _zipped(found, self)]


def _zipped(found: list[dict[str, str]], corpus: Corpus) -> Iterator[tuple[dict[str, str], Source]]:
    """Each file with its source."""
    every = [source for source in corpus.sources for _ in (["-"] if source.path == "-" else parts(source.path))]
    return zip(found, every, strict=True)


class Drawn:
    """At most so many texts: those with the least hash, whatever order they come in."""

    def __init__(self, most: int, seed: int) -> None:
        self._most, self._key = most, seed.to_bytes(16, "big")
        self._heap: list[tuple[int, str, str]] = []

    def add(self, text: str, lang: str) -> None:
        data = text.encode("utf-8", "surrogatepass")
        rank = -int.from_bytes(hashlib.blake2b(data, digest_size=8, key=self._key).digest(), "big")
        if len(self._heap) < self._most:
            heapq.heappush(self._heap, (rank, text, lang))
        elif rank > self._heap[0][0]:
            heapq.heapreplace(self._heap, (rank, text, lang))

    def texts(self) -> Iterator[tuple[str, str]]:
        """(text, language) of those drawn; they are forgotten."""
        found, self._heap = sorted(self._heap, reverse=True), []
        return ((text, lang) for _, text, lang in found)


def shares(lines: Counter[str], temperature: float) -> dict[str, float]:
    """The share of each language: ~ lines ** (1 / temperature) (Conneau and Lample, 2019)."""
    powers = {lang: count ** (1 / temperature) for lang, count in lines.items()}
    total = sum(powers.values())
    return {lang: power / total for lang, power in powers.items()}


def train(
    sources: Sequence[Source],
    spec: Subwords,
    out: Path,
    *,
    dev: Sequence[Source] = (),
    overwrite: bool = False,
    say: Say = lambda _: None,
    tick: Callable[[int, int, str], None] = lambda *_: None,
) -> dict[str, Any]:
    """Learn the pieces and write the folder ``out``; nothing is there until all of it is. Returns what RECORD holds.

    ``dev`` holds texts that say the same in every language, for parity.
    """
    from nlpkit.engine import subwords

    refuse_existing(out, overwrite)
    if dev and spec.parity == "none":
        raise InputError("--dev is for parity=window or parity=base", "leave it out")
    if [one.path for one in (*sources, *dev)].count("-") > 1:
        raise InputError("stdin can be read once only", "name files for the others")
    corpus = Corpus(sources, spec, tick)
    learned, languages = _learned(corpus, dev, say)
    first = len(subwords.fixed(spec, languages))
    if (letters := len(learned.alphabet)) > spec.vocab_size - first:
        raise InputError(
            f"vocab_size={spec.vocab_size} is too small: the alphabet alone has {letters} characters, and {first} "
            "pieces are marks, tags, bytes or protected",
            f"vocab_size={2 * (letters + first)}, or algorithm=byte-bpe, whose alphabet has 256",
        )
    raw = subwords.built(spec, learned, languages)
    size = raw.get_vocab_size()
    _tell(corpus, size, say)
    facts = {
        "settings": spec.model_dump(mode="json"), "pieces": size, "inputs": corpus.files(), "blank": corpus.blank,
        "lines": corpus.read.total(), "used": corpus.used.total(), "languages": _languages(corpus),
        "versions": {name: version(name) for name in ("tokenizers", "sentencepiece")} | {"nlpkit": nlpkit.__version__},
    }  # fmt: skip
    with new_folder(out, overwrite) as folder:
        subwords.save(raw, folder, subwords.USES)
        write_json(folder / RECORD, facts)
    return facts


def _learned(corpus: Corpus, dev: Sequence[Source], say: Say) -> tuple[Learned, list[str]]:
    """What was learned, and the languages. Raises InputError where there is no text."""
    from nlpkit.engine import subwords

    spec = corpus.spec
    apart = spec.temperature > 1 or spec.parity != "none"
    plain = spec.algorithm in ("bpe", "byte-bpe") and spec.cut != "whitespace"
    if plain and not apart and not spec.language_tags:  # else words are counted first
        room = max(spec.vocab_size - len(subwords.fixed(spec, [])), 1)
        found = subwords.from_texts((text for text, _ in corpus), spec, room)
        check_filled(corpus)
        if corpus.characters >= _OVERFLOW:
            say("warning: over 2,147,483,648 characters: counts of pairs may overflow; sample=N takes N of the lines")
        return found, []
    words: dict[str, subwords.Words] = {}
    tried: dict[str, Drawn] = {}
    for text, lang in corpus:
        key = lang if apart else ""
        if key not in words:
            words[key], tried[key] = subwords.Words(spec), Drawn(_DEV_LINES, spec.seed)
        words[key].add(text)
        if spec.parity != "none" and not dev:
            tried[key].add(text, lang)
    check_filled(corpus)
    if (apart or spec.language_tags) and (bare := corpus.used[""]):
        raise InputError(
            f"{bare} lines have no language, and temperature, parity and language_tags need it",
            "write FILE:CODE, as in yoruba.txt:yor, or read a table with a column lang",
        )
    languages = sorted(corpus.used)
    counts = {key: words.pop(key).counts() for key in sorted(words)}
    room = max(spec.vocab_size - len(subwords.fixed(spec, languages)), 1)
    if spec.parity != "none":
        return subwords.with_parity(list(counts.values()), _tried(spec, dev, tried, say), spec, room), languages
    letters = {char for found in counts.values() for word in found for char in word} - {"\n"}
    if apart:
        now, wanted = shares(corpus.used, 1.0), shares(corpus.used, spec.temperature)
        counts = {lang: subwords.weighted(counts.pop(lang), wanted[lang] / now[lang], spec.seed) for lang in [*counts]}
    total = counts.pop(next(iter(counts)))
    while counts:
        total.update(counts.popitem()[1])
    return subwords.from_counts(total, spec, room, letters), languages


def _tried(spec: Subwords, dev: Sequence[Source], drawn: dict[str, Drawn], say: Say) -> list[Counter[str]]:
    """The words of each language, in their order, that parity is measured on."""
    from nlpkit.engine import subwords

    if len(drawn) < 2:
        raise InputError("parity is between languages, and there is one only", "leave out parity")
    words = {lang: subwords.Words(spec) for lang in sorted(drawn)}
    if dev:
        for lang, text in ((lang, text) for one in dev for text, lang in one.texts(Strictly())):
            if lang in words:
                words[lang].add(text)
    else:
        texts = {lang: [text for text, _ in drawn[lang].texts()] for lang in words}
        least = min(map(len, texts.values()))
        say(f"parity is measured on {least} lines of each language; better are the same texts in all: --dev FILE")
        for lang, found in texts.items():
            for text in found[:least]:
                words[lang].add(text)
    counts = {lang: found.counts() for lang, found in words.items()}
    if lacking := [lang for lang, found in counts.items() if not found]:
        raise InputError("no text of --dev is in " + ", ".join(f"`{lang}`" for lang in lacking))
    return list(counts.values())


def check_filled(corpus: Corpus) -> None:
    if not corpus.used:
        names = ", ".join("`<stdin>`" if one.path == "-" else f"`{one.path}`" for one in corpus.sources)
        raise InputError(f"no text in {names}", "there is no line, or every line is empty")


def _languages(corpus: Corpus) -> dict[str, dict[str, float]]:
    """Of each language, the biggest first: its lines, those used, their share, and the share learned from.

    Texts that name none are under ``und``.
    """
    before, after = shares(corpus.used, 1.0), shares(corpus.used, corpus.spec.temperature)
    return {
        lang or UNKNOWN: {
            "lines": corpus.read[lang], "used": used, "share": round(before[lang], 6), "learned": round(after[lang], 6)
        }
        for lang, used in sorted(corpus.used.items(), key=lambda item: (-item[1], item[0]))
    }  # fmt: skip


def _tell(corpus: Corpus, size: int, say: Say) -> None:
    """What was read, and the size reached."""
    spec, used, read = corpus.spec, corpus.used.total(), corpus.read.total()
    for line in corpus.report.summary():
        say(f"note: {line}")
    blank = f", and {corpus.blank:,} empty ones" if corpus.blank else ""
    chosen = f"; learned from {used:,} of them (sample={spec.sample}, seed={spec.seed})" if spec.sample else ""
    say(f"{read:,} lines{blank}{chosen}")
    if size < spec.vocab_size:
        less = "" if spec.algorithm == "unigram" or spec.least == 1 else ", or min_frequency=1"
        say(
            f"warning: {size:,} pieces were reached, not the {spec.vocab_size:,} asked for: nothing else is frequent "
            f"enough; take more text{less}"
        )
    else:
        say(f"{size:,} pieces")


def refuse_existing(out: Path, overwrite: bool) -> None:
    """Raise InputError where something stands in the way."""
    if out.is_file() or out.is_symlink():
        raise InputError(f"`{out}` is no folder", "name another: --out FOLDER")
    if out.is_dir() and any(out.iterdir()):
        if not overwrite:
            raise InputError(f"`{out}` is there already", "name another folder with --out, or add --overwrite")
        if not (out / "tokenizer.json").is_file():
            raise InputError(f"`{out}` holds no tokenizer, so it is not overwritten", "name another: --out FOLDER")


@contextmanager
def new_folder(out: Path, overwrite: bool) -> Iterator[Path]:
    """A folder that gets its name when it is whole; an older one is there until then."""
    temporary = out.with_name(f".{out.name}.{os.getpid()}.part")
    old = out.with_name(f".{out.name}.{os.getpid()}.old")
    try:
        shutil.rmtree(temporary, ignore_errors=True)
        temporary.mkdir(parents=True)
        yield temporary
        for child in temporary.iterdir():
            with child.open("rb") as file:
                os.fsync(file.fileno())
        refuse_existing(out, overwrite)
        if out.exists():
            out.replace(old)
        temporary.replace(out)
        shutil.rmtree(old, ignore_errors=True)
    except OSError as error:
        raise RunError(
            f"cannot write `{out}`: {error.strerror or error}", "free some space, or name another place"
        ) from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
