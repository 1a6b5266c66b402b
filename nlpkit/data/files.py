"""Files as numbered lines: UTF-8, cut at ``\\n`` only, plain, gzip or zstd; every fault named by path and line."""

from __future__ import annotations

import gzip
import io
import json
import os
import re
import sys
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Any

from nlpkit.errors import InputError, RunError
from nlpkit.text.normalize import REPLACEMENT

MAX_LINE = 8 * 1024 * 1024
_PACKED = 1 << 11  # bytes unpacked at once: repeated lines grow ten thousand times
_ZST = b"\x28\xb5\x2f\xfd"
BROKEN_GZ = (EOFError, zlib.error, gzip.BadGzipFile)


@dataclass(frozen=True, slots=True)
class Problem:
    """One fault in a file. A warning is read all the same; an error is not."""

    path: str
    line: int
    code: str
    what: str
    fix: str = ""
    warning: bool = False

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.what}"

    def as_dict(self) -> dict[str, object]:
        return asdict(self)


class _Zst(io.RawIOBase):
    """Reads zstd, and raises EOFError where the last frame is cut off, as gzip does."""

    def __init__(self, raw: Any) -> None:
        import zstandard

        self._raw, self._waiting, self._at = raw, b"", 0
        self._frame: Any = None
        self._new = zstandard.ZstdDecompressor().decompressobj
        self._error = zstandard.ZstdError

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while self._at == len(self._waiting):
            self._waiting, self._at = b"", 0
            block = self._raw.read(_PACKED)
            if not block:
                if self._frame is not None:
                    raise EOFError("the zst file ends too soon")
                return 0
            try:
                while block:
                    self._frame = self._frame or self._new()
                    self._waiting += self._frame.decompress(block)
                    block = self._frame.unused_data if self._frame.eof else b""
                    if self._frame.eof:
                        self._frame = None
            except self._error as error:
                raise EOFError(str(error)) from None
        part = self._waiting[self._at : self._at + len(buffer)]
        buffer[: len(part)] = part
        self._at += len(part)
        return len(part)


Report = Callable[[Problem], None]
Lines = Iterator[tuple[int, str]]


class Strictly:
    """Raises on the first error; counts warnings and remembers the first of each kind."""

    def __init__(self) -> None:
        self.warnings: dict[str, tuple[int, Problem]] = {}

    def __call__(self, problem: Problem) -> None:
        if not problem.warning:
            raise InputError(str(problem), problem.fix)
        count, first = self.warnings.get(problem.code, (0, problem))
        self.warnings[problem.code] = (count + 1, first)

    def summary(self) -> list[str]:
        """One text a kind of warning."""
        return [
            f"{first}" + (f" (and {count - 1} more)" if count > 1 else "") for count, first in self.warnings.values()
        ]


class Lenient(Strictly):
    """Reads on where a byte is no UTF-8, or NUL: the character is replaced, counted and told."""

    def __call__(self, problem: Problem) -> None:
        if problem.code in ("utf-8", "nul"):
            count, first = self.warnings.get(problem.code, (0, problem))
            self.warnings[problem.code] = (count + 1, first)
            return
        super().__call__(problem)


_BRACES = re.compile(r"([^{}]*)\{([^{},]+(?:,[^{},]+)+)\}([^{}]*)\Z")


def parts(path: str) -> list[str]:
    """The files that one path names: ``train.{en,yo}`` is two, unless a file is called so; any other path is one."""
    match = _BRACES.match(path)
    if match is None or Path(path).exists():
        return [path]
    return [f"{match[1]}{part}{match[3]}" for part in match[2].split(",")]


