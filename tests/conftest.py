"""What all tests share: no sockets but loopback, offline hubs, a sample model trained once."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from toy import TINY, write_toy

os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["TOKENIZERS_PARALLELISM"] = "false"
os.environ.setdefault("OMP_NUM_THREADS", "1")  # for models this small more threads only wait for each other
os.environ.pop("NLPKIT_DATA_DIR", None)

ROOT = Path(__file__).parent.parent
SHARED = ROOT.parent / "shared" / "data"
_connect = socket.socket.connect


@pytest.fixture(autouse=True)
def _no_network(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A test that reaches beyond this machine fails; the cache is the test's own."""

    def connect(self: socket.socket, address: object) -> None:
        host = address[0] if isinstance(address, tuple) else ""
        if self.family != socket.AF_UNIX and host not in ("127.0.0.1", "::1", "localhost"):
            raise AssertionError(f"a test opened a socket to {address}")
        _connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", connect)
    monkeypatch.setenv("NLPKIT_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def shared() -> Path:
    """The real data sets; the test is skipped where they are not."""
    if not SHARED.is_dir():
        pytest.skip("the real data sets are not here")
    return SHARED


def run_cli(*args: str, stdin: str | bytes = "", cwd: Path | None = None, env: dict[str, str] | None = None):
    """Run nlpkit in a process of its own; stdout and stderr are bytes."""
    data = stdin.encode() if isinstance(stdin, str) else stdin
    return subprocess.run(
        [sys.executable, "-m", "nlpkit", *args], input=data, capture_output=True, cwd=cwd, timeout=240, check=False,
        env={**os.environ, **(env or {})},
    )  # fmt: skip


@pytest.fixture
def nlpkit() -> Callable[..., subprocess.CompletedProcess[bytes]]:
    return run_cli


@pytest.fixture(scope="session")
def tiny_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run directory of a small model that learned four names by heart."""
    from nlpkit.jobs.prepare import load_recipe
    from nlpkit.jobs.train import train

    folder = tmp_path_factory.mktemp("tiny")
    write_toy(folder / "train.conll", 120)
    write_toy(folder / "dev.conll", 20)
    recipe = load_recipe(
        "ner",
        [*TINY, f"data.train={folder / 'train.conll'}", f"data.dev={folder / 'dev.conll'}", "data.lang=eng_Latn",
         "stages.0.epochs=12", "stages.0.lr=5e-3"],
    )  # fmt: skip
    train(recipe, folder / "run")
    return folder / "run"


@pytest.fixture(scope="session")
def tiny_model(tiny_run: Path) -> Path:
    return tiny_run / "model"


@pytest.fixture(scope="session")
def pair_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small Transformer that translates toy sentences."""
    from toy_translate import TRANSFORMER, recipe, write_toys

    from nlpkit.jobs.prepare import load_recipe
    from nlpkit.jobs.train import train

    folder = tmp_path_factory.mktemp("pairs")
    return train(load_recipe(str(recipe(folder)), [*write_toys(folder), *TRANSFORMER]), folder / "run")
