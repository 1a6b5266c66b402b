"""Checkpoints that are whole or not there.

A folder is written under a temporary name, its files synced, a SHA-256 manifest written last, then renamed and
the parent synced. Before use every file is compared with the manifest. Tensors are safetensors, the rest JSON:
nothing is ever unpickled.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from nlpkit.config.bundle_info import digest
from nlpkit.errors import RunError

MANIFEST = "manifest.json"


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def write(path: Path, tensors: dict[str, dict[str, torch.Tensor]], facts: dict[str, Any]) -> None:
    """Write ``{file stem: {name: tensor}}`` and ``progress.json`` to the folder ``path``.

    Raises RunError when the disk is full or cannot be written; what was at ``path`` is then as it was.
    """
    temporary = path.with_name(f".{path.name}.part")
    shutil.rmtree(temporary, ignore_errors=True)
    needed = sum(tensor.numel() * tensor.element_size() for group in tensors.values() for tensor in group.values())
    try:
        temporary.mkdir(parents=True)
        for stem, group in tensors.items():
            save_file({name: tensor.contiguous() for name, tensor in group.items()}, temporary / f"{stem}.safetensors")
        (temporary / "progress.json").write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")
        files = sorted(temporary.iterdir())
        for file in files:
            _sync(file)
        manifest = {file.name: {"sha256": digest(file), "bytes": file.stat().st_size} for file in files}
        (temporary / MANIFEST).write_text(json.dumps(manifest, indent=1) + "\n", encoding="utf-8")
        _sync(temporary / MANIFEST)
        _sync(temporary)
        if path.exists():
            shutil.rmtree(path)
        temporary.rename(path)
        _sync(path.parent)
    except (OSError, SafetensorError) as error:
        shutil.rmtree(temporary, ignore_errors=True)
        why = getattr(error, "strerror", None) or str(error)
        raise RunError(
            f"cannot save a checkpoint to `{path}`: {why} ({needed:,} bytes are needed)",
            "free some space and run the same command again: it goes on from the last whole checkpoint",
        ) from error


def fault(path: Path) -> str:
    """Why the checkpoint at ``path`` cannot be used, or the empty string."""
    try:
        manifest = json.loads((path / MANIFEST).read_text(encoding="utf-8"))
        for name, entry in manifest.items():
            file = path / name
            if not file.is_file():
                return f"`{name}` is missing"
            if file.stat().st_size != entry["bytes"]:
                return f"`{name}` has {file.stat().st_size} bytes, {entry['bytes']} were written"
            if digest(file) != entry["sha256"]:
                return f"`{name}` was changed after it was written"
    except FileNotFoundError:
        return "it has no manifest"
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        return f"its manifest cannot be read ({error})"
    return ""


def read(path: Path) -> tuple[dict[str, dict[str, torch.Tensor]], dict[str, Any]]:
    """The tensors and facts of a checkpoint that has no ``fault``."""
    tensors = {file.stem: load_file(file) for file in sorted(path.glob("*.safetensors"))}
    return tensors, json.loads((path / "progress.json").read_text(encoding="utf-8"))


def step_of(path: Path) -> int:
    """``main-000120`` -> 120; -1 for a folder that is no checkpoint."""
    _, _, number = path.name.rpartition("-")
    return int(number) if number.isdigit() else -1


def newest(folder: Path, prefix: str, say: Callable[[str], None], good: Callable[[Path], str] = fault) -> Path | None:
    """The newest whole checkpoint called ``prefix-N``; broken ones are named through ``say`` and passed over."""
    found = sorted((path for path in folder.glob(f"{prefix}-*") if step_of(path) >= 0), key=step_of, reverse=True)
    for path in found:
        if not (why := good(path)):
            return path
        say(f"checkpoint `{path}` is broken ({why}); trying the one before it")
    return None


def optimizer_tensors(optimizer: torch.optim.Optimizer) -> dict[str, torch.Tensor]:
    """The state of an optimizer, one tensor for each (parameter number, name)."""
    state = optimizer.state_dict()["state"]
    return {f"{number}.{name}": value for number, entry in state.items() for name, value in entry.items()}


def restore_optimizer(optimizer: torch.optim.Optimizer, tensors: dict[str, torch.Tensor]) -> None:
    """Put ``optimizer_tensors`` back. Groups and learning rates stay those of ``optimizer``."""
    state: dict[int, dict[str, torch.Tensor]] = {}
    for name, value in tensors.items():
        number, _, key = name.partition(".")
        state.setdefault(int(number), {})[key] = value
    optimizer.load_state_dict({"state": state, "param_groups": optimizer.state_dict()["param_groups"]})


def best_named(path: Path) -> int | None:
    """The step of the best weights that a checkpoint's progress.json names; None without one."""
    try:
        found = json.loads((path / "progress.json").read_text(encoding="utf-8")).get("best_done")
    except (OSError, ValueError):
        return None
    return found if isinstance(found, int) else None
