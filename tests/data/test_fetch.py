"""Downloads from a real server on 127.0.0.1 that misbehaves in every way we could think of."""

from __future__ import annotations

import hashlib
import http.server
import io
import tarfile
import threading
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from nlpkit.config.card import Card
from nlpkit.config.card import read as read_card
from nlpkit.data import fetch as module
from nlpkit.data.fetch import fetch
from nlpkit.errors import InputError, RunError

BODY = b"".join(b"%d\n" % (n * n) for n in range(40_000))


def digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


class Site:
    """What the server has, how it behaves, and what it was asked."""

    def __init__(self, port: int) -> None:
        self.address = f"http://127.0.0.1:{port}"
        self.files: dict[str, bytes] = {}
        self.asked: list[tuple[str, str | None]] = []
        self.cut: dict[str, int] = {}  # how many more answers break off half way
        self.ranges = True
        self.declare = True  # Content-Length
        self.headers: dict[str, str] = {}
        self.slow = 0.0


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    site: Site

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def do_GET(self) -> None:
        site, wanted = self.site, self.headers.get("Range")
        site.asked.append((self.path, wanted))
        self.close_connection = True
        if self.path.startswith("/moved/"):
            self.send_response(302)
            self.send_header("Location", self.path.removeprefix("/moved"))
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        body = site.files.get(self.path)
        if body is None:
            self.send_error(404)
            return
        start = int(wanted.removeprefix("bytes=").rstrip("-")) if wanted and site.ranges else 0
        if start and start >= len(body):
            self.send_error(416)
            return
        self.send_response(206 if start else 200)
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(body) - 1}/{len(body)}")
        if site.declare:
            self.send_header("Content-Length", str(len(body) - start))
        for name, value in site.headers.items():
            self.send_header(name, value)
        self.end_headers()
        rest = body[start:]
        if site.cut.get(self.path, 0):
            site.cut[self.path] -= 1
            rest = rest[: len(rest) // 2]
        time.sleep(site.slow)
        self.wfile.write(rest)


@pytest.fixture
def site(monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    pause = time.sleep
    monkeypatch.setattr(module.time, "sleep", lambda seconds: pause(seconds / 20))
    handler = type("SiteHandler", (Handler,), {})
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        handler.site = Site(server.server_port)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield handler.site
        server.shutdown()
        thread.join()


CARD = """\
---
pretty_name: Toy
language: [sw]
license: cc0-1.0
nlpkit:
  card: 1
  kind: tokens
  redistribute: true
{way}
  splits:
    train: {{path: train.txt}}
  format: {{name: conll}}
---
"""


def card_of(tmp_path: Path, *files: dict[str, object]) -> Card:
    """A card, read from a file, that names these files to download."""
    keys = ["  files:"]
    for file in files:
        keys += [f"    {'-' if at == 0 else ' '} {key}: {value!r}" for at, (key, value) in enumerate(file.items())]
    (tmp_path / "toy.md").write_text(CARD.format(way="\n".join(keys)))
    return read_card(tmp_path / "toy.md")


def one(tmp_path: Path, site: Site, body: bytes = BODY, **more: object) -> Card:
    """A card of one file that the site has, pinned by its checksum and size unless ``more`` says otherwise."""
    site.files["/a.txt"] = body
    keys = {"url": f"{site.address}/a.txt", "path": "train.txt", "sha256": digest(body), "bytes": len(body), **more}
    return card_of(tmp_path, {key: value for key, value in keys.items() if value is not None})


def there(folder: Path) -> dict[str, bytes]:
    """The files in a folder, the lock aside."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != ".lock"
    }


def test_a_good_file_lands_in_the_cards_folder(tmp_path: Path, site: Site) -> None:
    said: list[str] = []
    folder = fetch(one(tmp_path, site), tmp_path / "to", say=said.append)
    assert folder == tmp_path / "to" / "toy"
    assert there(folder) == {"train.txt": BODY}
    assert said == [f"fetched `{folder / 'train.txt'}`"]


def test_the_cache_is_where_it_lands_by_default(tmp_path: Path, site: Site) -> None:
    assert fetch(one(tmp_path, site)) == tmp_path / "cache" / "data" / "toy"


def test_a_file_may_lie_in_a_subfolder_and_be_empty(tmp_path: Path, site: Site) -> None:
    assert there(fetch(one(tmp_path, site, b"", path="sub/dir/train.txt"), tmp_path)) == {"sub/dir/train.txt": b""}


def test_a_redirect_is_followed(tmp_path: Path, site: Site) -> None:
    card = one(tmp_path, site, url=f"{site.address}/moved/a.txt")
    assert there(fetch(card, tmp_path / "to")) == {"train.txt": BODY}


def test_what_is_there_is_not_downloaded_again(tmp_path: Path, site: Site) -> None:
    card = one(tmp_path, site)
    fetch(card, tmp_path)
    said: list[str] = []
    fetch(card, tmp_path, say=said.append)
    assert len(site.asked) == 1
    assert said == [f"have `{tmp_path / 'toy' / 'train.txt'}`"]


def test_a_damaged_copy_is_downloaded_again(tmp_path: Path, site: Site) -> None:
    card = one(tmp_path, site)
    path = fetch(card, tmp_path) / "train.txt"
    path.write_bytes(BODY[:-1])
    fetch(card, tmp_path)
    assert path.read_bytes() == BODY


def test_of_two_files_only_the_missing_one_is_asked_for(tmp_path: Path, site: Site) -> None:
    site.files |= {"/a": b"a", "/b": b"b"}
    files = [{"url": f"{site.address}/{x}", "path": x, "sha256": digest(x.encode())} for x in "ab"]
    (tmp_path / "toy").mkdir()
    (tmp_path / "toy" / "a").write_bytes(b"a")
    assert there(fetch(card_of(tmp_path, *files), tmp_path)) == {"a": b"a", "b": b"b"}
    assert [path for path, _ in site.asked] == ["/b"]


def test_a_wrong_checksum_keeps_nothing_and_touches_nothing(tmp_path: Path, site: Site) -> None:
    card = one(tmp_path, site, sha256="0" * 64)
    (tmp_path / "toy").mkdir()
    (tmp_path / "toy" / "train.txt").write_bytes(b"old")
    with pytest.raises(RunError, match=f"has SHA-256 {digest(BODY)}, the card says 0000"):
        fetch(card, tmp_path)
    assert there(tmp_path / "toy") == {"train.txt": b"old"}


@pytest.mark.parametrize("declare", [True, False])
def test_a_broken_connection_is_taken_up_where_it_stopped(tmp_path: Path, site: Site, declare: bool) -> None:
    card = one(tmp_path, site)
    site.declare = declare
    site.cut["/a.txt"] = 1
    assert there(fetch(card, tmp_path)) == {"train.txt": BODY}
    assert site.asked == [("/a.txt", None), ("/a.txt", f"bytes={len(BODY) // 2}-")]


def test_a_server_without_ranges_is_asked_for_the_whole_again(tmp_path: Path, site: Site) -> None:
    card = one(tmp_path, site)
    site.cut["/a.txt"], site.ranges = 1, False
    assert there(fetch(card, tmp_path)) == {"train.txt": BODY}


def test_a_connection_that_always_breaks_is_an_error_and_the_next_run_goes_on(tmp_path: Path, site: Site) -> None:
    card = one(tmp_path, site)
    site.cut["/a.txt"] = 3
    with pytest.raises(RunError, match="could not fetch") as caught:
        fetch(card, tmp_path)
    assert "train.txt.part" in caught.value.hint
    left = there(tmp_path / "toy")
    assert list(left) == ["train.txt.part"]
    assert BODY.startswith(left["train.txt.part"])
    assert there(fetch(card, tmp_path)) == {"train.txt": BODY}
    assert site.asked[-1] == ("/a.txt", f"bytes={len(left['train.txt.part'])}-")


def test_a_server_that_always_cuts_off_unsaid_is_noticed_without_a_size(tmp_path: Path, site: Site) -> None:
    """No Content-Length and no size in the card: only the checksum can tell."""
    card = one(tmp_path, site, bytes=None)
    site.declare, site.cut["/a.txt"] = False, 9
    with pytest.raises(RunError, match="changed or damaged"):
        fetch(card, tmp_path)
    assert there(tmp_path / "toy") == {}


def test_a_part_of_something_else_does_not_stand_in_the_way(tmp_path: Path, site: Site) -> None:
    card = one(tmp_path, site)
    (tmp_path / "toy").mkdir()
    for stale in (b"x" * 10, b"x" * len(BODY), b"x" * (len(BODY) + 5)):
        (tmp_path / "toy" / "train.txt.part").write_bytes(stale)
        (tmp_path / "toy" / "train.txt").unlink(missing_ok=True)
        assert there(fetch(card, tmp_path)) == {"train.txt": BODY}


def test_a_part_is_not_taken_up_where_no_checksum_can_tell(tmp_path: Path, site: Site) -> None:
    card = one(tmp_path, site, sha256=None, bytes=None)
    (tmp_path / "toy").mkdir()
    (tmp_path / "toy" / "train.txt.part").write_bytes(b"x" * 10)
    assert there(fetch(card, tmp_path, accept_unpinned=True)) == {"train.txt": BODY}


@pytest.mark.parametrize("declare", [True, False])
def test_a_file_longer_than_the_card_says_is_refused(tmp_path: Path, site: Site, declare: bool) -> None:
    card = one(tmp_path, site, bytes=1000)
    site.declare = declare
    with pytest.raises(RunError, match="longer than the 1000 bytes of the card"):
        fetch(card, tmp_path)
    assert there(tmp_path / "toy") == {}


def test_a_file_shorter_than_the_card_says_is_an_error(tmp_path: Path, site: Site) -> None:
    with pytest.raises(RunError, match="could not fetch"):
        fetch(one(tmp_path, site, bytes=len(BODY) + 1), tmp_path)
    assert "train.txt" not in there(tmp_path / "toy")


def test_a_file_that_is_not_there_is_an_error_with_its_address(tmp_path: Path, site: Site) -> None:
    card = one(tmp_path, site, url=f"{site.address}/none")
    with pytest.raises(RunError, match=r"127\.0\.0\.1:\d+/none` answers 404"):
        fetch(card, tmp_path)
    assert len(site.asked) == 1
    assert there(tmp_path / "toy") == {}


@pytest.mark.parametrize("url", ["http://127.0.0.1:1/x", "http://[bad/x", "http://127.0.0.1:99999999/x", "http://"])
def test_a_server_that_is_not_there_is_an_error_one_can_read(tmp_path: Path, site: Site, url: str) -> None:
    with pytest.raises(RunError, match="could not fetch") as caught:
        fetch(one(tmp_path, site, url=url), tmp_path)
    assert "--data-dir" in caught.value.hint


def test_the_bytes_are_those_of_the_file_not_of_its_encoding(tmp_path: Path, site: Site) -> None:
    """A server that names the packing of a .gz file as its encoding must not have it unpacked on the way."""
    import gzip

    card = one(tmp_path, site, gzip.compress(BODY), path="train.txt.gz")
    site.headers["Content-Encoding"] = "gzip"
    assert there(fetch(card, tmp_path)) == {"train.txt.gz": site.files["/a.txt"]}


def test_without_a_checksum_nothing_is_taken_unless_asked(tmp_path: Path, site: Site) -> None:
    card = one(tmp_path, site, sha256=None)
    with pytest.raises(InputError, match=r"no checksum for `train\.txt`") as caught:
        fetch(card, tmp_path)
    assert "nlpkit data fetch toy --accept-unpinned" in caught.value.hint
    assert site.asked == []
    said: list[str] = []
    assert there(fetch(card, tmp_path, accept_unpinned=True, say=said.append)) == {"train.txt": BODY}
    assert digest(BODY) in said[0]


def test_cards_without_files_say_how_the_data_is_had(tmp_path: Path) -> None:
    (tmp_path / "toy.md").write_text(CARD.format(way="  manual: write to the authors"))
    with pytest.raises(InputError, match="cannot be fetched") as caught:
        fetch(read_card(tmp_path / "toy.md"), tmp_path)
    assert caught.value.hint == "write to the authors"
    (tmp_path / "toy.md").write_text(CARD.format(way="  shipped: true"))
    assert (fetch(read_card(tmp_path / "toy.md"), tmp_path) / "train.conllu").is_file()


def test_a_place_that_cannot_be_written_is_an_error_one_can_read(tmp_path: Path, site: Site) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(RunError, match="cannot write"):
        fetch(one(tmp_path, site), tmp_path / "file")
    (tmp_path / "toy" / "train.txt" / "x").mkdir(parents=True)
    with pytest.raises(RunError, match="cannot write"):
        fetch(one(tmp_path, site), tmp_path)


def test_two_fetches_at_a_time_download_once(tmp_path: Path, site: Site) -> None:
    card = one(tmp_path, site)
    site.slow = 2.0  # of the shortened kind: 0.1 s
    failures: list[BaseException] = []

    def run() -> None:
        try:
            fetch(card, tmp_path)
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert len(site.asked) == 1
    assert there(tmp_path / "toy") == {"train.txt": BODY}


def test_a_lock_that_is_held_too_long_is_an_error(tmp_path: Path, site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    import filelock

    card = one(tmp_path, site)
    (tmp_path / "toy").mkdir()
    real = filelock.FileLock
    with real(tmp_path / "toy" / ".lock"):
        monkeypatch.setattr(filelock, "FileLock", lambda path, timeout: real(path, timeout=0.05))
        with pytest.raises(RunError, match="another process has held"):
            fetch(card, tmp_path)
    assert site.asked == []


# -- archives


def zipped(files: dict[str, bytes], change: object = None) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as pack:
        for name, content in files.items():
            info = zipfile.ZipInfo(name)
            info.compress_type = zipfile.ZIP_DEFLATED
            if callable(change):
                change(info)
            pack.writestr(info, content)
    return out.getvalue()


def tarred(files: dict[str, bytes], change: object = None, mode: str = "w:gz") -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode=mode) as pack:  # type: ignore[call-overload]
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            if callable(change):
                change(info)
            pack.addfile(info, io.BytesIO(content) if info.isreg() else None)
    return out.getvalue()


PACKERS = {"zip": zipped, "tar": tarred}


def packed(tmp_path: Path, site: Site, kind: str, archive: bytes) -> Card:
    return one(tmp_path, site, archive, path=f"all.{kind}", unpack=kind)


def refuse(tmp_path: Path, site: Site, kind: str, archive: bytes, what: str) -> None:
    """The archive is refused, and the card's folder is as it was."""
    outside = set(tmp_path.rglob("*"))
    (tmp_path / "to" / "toy").mkdir(parents=True)
    (tmp_path / "to" / "toy" / "train.txt").write_bytes(b"old")
    with pytest.raises(RunError, match=what):
        fetch(packed(tmp_path, site, kind, archive), tmp_path / "to")
    assert there(tmp_path / "to" / "toy") == {"train.txt": b"old"}
    assert not any(path.is_symlink() for path in tmp_path.rglob("*"))
    now = {path for path in tmp_path.rglob("*") if not path.is_relative_to(tmp_path / "to")}
    assert now - outside == {tmp_path / "toy.md"}


@pytest.mark.parametrize("mode", ["w", "w:gz", "w:bz2", "w:xz"])
def test_tar_archives_are_unpacked_beside_themselves(tmp_path: Path, site: Site, mode: str) -> None:
    archive = tarred({"train.txt": b"a O\n", "sub/dev.txt": b"b O\n", "./test.txt": b""}, mode=mode)
    assert there(fetch(packed(tmp_path, site, "tar", archive), tmp_path)) == {
        "all.tar": archive, "train.txt": b"a O\n", "sub/dev.txt": b"b O\n", "test.txt": b"",
    }  # fmt: skip


def test_zip_archives_are_unpacked_beside_themselves(tmp_path: Path, site: Site) -> None:
    archive = zipped({"train.txt": b"a O\n", "sub/": b"", "sub/dev.txt": b"b O\n"})
    assert there(fetch(packed(tmp_path, site, "zip", archive), tmp_path)) == {
        "all.zip": archive, "train.txt": b"a O\n", "sub/dev.txt": b"b O\n",
    }  # fmt: skip


@pytest.mark.parametrize("kind", PACKERS)
@pytest.mark.parametrize(
    "name",
    [
        "../evil",
        "a/../../evil",
        "..",
        "/evil",
        "//evil",
        "/tmp/evil",
        "..\\evil",
        "a\\..\\..\\evil",
        "C:\\evil",
        "C:/x",
    ],
)
def test_paths_that_lead_out_are_refused(tmp_path: Path, site: Site, kind: str, name: str) -> None:
    archive = PACKERS[kind]({"good.txt": b"a", name: b"evil"})
    refuse(tmp_path, site, kind, archive, "outside its folder")


@pytest.mark.parametrize(
    "type_", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE]
)
@pytest.mark.parametrize("target", ["/etc/passwd", "good.txt", "../../x"])
def test_links_and_devices_in_a_tar_are_refused(tmp_path: Path, site: Site, type_: bytes, target: str) -> None:
    def change(info: tarfile.TarInfo) -> None:
        if info.name != "good.txt":
            info.type, info.linkname, info.size = type_, target, 0

    refuse(tmp_path, site, "tar", tarred({"good.txt": b"a", "bad": b"", "bad/x": b"y"}, change), "no plain file")


def test_links_in_a_zip_are_refused(tmp_path: Path, site: Site) -> None:
    def change(info: zipfile.ZipInfo) -> None:
        info.external_attr = (0o120777 if info.filename == "bad" else 0o100644) << 16

    refuse(tmp_path, site, "zip", zipped({"good.txt": b"a", "bad": b"/etc/passwd"}, change), "holds a link")


@pytest.mark.parametrize("kind", PACKERS)
def test_a_bomb_is_refused_by_its_size(tmp_path: Path, site: Site, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_UNPACKED", 1_000_000)
    archive = PACKERS[kind]({"a": b"\0" * 600_000, "b": b"\0" * 600_000})
    assert len(archive) < 10_000
    refuse(tmp_path, site, kind, archive, "holds more than")


@pytest.mark.parametrize("kind", PACKERS)
def test_a_bomb_is_refused_by_its_number_of_files(
    tmp_path: Path, site: Site, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MAX_MEMBERS", 20)
    refuse(tmp_path, site, kind, PACKERS[kind]({f"f{n}": b"" for n in range(21)}), "holds more than")


def test_a_zip_that_holds_more_than_it_declares_is_refused(tmp_path: Path, site: Site) -> None:
    archive = zipped({"a": b"x" * 100_000})
    small = (100).to_bytes(4, "little")
    lying = archive.replace((100_000).to_bytes(4, "little"), small)
    assert lying != archive
    refuse(tmp_path, site, "zip", lying, "cannot be unpacked|more than it declares")


def test_a_tar_whose_header_promises_more_than_comes_is_refused(tmp_path: Path, site: Site) -> None:
    archive = tarred({"a": b"x" * 100_000}, mode="w")
    refuse(tmp_path, site, "tar", archive[:50_000], "cannot be unpacked")


@pytest.mark.parametrize("kind", PACKERS)
def test_a_damaged_archive_is_an_error_one_can_read(tmp_path: Path, site: Site, kind: str) -> None:
    archive = PACKERS[kind]({"a": BODY})
    for number, damaged in enumerate(
        [b"", b"no archive", archive[: len(archive) // 2], archive[:1000] + b"\xff" * 50 + archive[1050:]]
    ):
        with pytest.raises(RunError, match="cannot be unpacked"):
            fetch(packed(tmp_path, site, kind, damaged), tmp_path / str(number))
        assert there(tmp_path / str(number)) == {}


def test_an_encrypted_or_strangely_packed_zip_is_an_error_one_can_read(tmp_path: Path, site: Site) -> None:
    archive = bytearray(zipped({"a": b"x"}))
    central = archive.index(b"PK\x01\x02")
    for number, (local_at, central_at, value) in enumerate([(6, 8, 1), (8, 10, 99)]):
        odd = bytearray(archive)
        odd[local_at], odd[central + central_at] = value, value
        with pytest.raises(RunError, match="cannot be unpacked"):
            fetch(packed(tmp_path, site, "zip", bytes(odd)), tmp_path / str(number))


@pytest.mark.parametrize("kind", PACKERS)
@pytest.mark.parametrize("names", [["a", "a/b"], ["a/b", "a"], ["."], ["sub/train.txt"], ["x" * 300]])
def test_names_that_clash_are_an_error_one_can_read(tmp_path: Path, site: Site, kind: str, names: list[str]) -> None:
    (tmp_path / "to" / "toy").mkdir(parents=True)
    (tmp_path / "to" / "toy" / "sub").write_bytes(b"a file where the archive has a folder")
    with pytest.raises(RunError, match="cannot"):
        fetch(packed(tmp_path, site, kind, PACKERS[kind](dict.fromkeys(names, b"x"))), tmp_path / "to")
    assert list(there(tmp_path / "to" / "toy")) == ["sub"]


@pytest.mark.parametrize("kind", PACKERS)
@pytest.mark.parametrize("name", ["other.txt", "all.{kind}", ".lock"])
def test_an_archive_does_not_replace_what_the_card_names(tmp_path: Path, site: Site, kind: str, name: str) -> None:
    """The files of a card have checksums of their own; what an archive holds has none."""
    name = name.format(kind=kind)
    archive = PACKERS[kind]({name: b"evil"})
    site.files |= {"/other.txt": b"good", "/all": archive}
    card = card_of(
        tmp_path,
        {"url": f"{site.address}/other.txt", "path": "other.txt", "sha256": digest(b"good")},
        {"url": f"{site.address}/all", "path": f"all.{kind}", "sha256": digest(archive), "unpack": kind},
    )
    with pytest.raises(RunError, match="would replace"):
        fetch(card, tmp_path)
    assert there(tmp_path / "toy") == {"other.txt": b"good"}


@pytest.mark.parametrize("kind", PACKERS)
def test_unpacked_files_that_are_gone_come_back(tmp_path: Path, site: Site, kind: str) -> None:
    card = packed(tmp_path, site, kind, PACKERS[kind]({"train.txt": b"a O\n"}))
    (fetch(card, tmp_path) / "train.txt").unlink()
    assert "train.txt" in there(fetch(card, tmp_path))
    assert len(site.asked) == 1
