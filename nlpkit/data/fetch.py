"""Downloads the files of a card: locked, checked, unpacked safely, in place only when whole."""

from __future__ import annotations

import hashlib
import lzma
import shutil
import tarfile
import time
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path, PurePosixPath

from nlpkit.config import places
from nlpkit.config.card import Card, CardFile
from nlpkit.errors import InputError, RunError

MAX_UNPACKED = 4 * 1024**3
MAX_MEMBERS = 100_000
# what tarfile and zipfile raise on a damaged or odd archive, or where two of its names cannot both be written
BROKEN = (
    tarfile.TarError, zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, OSError, RuntimeError, ValueError,
)  # fmt: skip
Say = Callable[[str], None]


def fetch(card: Card, to: Path | None = None, *, accept_unpinned: bool = False, say: Say = lambda _: None) -> Path:
    """Download what is missing of ``card`` into ``to/<card>`` (default: the cache) and return that folder.

    Raises InputError for a card that names no files or no checksum (without ``accept_unpinned``), and RunError
    when a download fails, is cut short or has another checksum. What was there before stays as it was.
    """
    from filelock import FileLock, Timeout

    if card.nlpkit.shipped:
        return places.samples()
    if not card.nlpkit.files:
        raise InputError(f"card `{card.name}` cannot be fetched", card.nlpkit.manual or "")
    folder = (to or places.data_cache()) / card.name
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with FileLock(folder / ".lock", timeout=600):
            for file in card.nlpkit.files:
                _fetch_file(card, file, folder, accept_unpinned, say)
    except Timeout:
        raise RunError(f"another process has held `{folder}` for ten minutes", "wait for it, or end it") from None
    except OSError as error:
        raise RunError(f"cannot write into `{folder}`: {error.strerror or error}", "name another place: --to") from None
    return folder


def _fetch_file(card: Card, file: CardFile, folder: Path, accept_unpinned: bool, say: Say) -> None:
    target = folder / file.path
    if target.is_file() and (file.sha256 is None or _digest(target) == file.sha256):
        if file.unpack and not all((folder / split.path).is_file() for split in card.nlpkit.splits.values()):
            _unpack(target, file.unpack, folder, _kept(card))
        say(f"have `{target}`")
        return
    if file.sha256 is None and not accept_unpinned:
        raise InputError(
            f"card `{card.name}` has no checksum for `{file.path}`, so what comes cannot be checked",
            f"to take it all the same: nlpkit data fetch {card.name} --accept-unpinned",
        )
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(target.name + ".part")
    if file.sha256 is None:  # nothing could tell whether an old part belongs to this file
        part.unlink(missing_ok=True)
    resumed = part.exists()
    _download(file, part, say)
    found = _digest(part)
    if resumed and file.sha256 is not None and found != file.sha256:
        say(f"`{part}` was the beginning of something else: fetching anew")
        part.unlink()
        _download(file, part, say)
        found = _digest(part)
    if file.sha256 is not None and found != file.sha256:
        part.unlink()
        raise RunError(
            f"`{file.url}` has SHA-256 {found}, the card says {file.sha256}: it was changed or damaged",
            "nothing was kept; fetch again, or tell the card's authors",
        )
    if file.sha256 is None:
        say(f"`{file.path}` has SHA-256 {found} (not in the card)")
    if file.unpack:
        try:
            _unpack(part, file.unpack, folder, _kept(card))
        except RunError:
            part.unlink()
            raise
    part.replace(target)
    say(f"fetched `{target}`")


