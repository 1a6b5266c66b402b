"""Hub ids are real: a small server on this machine speaks the protocol of the Hugging Face Hub."""

from __future__ import annotations

import hashlib
import json
import os
import sys
import threading
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from subprocess import CompletedProcess, run

import pytest

REPO = "acme/tiny"
COMMIT = "0123456789abcdef0123456789abcdef01234567"
TEXT = "Amina Otieno went to Kisumu ."


class Hub:
    """Serves one folder as the model ``acme/tiny``; remembers what was asked."""

    def __init__(self, folder: Path) -> None:
        self.asked: list[str] = []
        hub = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_HEAD(self) -> None:
                hub.answer(self, folder)

            def do_GET(self) -> None:
                hub.answer(self, folder)

            def log_message(self, format: str, *args: object) -> None:
                hub.asked.append(f"{self.command} {self.path}")

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.address = f"http://127.0.0.1:{self.server.server_address[1]}"
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        self.thread.start()

    def answer(self, request: BaseHTTPRequestHandler, folder: Path) -> None:
        path = request.path.split("?")[0]
        names = sorted(file.name for file in folder.iterdir())
        for revision in ("main", COMMIT):
            prefix = f"/{REPO}/resolve/{revision}/"
            if path.startswith(prefix):
                if path.removeprefix(prefix) in names:
                    return self.send(request, (folder / path.removeprefix(prefix)).read_bytes())
                return self.refuse(request, "EntryNotFound")
        about = {"id": REPO, "sha": COMMIT, "private": False, "gated": False, "tags": [], "downloads": 0}
        if path in (f"/api/models/{REPO}", f"/api/models/{REPO}/revision/main"):
            return self.send_json(request, {**about, "siblings": [{"rfilename": name} for name in names]})
        if path.startswith(f"/api/models/{REPO}/tree/"):
            files = [
                {"type": "file", "path": name, "size": (folder / name).stat().st_size, "oid": COMMIT} for name in names
            ]
            inner = path.removeprefix(f"/api/models/{REPO}/tree/").partition("/")[2]
            return self.refuse(request, "EntryNotFound") if inner else self.send_json(request, files)
        return self.refuse(request, "EntryNotFound" if f"/{REPO}/" in path else "RepoNotFound")

    def send(self, request: BaseHTTPRequestHandler, body: bytes, kind: str = "application/octet-stream") -> None:
        start, status = 0, 200
        if wanted := request.headers.get("Range"):
            start, status = int(wanted.removeprefix("bytes=").split("-")[0]), 206
        request.send_response(status)
        request.send_header("Content-Type", kind)
        request.send_header("Content-Length", str(len(body) - start))
        request.send_header("ETag", f'"{hashlib.sha256(body).hexdigest()}"')
        request.send_header("X-Repo-Commit", COMMIT)
        if status == 206:
            request.send_header("Content-Range", f"bytes {start}-{len(body) - 1}/{len(body)}")
        request.end_headers()
        if request.command == "GET":
            request.wfile.write(body[start:])

    def send_json(self, request: BaseHTTPRequestHandler, data: object) -> None:
        self.send(request, json.dumps(data).encode(), "application/json")

    def refuse(self, request: BaseHTTPRequestHandler, code: str) -> None:
        # the real Hub says 401 for a repository that an unknown caller may not know of
        request.send_response(401 if code == "RepoNotFound" else 404)
        request.send_header("X-Error-Code", code)
        request.send_header("X-Error-Message", code)
        request.send_header("X-Repo-Commit", COMMIT)
        request.send_header("Content-Length", "0")
        request.end_headers()

    def stop(self) -> None:
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


@dataclass
class Runs:
    """What each process printed, and what it asked the Hub for."""

    local: CompletedProcess[bytes]
    online: CompletedProcess[bytes]
    missing: CompletedProcess[bytes]
    offline: CompletedProcess[bytes]
    asked: dict[str, list[str]]


@pytest.fixture(scope="module")
def runs(tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Runs:
    """``nlpkit ner``: with the folder, the Hub id, an id that is not there, and the Hub id once the Hub is down."""
    folder = tmp_path_factory.mktemp("hub")
    hub = Hub(tiny_model)
    env = {
        **os.environ,
        "HF_ENDPOINT": hub.address,
        "HF_HUB_OFFLINE": "0",
        "HF_HOME": str(folder / "hf"),
        "HF_HUB_DISABLE_XET": "1",
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "NO_PROXY": "127.0.0.1",
        "no_proxy": "127.0.0.1",
    }
    asked: dict[str, list[str]] = {}

    def ner(name: str, model: str, **more: str) -> CompletedProcess[bytes]:
        hub.asked.clear()
        command = [sys.executable, "-m", "nlpkit", "ner", "--model", model, "-t", TEXT, "--to", "jsonl"]
        done = run(command, capture_output=True, cwd=folder, env={**env, **more}, timeout=120, check=False)
        asked[name] = list(hub.asked)
        return done

    try:
        local = ner("local", str(tiny_model))
        online = ner("online", REPO)
        missing = ner("missing", "acme/none")
    finally:
        hub.stop()
    return Runs(local, online, missing, ner("offline", REPO, HF_HUB_OFFLINE="1"), asked)


def test_a_hub_id_gives_what_its_folder_gives(runs: Runs) -> None:
    assert runs.online.returncode == 0, runs.online.stderr.decode()
    assert runs.online.stdout == runs.local.stdout
    assert json.loads(runs.online.stdout)["entities"][0]["text"] == "Amina Otieno"
    assert b"\x1b" not in runs.online.stderr


def test_a_folder_asks_the_hub_for_nothing(runs: Runs) -> None:
    assert runs.local.returncode == 0
    assert runs.asked["local"] == []


def test_only_safetensors_and_no_code_is_fetched(runs: Runs) -> None:
    fetched = [line for line in runs.asked["online"] if line.startswith("GET") and "/resolve/" in line]
    assert any(line.endswith("/model.safetensors") for line in fetched)
    assert not [line for line in fetched if line.endswith((".bin", ".pt", ".pkl", ".py"))]


def test_what_was_fetched_once_works_with_the_hub_down(runs: Runs) -> None:
    assert runs.offline.returncode == 0, runs.offline.stderr.decode()
    assert runs.offline.stdout == runs.local.stdout
    assert runs.asked["offline"] == []


def test_an_id_that_the_hub_does_not_have_is_one_clear_error(runs: Runs) -> None:
    error = runs.missing.stderr.decode()
    assert runs.missing.returncode == 3
    assert runs.missing.stdout == b""
    assert "Traceback" not in error
    assert error.startswith("error: no folder `acme/none` here, and: cannot load `acme/none` from the Hub: ")
    assert len(error.strip().split("\n")) == 2
    assert runs.asked["missing"]


def test_the_options_in_bundle_json_hold_for_a_hub_id_too(runs: Runs) -> None:
    assert any(line.endswith("/bundle.json") for line in runs.asked["online"])
