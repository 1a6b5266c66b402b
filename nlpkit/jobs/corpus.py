"""Sort a corpus by the language of its texts: one kept, or a file for each; in shards, whole or not there."""

from __future__ import annotations

import itertools
import re
import shutil
from collections import Counter, OrderedDict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from filelock import FileLock, Timeout

from nlpkit.data.files import write_whole
from nlpkit.data.rows import TextRow
from nlpkit.errors import InputError, RunError
from nlpkit.jobs.langid import Answer

_MOST_FILES = 64  # open at once
_PLAIN = re.compile(r"\w[\w.+-]{0,80}")


@dataclass(frozen=True, slots=True)
class Shard:
    """Part ``number`` (from 1) of ``count``: every ``count``-th row."""

    number: int = 1
    count: int = 1

    @classmethod
    def parse(cls, text: str) -> Shard:
        """``2/8``. Raises InputError."""
        first, sign, second = text.partition("/")
        if (
            not sign
            or not text.isascii()
            or not first.isdecimal()
            or not second.isdecimal()
            or not 1 <= int(first) <= int(second)
        ):
            raise InputError(f"`--shard {text}` is not I/N", "for example: --shard 1/8, up to --shard 8/8")
        return cls(int(first), int(second))

    def rows(self, rows: Iterable[TextRow]) -> Iterator[TextRow]:
        return itertools.islice(rows, self.number - 1, None, self.count)

    @property
    def suffix(self) -> str:
        return "" if self.count == 1 else f".{self.number}-of-{self.count}"


def one_line(text: str) -> str:
    """What cannot stand in a line of a table, as blanks."""
    return text.replace("\t", " ").replace("\r", " ").replace("\n", " ")


def keep(found: Iterable[tuple[TextRow, Answer]], wanted: Sequence[str], file: IO[str]) -> Counter[str]:
    """Write the texts in one of the ``wanted`` languages; returns how many were kept and dropped."""
    counts: Counter[str] = Counter(kept=0, dropped=0)
    codes = set(wanted)
    for row, answer in found:
        if answer.label in codes:
            file.write(one_line(row.text) + "\n")
        counts["kept" if answer.label in codes else "dropped"] += 1
    return counts


def keep_whole(
    found: Iterable[tuple[TextRow, Answer]], wanted: Sequence[str], out: Path, shard: Shard
) -> Counter[str] | None:
    """The same into a file that appears when it is whole; None where it is there already."""
    path = out.with_name(out.name + shard.suffix)
    if path.is_dir():
        raise InputError(f"`{path}` is a folder, a file is wanted")
    if path.exists():
        return None
    with write_whole(path) as file:
        return keep(found, wanted, file)


def split(
    found: Iterable[tuple[TextRow, Answer]], folder: Path, shard: Shard, settings: str = ""
) -> Counter[str] | None:
    """Write each text into ``folder/CODE.txt``; returns the rows of each code, None where the shard is done already.

    Files appear when all of them are whole, and ``_DONE`` last, which holds the ``settings`` and the counts: a shard
    that was stopped begins again. Raises InputError where the folder holds something else.
    """
    done = folder / f"_DONE{shard.suffix}"
    if done.exists():
        if done.read_text(encoding="utf-8").partition("\n")[0] != f"# {settings}":
            raise InputError(f"`{done}` is of other files or options", "name a new folder")
        return None
    part = folder / f".part{shard.suffix}"
    try:
        _claim(folder, part, shard)
        with FileLock(folder / f".part{shard.suffix}.lock", timeout=0):
            shutil.rmtree(part, ignore_errors=True)
            part.mkdir()
            counts = _write_parts(found, part, shard)
            for path in sorted(part.iterdir()):
                path.replace(folder / path.name)
            text = "".join(f"{label}\t{count}\n" for label, count in counts.most_common())
            done.write_text(f"# {settings}\n{text}", encoding="utf-8")
            part.rmdir()
        (folder / f".part{shard.suffix}.lock").unlink(missing_ok=True)
    except Timeout:
        raise InputError(
            f"another process writes this shard into `{folder}`", "wait for it, or name a new folder"
        ) from None
    except OSError as error:
        raise RunError(
            f"cannot write into `{folder}`: {error.strerror or error}", "is it a folder, is the disk full?"
        ) from error
    return counts


def _claim(folder: Path, part: Path, shard: Shard) -> None:
    """Make the folder. Raises InputError where it holds files that no shard of this many wrote."""
    folder.mkdir(parents=True, exist_ok=True)
    own = re.compile(rf"\.\d+-of-{shard.count}(\.txt|\.lock)?$" if shard.count > 1 else r"^\.part(\.lock)?$")
    others = [path.name for path in folder.iterdir() if not own.search(path.name)]
    if others and not part.exists():
        raise InputError(f"`{folder}` is not empty: it holds `{sorted(others)[0]}`", "name a new folder")


def _write_parts(found: Iterable[tuple[TextRow, Answer]], part: Path, shard: Shard) -> Counter[str]:
    counts: Counter[str] = Counter()
    files: OrderedDict[str, IO[str]] = OrderedDict()
    try:
        for row, answer in found:
            _file(files, part, answer.label, shard).write(one_line(row.text) + "\n")
            counts[answer.label] += 1
    finally:
        for file in files.values():
            file.close()
    return counts


def _file(files: OrderedDict[str, IO[str]], part: Path, label: str, shard: Shard) -> IO[str]:
    """The open file of a label; only so many are open at once."""
    if label in files:
        files.move_to_end(label)
        return files[label]
    if not _PLAIN.fullmatch(label):  # of a model that somebody else made
        raise InputError(f"the label {label!r} is no file name", "--json says it all the same")
    if len(files) >= _MOST_FILES:
        files.popitem(last=False)[1].close()
    path = part / f"{label}{shard.suffix}.txt"
    files[label] = path.open("a", encoding="utf-8", newline="\n")
    return files[label]
