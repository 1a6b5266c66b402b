"""Synthetic code-mixed sentences from sentences, or from sentences and their translations."""

from __future__ import annotations

import itertools
import random
import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache, partial

from nlpkit.config.recipe import Codemix
from nlpkit.data import formats
from nlpkit.data.files import Strictly
from nlpkit.data.load import read_file
from nlpkit.data.rows import PairRow
from nlpkit.errors import InputError
from nlpkit.metrics.codemixing import cmi
from nlpkit.text import mixing
from nlpkit.text.alignment import Aligner
from nlpkit.text.langcodes import code_of
from nlpkit.text.mixing import Mixed
from nlpkit.text.normalize import nfc
from nlpkit.text.romanize import to_latin

_NEEDS = ("align", "ec", "romanize")  # methods that need a translation beside the text
_MOST = 200_000  # pairs that are learned from
_SURE = 0.1  # least CSLS of a phrase that is learned beside a lexicon


@dataclass
class Made:
    """A mixed sentence with the row that it was made from; ``langs`` has a language for each word, or None."""

    row: PairRow
    words: list[str]
    langs: list[str | None]
    steps: list[str] = field(default_factory=list)


class Maker:
    """Makes mixed sentences by one method; ``dropped`` counts rows that gave none, by reason.

    ``left`` counts letters of scripts that could not be written with Latin ones.
    """

    def __init__(
        self,
        spec: Codemix,
        rows: Callable[[], Iterable[PairRow]],
        first: PairRow | None,
        say: Callable[[str], None],
        *,
        steps: bool = False,
    ) -> None:
        """``rows`` gives what will be mixed, where that is read first (``learns_from_rows``); ``first`` is one of them.

        ``steps`` are kept if asked for.
        """

        def pairs() -> Iterable[PairRow]:
            return learned_from(spec, first) if spec.learn else rows()

        self.spec, self.dropped = spec, Counter[str]()
        self.left, self._steps = 0, steps
        self.table: mixing.Table = {}
        self.counts: Counter[str] = Counter()  # how often each n-gram of the table occurs, where rare ones come first
        self.aligner: Aligner | None = None
        if spec.method in ("cmdr", "lexical"):
            self.table = self._table(pairs, say)
            if not self.table:
                raise InputError("there are no translations to mix in", "a larger lexicon, or more pairs to learn from")
            if spec.order == "freq":
                for row in itertools.islice(rows(), _MOST):
                    self.counts.update(mixing.grams(row.text, self.table, spec.longest))
        elif spec.method in ("align", "ec"):
            words = _words(pairs())
            if not words:
                raise InputError(
                    f"{spec.method} needs texts with their translations", "columns src and tgt, or --learn FILE"
                )
            self.aligner = Aligner.learn(words)
            say(f"codemix: alignments learned from {len(words)} pairs")

    def _table(self, pairs: Callable[[], Iterable[PairRow]], say: Callable[[str], None]) -> mixing.Table:
        from nlpkit.engine import bilingual

        spec = self.spec
        if spec.lexicon is not None:
            table = bilingual.lexicon(spec.lexicon)
            if spec.learn:
                learned = bilingual.learned(_words(pairs()), longest=spec.longest)
                phrases = {name: found for name, found in learned.items() if " " in name and found[0][1] >= _SURE}
                say(f"codemix: {len(phrases)} phrases learned beside {len(table)} words")
                table = {**phrases, **table}
        elif spec.vectors is not None:
            table = bilingual.from_vectors(*spec.vectors)
        else:
            words = _words(pairs())
            if not words:
                raise InputError(f"{spec.method} needs a lexicon, vectors, or pairs to learn from", "--lexicon FILE")
            table = bilingual.learned(words, longest=spec.longest)
            say(f"codemix: translations of {len(table)} words and phrases learned from {len(words)} pairs")
        if spec.method == "lexical":
            return {word: choices for word, choices in table.items() if word not in mixing.FUNCTION_WORDS}
        return table

    def told(self) -> str:
        """What was left out or left as it was, for a message; nothing where nothing was."""
        return left_out(self.dropped) + (
            f"; {self.left} letters are not Latin (uroman, where installed, writes more)" if self.left else ""
        )

    def __call__(self, rows: Iterable[PairRow]) -> Iterator[Made]:
        """A mixed sentence for each row that gives one, in order; the same for a row wherever it stands."""
        for row in rows:
            if not row.text.strip() or (self.spec.method in _NEEDS and not (row.target or "").strip()):
                self.dropped["empty"] += 1
                continue
            dice = random.Random(f"{self.spec.seed}-{zlib.crc32(row.text.encode())}")
            mixed = self._mixed(row, dice)
            if mixed is None or mixing.SECOND not in mixed.languages:
                self.dropped["nothing to mix"] += 1
                continue
            if self.spec.script != "native":
                mixed = mixing.rewritten(mixed, partial(self._latin, dice if self.spec.script == "typed" else None))
            langs = _languages(row)
            told = [None if language is None else langs[language] for language in mixed.languages]
            index = cmi(told)
            if not self.spec.least_cmi <= index <= self.spec.most_cmi:
                self.dropped["code-mixing index"] += 1
                continue
            target_lang = langs[1] if self.spec.method == "romanize" else f"{langs[1]}-{langs[0]}"
            made = PairRow(
                row.id, row.text, mixed.text, row.lang or langs[0], target_lang, row.extra, row.line
            )  # fmt: skip
            yield Made(made, mixed.words, told, [step.text for step in mixed.steps])

    def _latin(self, rng: random.Random | None, text: str) -> str:
        written, left = to_latin(text, rng=rng)
        self.left += left
        return written

    def _mixed(self, row: PairRow, dice: random.Random) -> Mixed | None:
        spec, target = self.spec, row.target or ""
        if spec.method in ("cmdr", "lexical"):
            return mixing.substitute(
                row.text, self.table, dice, longest=spec.longest, rate=spec.rate, order=spec.order,
                rarity=lambda gram: -self.counts[gram], temperature=spec.temperature, steps=self._steps,
            )  # fmt: skip
        if spec.method == "romanize":
            return mixing.alone(target)
        assert self.aligner is not None
        links = self.aligner.links([word.lower() for word in plain_words(row.text)], plain_words(target))
        if spec.method == "align":
            skip = mixing.FUNCTION_WORDS.__contains__
            return mixing.insert(row.text, target, links, dice, rate=spec.rate, skip=skip)
        return mixing.switch(row.text, target, links, dice, rate=spec.rate)


