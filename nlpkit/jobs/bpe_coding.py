"""Lines of text to lines of sub-words and back, in order, in one process or several."""

from __future__ import annotations

import itertools
import os
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from nlpkit.data.files import Report, read_lines
from nlpkit.errors import InputError

if TYPE_CHECKING:
    from nlpkit.engine.subword_coding import Coder

_CHUNK = 4096  # lines


@dataclass(frozen=True, slots=True)
class Asked:
    """How texts are cut."""

    tokenizer: str
    ids: bool = False
    dropout: float = 0.0
    seed: int = 13


def lines_of(paths: Sequence[str], report: Report) -> Iterator[tuple[str, int, str]]:
    """(path, number, text) of every line."""
    for path in paths:
        for number, text in read_lines(path, report):
            yield "<stdin>" if path == "-" else path, number, text


class Encoder:
    """Cuts lines; ``differ`` counts, where asked, those that decode to another text."""

    def __init__(self, asked: Asked, *, check: bool = False, processes: int = 1) -> None:
        self.asked, self.count, self.differ = asked, 0, 0
        self._check, self._processes = check, processes
        self._coder = _coder(asked)  # here, so that what is wrong with it is told at once

    def __call__(self, texts: Iterator[str], chunk: int = _CHUNK) -> Iterator[str]:
        """The line of pieces of each text."""
        chunks = iter(lambda: list(itertools.islice(texts, chunk)), [])
        found = self._apart(chunks) if self._processes > 1 else ((part, self._coder.lines(part)) for part in chunks)
        for part, lines in found:
            self.count += len(part)
            if self._check:
                back = self._coder.texts([self._coder.numbers(line) for line in lines])
                self.differ += sum(one != other for one, other in zip(back, part, strict=True))
            yield from lines

    def _apart(self, chunks: Iterator[list[str]]) -> Iterator[tuple[list[str], list[str]]]:
        """(texts, lines) of each chunk, cut by other processes; only so many chunks wait."""
        import multiprocessing
        from concurrent.futures import ProcessPoolExecutor

        context = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(self._processes, context, _begin, (self.asked,)) as pool:
            waiting: deque[tuple[list[str], Any]] = deque()
            for part in chunks:
                waiting.append((part, pool.submit(_lines, part)))
                if len(waiting) > 2 * self._processes:
                    texts, job = waiting.popleft()
                    yield texts, job.result()
            while waiting:
                texts, job = waiting.popleft()
                yield texts, job.result()


_own: list[Any] = []  # the coder of a process


def _begin(asked: Asked) -> None:
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    _own[:] = [_coder(asked)]


def _lines(texts: list[str]) -> list[str]:
    found: list[str] = _own[0].lines(texts)
    return found


def _coder(asked: Asked) -> Coder:
    from nlpkit.engine import subword_coding

    raw = subword_coding.load(asked.tokenizer)
    return subword_coding.Coder(raw, ids=asked.ids, dropout=asked.dropout, seed=asked.seed)


class Decoder:
    """Lines of pieces to texts; ``lost`` counts those with characters that the tokenizer did not know."""

    def __init__(self, tokenizer: str, *, ids: bool = False) -> None:
        self.count = self.lost = 0
        self._coder = _coder(Asked(tokenizer, ids=ids))

    def __call__(self, found: Iterator[tuple[str, int, str]], chunk: int = _CHUNK) -> Iterator[str]:
        """The text of each line. Raises InputError that names the line of what is no piece."""
        while part := list(itertools.islice(found, chunk)):
            rows = []
            for where, number, line in part:
                try:
                    rows.append(self._coder.numbers(line))
                except InputError as error:
                    raise InputError(f"{where}:{number}: {error.message}", error.hint) from None
            self.count += len(rows)
            self.lost += self._coder.lost(rows)
            yield from self._coder.texts(rows)
