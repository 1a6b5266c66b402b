"""The run directory: create it, continue it, or refuse."""

from __future__ import annotations

import json
import os
import platform
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import nlpkit
from nlpkit.config import strict_yaml
from nlpkit.config.recipe import Recipe, to_yaml
from nlpkit.data.files import write_json, write_whole
from nlpkit.errors import InputError

if TYPE_CHECKING:
    from filelock import FileLock

Say = Callable[[str], None]
DONE = "DONE"
LOCK = ".lock"
WORK = ".nlpkit-work"
_BEGUN = {"recipe.yaml", "data.json", "environment.json", "log.txt"}  # what a run holds that has learned nothing
_PACKAGES = ("torch", "transformers", "tokenizers", "accelerate", "datasets", "spacy", "numpy")


def _flat(data: Any, prefix: str = "") -> dict[str, Any]:
    if isinstance(data, dict):
        items = data.items()
    elif isinstance(data, list):
        items = {str(number): item for number, item in enumerate(data)}.items()
    else:
        return {prefix: data}
    return {
        key: value for name, item in items for key, value in _flat(item, f"{prefix}.{name}" if prefix else name).items()
    }


def differing(old: Any, new: Any) -> list[str]:
    """``key: old -> new`` for every value in which two recipes differ."""
    a, b = _flat(old), _flat(new)
    return [
        f"{key}: {a.get(key, 'not set')} -> {b.get(key, 'not set')}"
        for key in sorted({*a, *b})
        if a.get(key) != b.get(key)
    ]


class RunDir:
    """A folder for one run. ``log.txt`` gets everything ``say`` prints."""

    def __init__(self, path: Path, say: Say, lock: FileLock | None = None, *, overwrite: bool = False) -> None:
        self.path = path
        self._say = say
        self._lock = lock
        self._overwrite = overwrite
        self.begun = self._new = False
        self._waiting: list[str] = []

    def begin(self, recipe: Recipe) -> None:
        """Write the recipe: from now on the folder is a run. Until then a mistake leaves it as it was."""
        if self._overwrite:
            _empty(self.path)
        if not (self.path / "recipe.yaml").is_file():
            with write_whole(self.path / "recipe.yaml") as file:
                file.write(to_yaml(recipe))
            self._new = True
        self.begun = True
        waiting, self._waiting = self._waiting, []
        self._log(waiting)

    def say(self, text: str) -> None:
        self._say(text)
        if self.begun:
            self._log([text])
        else:
            self._waiting.append(text)

    def _log(self, texts: list[str]) -> None:
        with (self.path / "log.txt").open("a", encoding="utf-8", newline="\n") as file:
            file.writelines(f"{time.strftime('%Y-%m-%dT%H:%M:%S%z')} {text}\n" for text in texts)

    def record(self, entry: dict[str, Any]) -> None:
        """One line of ``log.jsonl``."""
        with (self.path / "log.jsonl").open("a", encoding="utf-8", newline="\n") as file:
            file.write(json.dumps(entry, ensure_ascii=False) + "\n")

    def write_json(self, name: str, data: Any) -> None:
        write_json(self.path / name, data)

    def done(self) -> None:
        with write_whole(self.path / DONE) as file:
            file.write(time.strftime("%Y-%m-%dT%H:%M:%S%z") + "\n")

    def work(self) -> Path:
        """The name of a folder for what a library writes on its way; ``release`` removes it."""
        shutil.rmtree(self.path / WORK, ignore_errors=True)  # of a run that was killed
        return self.path / WORK

    def withdraw(self) -> None:
        """Take back what ``begin`` wrote, where nothing was learned yet: it would block the corrected recipe."""
        names = {child.name for child in _content(self.path)} if self._new else set()
        if names <= _BEGUN:
            for name in names:
                (self.path / name).unlink()

    def release(self) -> None:
        """Give the folder back; a run that never began leaves no folder."""
        if self._lock is not None:
            shutil.rmtree(self.path / WORK, ignore_errors=True)
            _unlock(self._lock, self.path)


def open_run(path: Path, recipe: Recipe, say: Say, *, overwrite: bool) -> tuple[RunDir, bool]:
    """The run directory for ``recipe``, and whether an earlier run is continued. Call ``begin`` before writing to it.

    Raises InputError for a finished run, a run of another recipe, and a folder that holds something else. A run to
    ``overwrite`` stays until ``begin``.
    """
    lock = _lock(path)
    try:
        return RunDir(path, say, lock, overwrite=overwrite), _continues(path, recipe, overwrite)
    except BaseException:
        _unlock(lock, path)
        raise


def _continues(path: Path, recipe: Recipe, overwrite: bool) -> bool:
    old = path / "recipe.yaml"
    if not _content(path):
        return False
    if not old.is_file():
        what = "is no run directory, so it is not overwritten" if overwrite else "is not empty and no run directory"
        raise InputError(f"`{path}` {what}", "name another folder: --out DIR")
    if overwrite:
        return False
    changed = differing(strict_yaml.loads(old.read_text(encoding="utf-8"))[0], strict_yaml.loads(to_yaml(recipe))[0])
    if changed:
        listed = "\n  ".join(changed)
        raise InputError(
            f"`{path}` holds a run of another recipe; they differ in\n  {listed}",
            "name another folder (--out DIR), or begin anew (--overwrite)",
        )
    if (path / DONE).is_file():
        raise InputError(
            f"the run in `{path}` is finished; its model is `{path / 'model'}`", "to train again: --overwrite"
        )
    return True


def _unlock(lock: FileLock, path: Path) -> None:
    lock.release()
    (path / LOCK).unlink(missing_ok=True)
    if path.is_dir() and not any(path.iterdir()):
        path.rmdir()


def _content(path: Path) -> list[Path]:
    return [child for child in path.iterdir() if child.name not in (LOCK, WORK)]


def _empty(path: Path) -> None:
    """Remove an old run, its recipe last: what is left where this is cut short is still a run to overwrite."""
    for child in sorted(_content(path), key=lambda child: child.name == "recipe.yaml"):
        shutil.rmtree(child) if child.is_dir() else child.unlink()


def _lock(path: Path) -> FileLock:
    """The run directory is this process's alone; the lock goes with the process, however it ends."""
    from filelock import FileLock, Timeout

    try:
        path.mkdir(parents=True, exist_ok=True)
        lock = FileLock(path / LOCK)
        lock.acquire(timeout=0)
    except Timeout:
        raise InputError(
            f"another process is training in `{path}`", "wait for it, or name another folder: --out DIR"
        ) from None
    except OSError as error:
        raise InputError(
            f"cannot use `{path}` as a run directory: {error.strerror}", "another folder: --out DIR"
        ) from None
    return lock


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _commit() -> str | None:
    """The commit nlpkit runs from, when it runs from a repository."""
    root = Path(nlpkit.__file__).parent.parent
    if not (root / ".git").exists():
        return None
    try:
        asked = subprocess.run(
            ["git", "describe", "--always", "--dirty", "--abbrev=12"],
            cwd=root, capture_output=True, text=True, encoding="utf-8", timeout=10, check=False,
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired):
        return None
    return asked.stdout.strip() or None


def environment(device: str, world: int) -> dict[str, Any]:
    """What a reader needs to run it again."""
    return {
        "nlpkit": nlpkit.__version__,
        "commit": _commit(),
        "python": platform.python_version(),
        "platform": platform.platform(),
        "cores": os.cpu_count(),
        "device": device,
        "processes": world,
        "packages": {name: _version(name) for name in _PACKAGES},
        "command": ["nlpkit", *sys.argv[1:]],
    }
