"""``nlpkit demo`` as a process: what it prints, what ends it, and that it answers as the commands do."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest

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


@pytest.mark.slow
def test_it_answers_as_the_commands_do_and_ends_at_sigterm_when_all_is_answered(nlpkit: Cli) -> None:
    with running("--log") as (process, client):
        for task, options, given in (
            ("ner", ["--to", "jsonl"], {}), ("pos", ["--to", "jsonl"], {}), ("langid", ["--json"], {}),
            ("langid", ["--json", "--top", "3"], {"top": 3}), ("translate", ["--to", "jsonl"], {}),
            ("translate", ["--to", "jsonl", "--nbest", "2", "--beam", "3"], {"nbest": 2, "beam": 3}),
        ):  # fmt: skip
            texts = [part for line in LINES for part in ("-t", line)]
            written = nlpkit(task, *texts, *options).stdout.decode().split("\n")[:-1]
            answer = client.post(f"v1/{task}", json={"texts": LINES, **given}).json()
            assert answer["rows"] == [json.loads(line) for line in written]
        process.send_signal(signal.SIGTERM)
        out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (0, "")
    assert err.startswith("note: 4 tasks: langid, pos, ner, translate; Ctrl-C ends\nPOST /v1/ner 200 ")
    assert "Amina" not in err


def test_ctrl_c_ends_it_quietly() -> None:
    with running("--tasks", "langid", "--quiet") as (process, client):
        assert client.get("healthz").json() == {"status": "ok", "waiting": 0}
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
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


def test_the_help_needs_none_of_the_packages(nlpkit: Cli) -> None:
    began = time.monotonic()
    code = "import sys; sys.argv = ['nlpkit', 'demo', '--help']; from nlpkit.cli.app import main\n"
    code += "try: main()\nexcept SystemExit: print(sorted({'starlette', 'uvicorn', 'numpy'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.endswith("\n[]\n")
    assert time.monotonic() - began < 30
