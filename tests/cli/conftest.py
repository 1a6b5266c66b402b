"""The command line, called in this process."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from nlpkit.cli import streams


@dataclass
class Result:
    """What a command left behind."""

    code: int
    out: str
    err: str


@pytest.fixture
def cli(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., Result]:
    """``cli("ner", "-t", "text", stdin=b"")`` runs ``nlpkit`` as the shell would and returns a Result."""
    from nlpkit.cli.app import main

    def run(*args: str, stdin: bytes = b"") -> Result:
        capsys.readouterr()
        monkeypatch.setattr(streams.stderr, "quiet", False)
        monkeypatch.setattr(sys, "argv", ["nlpkit", *args])
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BufferedReader(io.BytesIO(stdin))))  # type: ignore[arg-type]
        with pytest.raises(SystemExit) as left:
            main()
        found = capsys.readouterr()
        return Result(int(left.value.code or 0), found.out, found.err)

    return run