def left_out(dropped: Mapping[str, int]) -> str:
    """What was left out, by reason, for a message; nothing where nothing was."""
    told = ", ".join(f"{reason} {count}" for reason, count in dropped.items() if count)
    return f"; left out: {told}" if told else ""


def _words(pairs: Iterable[PairRow]) -> list[tuple[list[str], list[str]]]:
    """The words and signs of both sides of the first pairs that have both, the text's in lower case."""
    sides = ((row.text.lower(), row.target or "") for row in itertools.islice(pairs, _MOST))
    return [(plain_words(text), plain_words(target)) for text, target in sides if text.strip() and target.strip()]


def plain_words(text: str) -> list[str]:
    return [nfc(word.text) for word in mixing.cut(text)]


def _languages(row: PairRow) -> tuple[str, str]:
    """The codes of the text and of what is mixed in, as the row has them, without script or region."""
    return _short(row.lang or "eng"), _short(row.target_lang or "hin")


def _short(name: str) -> str:
    return name.partition("_")[0].partition("-")[0]


@lru_cache(maxsize=1024)
def same_language(first: str, second: str) -> bool:
    """Whether two codes mean one language, in any script or region: hi and hin_Deva."""
    one, other = (_short(code_of(_short(name)) or name) for name in (first, second))
    return one == other


def learns_from_rows(spec: Codemix) -> bool:
    """Whether a Maker reads the rows before it mixes them."""
    told = spec.lexicon is not None or spec.vectors is not None or spec.learn or spec.method == "romanize"
    return not told or spec.order == "freq"


def learned_from(spec: Codemix, first: PairRow | None) -> Iterator[PairRow]:
    """The pairs of the files that are named. One that stands the other way round than the ``first`` row is turned."""
    own = _languages(first or PairRow("", "", None))[0]
    for row in pairs_of(spec.learn, None, {}):
        stands = bool(row.lang) and same_language(row.lang, own)
        yield _turned(row) if row.target_lang and same_language(row.target_lang, own) and not stands else row


def _turned(row: PairRow) -> PairRow:
    return replace(row, text=row.target or "", target=row.text, lang=row.target_lang, target_lang=row.lang)


def pairs_of(paths: Sequence[str], fmt: str | None, columns: dict[str, int | str]) -> Iterator[PairRow]:
    """The pairs of files, in turn."""
    for path in paths:
        yield from read_file(path, fmt or formats.guess(path, "tsv", "pairs"), Strictly(), columns, kind="pairs")
