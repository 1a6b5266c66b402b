"""Reads and writes rows through real files, strictly or collecting every problem."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from nlpkit.data import formats
from nlpkit.data.files import Problem, Strictly
from nlpkit.data.load import read_file
from nlpkit.data.rows import TokenRow
from nlpkit.errors import InputError

Put = Callable[..., str]
Read = Callable[..., list[TokenRow]]
Refused = Callable[..., str]
Collect = Callable[..., tuple[list[TokenRow], list[Problem]]]
Dump = Callable[..., str]


@pytest.fixture(scope="session")
def put(tmp_path_factory: pytest.TempPathFactory) -> Put:
    """Write a file of this content and return its path. The session's: hypothesis tests may use it."""
    folder = tmp_path_factory.mktemp("rows")

    def put(content: str | bytes, name: str = "f") -> str:
        path: Path = folder / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return str(path)

    return put


@pytest.fixture(scope="session")
def read(put: Put) -> Read:
    """The rows of this content; the first error raises."""

    def read(content: str | bytes, fmt: str, columns: dict[str, Any] | None = None) -> list[TokenRow]:
        return list(read_file(put(content), fmt, Strictly(), columns))

    return read


@pytest.fixture(scope="session")
def refused(put: Put) -> Refused:
    """The message that refuses this content, without the folder: ``f:3: ...``."""

    def refused(content: str | bytes, fmt: str, columns: dict[str, Any] | None = None) -> str:
        path = put(content)
        with pytest.raises(InputError) as caught:
            list(read_file(path, fmt, Strictly(), columns))
        return caught.value.message.removeprefix(path.removesuffix("f"))

    return refused


@pytest.fixture(scope="session")
def collect(put: Put) -> Collect:
    """The rows that can be read of this content, and every problem."""

    def collect(content: str | bytes, fmt: str, columns: dict[str, Any] | None = None) -> Any:
        problems: list[Problem] = []
        return list(read_file(put(content), fmt, problems.append, columns)), problems

    return collect


@pytest.fixture(scope="session")
def dump() -> Dump:
    """What a format writes of these rows."""

    def dump(rows: list[TokenRow], fmt: str, **more: Any) -> str:
        file = io.StringIO()
        formats.named(fmt).write(rows, file, **more)
        return file.getvalue()

    return dump