def _kept(card: Card) -> set[str]:
    """What an archive may not replace: files that have checksums of their own."""
    return {".lock", *(str(PurePosixPath(file.path)) for file in card.nlpkit.files)}


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _download(file: CardFile, part: Path, say: Say, tries: int = 3) -> None:
    """Stream to ``part``, going on where an earlier try stopped if the server allows it."""
    import httpx

    for attempt in range(1, tries + 1):
        have = part.stat().st_size if part.exists() else 0
        # the bytes as they are: packed on the way, a range of them would be one of the packed bytes
        headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={have}-"} if have else {})
        try:
            with httpx.stream("GET", file.url, headers=headers, follow_redirects=True, timeout=60) as answer:
                if answer.status_code == 416:  # the part is as long as the file, or longer: begin anew
                    part.unlink()
                    continue
                answer.raise_for_status()
                with part.open("ab" if have and answer.status_code == 206 else "wb") as out:
                    for block in answer.iter_raw():
                        out.write(block)
                        if file.bytes is not None and out.tell() > file.bytes:
                            raise RunError(f"`{file.url}` is longer than the {file.bytes} bytes of the card")
            size = part.stat().st_size
            if file.bytes is None or size == file.bytes:
                return
            say(f"`{file.url}` stopped at {size} of {file.bytes} bytes (try {attempt} of {tries})")
        except httpx.HTTPStatusError as error:
            raise RunError(
                f"`{file.url}` answers {error.response.status_code}", "does the card name the right address?"
            ) from None
        except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
            say(f"`{file.url}`: {error or type(error).__name__} (try {attempt} of {tries})")
        except RunError:
            part.unlink(missing_ok=True)
            raise
        time.sleep(0.2 * attempt)
    raise RunError(
        f"could not fetch `{file.url}`",
        f"what came is kept in `{part}`, the same command goes on from there; without a network use --data-dir DIR",
    )


def _safe(name: str) -> str:
    path = PurePosixPath(name.replace("\\", "/"))
    if path.is_absolute() or ".." in path.parts or (path.parts and path.parts[0].endswith(":")):
        raise RunError(f"the archive holds `{name}`, which would land outside its folder", "do not trust this archive")
    return str(path)


def _unpack(archive: Path, kind: str, folder: Path, kept: set[str]) -> None:
    """Unpack regular files into ``folder``: no path outside it, no links, bounded in number and size."""
    scratch = folder / ".unpack"
    shutil.rmtree(scratch, ignore_errors=True)
    try:
        scratch.mkdir()
        if kind == "zip":
            _unpack_zip(archive, scratch)
        else:
            _unpack_tar(archive, scratch)
        files = [path for path in sorted(scratch.rglob("*")) if path.is_file()]
        for path in files:
            if (name := path.relative_to(scratch).as_posix()) in kept:
                raise RunError(f"the archive holds `{name}`, which would replace a file of the card")
        for path in files:
            target = folder / path.relative_to(scratch)
            target.parent.mkdir(parents=True, exist_ok=True)
            path.replace(target)
    except BROKEN as error:
        raise RunError(f"`{archive.name}` cannot be unpacked: {error}") from None
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _bound(count: int, size: int) -> None:
    if count > MAX_MEMBERS or size > MAX_UNPACKED:
        raise RunError(
            f"the archive holds more than {MAX_MEMBERS} files or {MAX_UNPACKED >> 30} GiB", "do not trust it"
        )


def _unpack_zip(archive: Path, scratch: Path) -> None:
    with zipfile.ZipFile(archive) as pack:
        size = 0
        for count, member in enumerate(pack.infolist(), 1):
            size += member.file_size
            _bound(count, size)
            name = _safe(member.filename)
            if (member.external_attr >> 16) & 0o170000 == 0o120000:
                raise RunError(f"the archive holds a link, `{name}`", "do not trust this archive")
            if member.is_dir():
                continue
            (scratch / name).parent.mkdir(parents=True, exist_ok=True)
            with pack.open(member) as source, (scratch / name).open("wb") as out:
                _copy(source.read, out.write, member.file_size)


def _unpack_tar(archive: Path, scratch: Path) -> None:
    with tarfile.open(archive) as pack:
        count = size = 0
        for count, member in enumerate(pack, 1):
            size += member.size
            _bound(count, size)
            name = _safe(member.name)
            if member.isdir():
                continue
            source = pack.extractfile(member) if member.isfile() else None
            if source is None:
                raise RunError(f"the archive holds `{name}`, which is no plain file", "do not trust this archive")
            (scratch / name).parent.mkdir(parents=True, exist_ok=True)
            with (scratch / name).open("wb") as out:
                _copy(source.read, out.write, member.size)
        # to the very end, where gz, bz2 and xz have their checksums
        while pack.fileobj and (block := pack.fileobj.read(1 << 16)):
            size += len(block)
            _bound(count, size)


def _copy(read: Callable[[int], bytes], write: Callable[[bytes], int], declared: int) -> None:
    """Copy, and stop when more comes out than the archive declared."""
    left = declared
    while block := read(1 << 16):
        left -= len(block)
        if left < 0:
            raise RunError("the archive holds more than it declares", "do not trust this archive")
        write(block)