@contextmanager
def open_bytes(path: str) -> Iterator[IO[bytes]]:
    """Open a file, or ``-`` (stdin, which stays open), unpacked where it is gzip or zstd.

    Raises InputError for a missing file, and where a packed file is broken.
    """
    try:
        raw: Any = sys.stdin.buffer if path == "-" else Path(path).open("rb")  # noqa: SIM115
    except IsADirectoryError:
        raise InputError(f"`{path}` is a folder, a file is wanted") from None
    except FileNotFoundError:
        raise InputError(f"no file `{path}`") from None
    except (OSError, ValueError) as error:
        raise InputError(f"cannot open `{path}`: {getattr(error, 'strerror', None) or error}") from None
    try:
        # neither reader closes the file under it
        head = raw.peek(4)[:4]
        if head[:2] == b"\x1f\x8b":
            yield io.BufferedReader(gzip.GzipFile(fileobj=raw))
        elif head == _ZST:
            yield io.BufferedReader(_Zst(raw))
        else:
            yield raw
    except BROKEN_GZ as error:
        raise InputError(f"`{path}`: the packed file is broken or cut off: {error}", "fetch or pack it again") from None
    finally:
        if path != "-":
            raw.close()


def read_lines(path: str, report: Report, *, name: str = "") -> Lines:
    """(number from 1, text without its line end) of every line.

    A BOM, CRLF and U+FFFD are warnings. A byte that is no UTF-8, a NUL, a line over 8 MiB and a packed file
    that ends too soon are errors; after an error that ``report`` does not raise, reading goes on where it can.
    """
    where = name or ("<stdin>" if path == "-" else path)
    with open_bytes(path) as file:
        number = 0
        try:
            while raw := file.readline(MAX_LINE + 1):
                number += 1
                if len(raw) <= MAX_LINE:
                    yield number, _decode(raw, where, number, report)
                    continue
                report(Problem(where, number, "long-line", f"a line of over {MAX_LINE} bytes", "is this a text file?"))
                while raw and not raw.endswith(b"\n"):
                    raw = file.readline(MAX_LINE)
        except BROKEN_GZ as error:
            what = f"the packed file is broken or cut off here: {error}"
            report(Problem(where, number + 1, "gzip", what, "fetch or pack it again"))
        except OSError as error:
            raise RunError(f"reading `{where}` failed: {error}") from error


def _decode(raw: bytes, where: str, number: int, report: Report) -> str:
    if raw.endswith(b"\n"):
        raw = raw[:-1]
    if raw.endswith(b"\r"):
        raw = raw[:-1]
        report(Problem(where, number, "crlf", "line ends in CR LF", "read as LF", warning=True))
    if number == 1 and raw.startswith(b"\xef\xbb\xbf"):
        raw = raw[3:]
        report(Problem(where, 1, "bom", "byte order mark", "dropped", warning=True))
    if number == 1 and raw.startswith((b"\xff\xfe", b"\xfe\xff")):
        report(Problem(where, 1, "utf-16", "this looks like UTF-16", f"iconv -f UTF-16 -t UTF-8 {where} > utf8.txt"))
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        column = len(raw[: error.start].decode("utf-8")) + 1
        what = f"byte 0x{raw[error.start]:02X} at column {column} is not UTF-8"
        report(Problem(where, number, "utf-8", what, f"if it is Latin-1: iconv -f LATIN1 -t UTF-8 {where} > utf8.txt"))
        text = raw.decode("utf-8", "replace")
    else:
        if REPLACEMENT in text:
            what = f"U+FFFD at column {text.index(REPLACEMENT) + 1}: a character was lost before nlpkit read it"
            report(Problem(where, number, "replacement", what, "restore it from the source", warning=True))
    if "\0" in text:
        column = text.index("\0") + 1
        report(
            Problem(where, number, "nul", f"NUL character at column {column}", f"tr -d '\\000' < {where} > clean.txt")
        )
        text = text.replace("\0", "")
    return text


@contextmanager
def write_whole(path: Path) -> Iterator[IO[str]]:
    """A text file that appears under its name only when wholly written."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with temporary.open("w", encoding="utf-8", newline="\n") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError as error:
        raise RunError(
            f"cannot write `{path}`: {error.strerror or error}", "free some space, or name another place"
        ) from error
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


def write_json(path: Path, data: Any) -> None:
    """A JSON file that appears under its name only when wholly written."""
    with write_whole(path) as file:
        json.dump(data, file, ensure_ascii=False, indent=1)
        file.write("\n")
