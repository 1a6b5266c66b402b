"""What benchmarks of contestants that take turns share: one thread, what they ran on, tables."""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

ONE_THREAD = {f"{name}_NUM_THREADS": "1" for name in ("OMP", "OPENBLAS", "MKL", "NUMBA", "RAYON")}
Part = Callable[[argparse.Namespace], dict[str, Any]]


def run(parse: Callable[[], argparse.Namespace], parts: Mapping[str, Part], packages: Sequence[str]) -> None:
    """Do the part that is asked for; with --json print what it found, and which ``packages`` it was found with."""
    os.environ |= ONE_THREAD | {"TOKENIZERS_PARALLELISM": "false"}  # before torch is imported, here and in children
    args = parse()
    found = {"about": about(args, packages), **parts[args.part](args)}
    if args.json:
        print(json.dumps(found))


def about(args: argparse.Namespace, packages: Sequence[str]) -> dict[str, Any]:
    """What was asked for, and by which versions and on which processor it was done."""
    lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines() if Path("/proc/cpuinfo").exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    versions = {name: version(name) for name in packages}
    asked = {name: str(value) if isinstance(value, Path) else value for name, value in vars(args).items()}
    return {**asked, **versions, "processor": names[0] if names else platform.processor(), "threads": 1}


def told(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def show(args: argparse.Namespace, title: str, head: Sequence[str], body: Sequence[Sequence[str]]) -> None:
    """A table on stdout, on stderr with --json."""
    from nlpkit.cli.streams import table

    to = sys.stderr if args.json else sys.stdout
    print(f"\n{title}", *table(list(head), body), sep="\n", file=to, flush=True)


def turns(names: Sequence[str], number: int) -> list[str]:
    """The names in an order that another one begins each time."""
    at = number % len(names)
    return [*names[at:], *names[:at]]
