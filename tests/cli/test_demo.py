"""``nlpkit demo`` as a process: what it prints, what ends it, and that it answers as the commands do."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest

from nlpkit.jobs import serve
from nlpkit.jobs.serve_models import Models, chosen

Cli = Callable[..., Any]
LINES = ["Amina moved from Nairobi to Kisumu", "", "<b>yaar</b> kal office late pahunchi \u202e", "你好 12 😀"]


@contextmanager
def running(*args: str) -> Iterator[tuple[subprocess.Popen[str], httpx.Client]]:
    process = subprocess.Popen(
        [sys.executable, "-m", "nlpkit", "demo", "--port", "0", *args], stderr=subprocess.PIPE, stdout=subprocess.PIPE,
        text=True, env={**os.environ, "OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    assert process.stderr is not None
    first = process.stderr.readline().strip()
    assert re.fullmatch(r"http://127\.0\.0\.1:[0-9]+/", first)
    try:
        with httpx.Client(base_url=first, trust_env=False, timeout=150) as client:
            yield process, client
    finally:
        process.kill()
        process.communicate()


def ended(process: subprocess.Popen[str]) -> tuple[str, str]:
    """What is left of stdout and stderr; ``communicate`` would lose what was read ahead with the first line."""
    assert process.stdout is not None
    assert process.stderr is not None
    process.wait(60)
    return process.stdout.read(), process.stderr.read()


@pytest.mark.slow
def test_it_answers_as_the_commands_do(cli: Cli) -> None:
    models, listening = Models(chosen([], None)), serve.bound("127.0.0.1", 0)
    workers = serve.Workers(models)
    server = serve.server(workers, listening, seconds=200)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
    thread.start()
    texts = [part for line in LINES for part in ("-t", line)]
    try:
        for task, options, given in (
            ("ner", ["--to", "jsonl"], {}), ("pos", ["--to", "jsonl"], {}), ("langid", ["--json"], {}),
            ("langid", ["--json", "--top", "3"], {"top": 3}), ("translate", ["--to", "jsonl"], {}),
            ("translate", ["--to", "jsonl", "--nbest", "2", "--beam", "3"], {"nbest": 2, "beam": 3}),
        ):  # fmt: skip
            written = cli(task, *texts, *options).out.split("\n")[:-1]
            where = f"{serve.address(listening)}v1/{task}"
            answer = httpx.post(where, json={"texts": LINES, **given}, timeout=250, trust_env=False).json()
            assert answer["rows"] == [json.loads(line) for line in written]
    finally:
        server.should_exit = True
        thread.join(20)
        workers.close()


def test_sigterm_ends_it_when_what_has_come_is_answered() -> None:
    with running("--tasks", "langid", "--log") as (process, client):
        assert client.get("healthz").status_code == 200
        client.close()
        body = json.dumps({"text": "Habari ya asubuhi"}).encode()
        head = f"POST /v1/langid HTTP/1.1\r\nhost: localhost\r\ncontent-length: {len(body)}\r\n"
        with socket.create_connection(("127.0.0.1", client.base_url.port or 0)) as half:
            half.sendall(head.encode() + b"content-type: application/json\r\n\r\n" + body[:5])
            time.sleep(0.5)
            process.send_signal(signal.SIGTERM)
            time.sleep(0.5)
            assert process.poll() is None
            half.sendall(body[5:])
            answer = b"".join(iter(lambda: half.recv(4096), b""))
        out, err = ended(process)
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert b'"label":"swh_Latn"' in answer
    assert (process.returncode, out) == (0, "")
    assert re.fullmatch(r"note: 1 task: langid; Ctrl-C ends\nGET /healthz 200 \S+ s\nPOST /v1/langid 200 \S+ s\n", err)


def test_ctrl_c_ends_it_quietly() -> None:
    with running("--tasks", "langid", "--quiet") as (process, client):
        assert client.get("healthz").json() == {"status": "ok", "waiting": 0}
        process.send_signal(signal.SIGINT)
        out, err = ended(process)
    assert (process.returncode, out, err) == (130, "", "")


def test_a_port_that_is_taken_is_one_error_with_a_fix(cli: Cli) -> None:
    with running("--tasks", "langid") as (_, client):
        found = cli("serve", "--port", str(client.base_url.port))
    assert (found.code, found.out) == (2, "")
    assert found.err == f"error: port {client.base_url.port} is taken\nhint: --port 0 picks a free one\n"


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["--host", "0.0.0.0"], "`--host 0.0.0.0` lets other machines in: there is no password"),
        (["--tasks", "nre"], "no task is called `nre`; did you mean `ner`?"),
        (["--model", "ner=nowhere", "--tasks", "ner,"], "no task is called ``"),
        (["--model", "x"], "`--model x` does not say for which task"),
        (["--host", "localhosd"], "`--host localhosd` is no IP address"),
    ],
)
def test_what_is_asked_wrongly_is_told_before_anything_starts(cli: Cli, args: list[str], said: str) -> None:
    found = cli("demo", *args, "--port", "0")
    assert (found.code, found.out) == (2, "")
    assert found.err.startswith(f"error: {said}")
    assert "\nhint: " in found.err


_WITHOUT = """
import sys

class Gone:
    def find_spec(self, module, *_):
        if module.partition(".")[0] == {name!r}:
            raise ModuleNotFoundError("gone", name={name!r})

sys.meta_path.insert(0, Gone())
sys.argv = ["nlpkit", "demo", "--port", "0"]
from nlpkit.cli.app import main
main()
"""


@pytest.mark.parametrize("name", ["starlette", "uvicorn"])
def test_a_missing_package_is_named(name: str) -> None:
    code = _WITHOUT.format(name=name)
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert (found.returncode, found.stdout) == (2, "")
    assert found.stderr == f"error: the demo needs the package {name}\nhint: pip install 'nlpkit[demo]'\n"


def test_the_help_needs_none_of_the_packages() -> None:
    code = "import sys; sys.argv = ['nlpkit', 'demo', '--help']; from nlpkit.cli.app import main\n"
    code += "try: main()\nexcept SystemExit: print(sorted({'starlette', 'uvicorn', 'numpy'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.endswith("\n[]\n")
