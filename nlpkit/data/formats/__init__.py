"""One file a format: ``read(lines, where, report, columns)`` yields rows, ``write(rows, file)`` writes them."""

from __future__ import annotations

from importlib import import_module
from types import ModuleType

from nlpkit.errors import InputError

READ = ("conll", "conllu", "jsonl", "tsv", "text")
WRITE = ("conll", "conllu", "jsonl", "tsv", "text", "entities", "html")
_ENDINGS = {
    ".conllu": "conllu", ".conll": "conll", ".iob": "conll", ".iob2": "conll", ".bio": "conll",
    ".jsonl": "jsonl", ".json": "jsonl", ".tsv": "tsv", ".txt": "text",
}  # fmt: skip


def named(name: str) -> ModuleType:
    """The module of a format."""
    if name not in WRITE:
        raise InputError(f"no format is called `{name}`", "formats: " + ", ".join(WRITE))
    return import_module(f"nlpkit.data.formats.{name}")


def guess(path: str, default: str) -> str:
    """The format by the file's name, a final ``.gz`` aside."""
    stem = path.lower().removesuffix(".gz")
    return next((name for ending, name in _ENDINGS.items() if stem.endswith(ending)), default)
