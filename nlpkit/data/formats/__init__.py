"""One file a format, in a folder for each kind of row.

``read(lines, where, report, columns)`` yields rows, ``write(rows, file)`` writes them; ``PLACES`` are the names that
``columns`` may hold. ``moses`` alone reads several files at once.
"""

from __future__ import annotations

from importlib import import_module
from types import ModuleType

from nlpkit.data.files import parts
from nlpkit.errors import InputError

READ = {
    "tokens": ("conll", "conllu", "jsonl", "tsv", "text"),
    "texts": ("tsv", "csv", "jsonl", "conllu", "text"),
    "pairs": ("tsv", "jsonl", "moses", "tmx", "text"),
}
WRITE = {
    "tokens": (*READ["tokens"], "entities", "html"),
    "texts": ("tsv", "csv", "jsonl"),
    "pairs": ("text", "tsv", "jsonl"),
}
DEFAULT = {"tokens": "conll", "texts": "tsv", "pairs": "tsv"}  # of a labeled file whose name does not tell
_ENDINGS = {
    ".conllu": "conllu", ".conll": "conll", ".iob": "conll", ".iob2": "conll", ".bio": "conll",
    ".jsonl": "jsonl", ".json": "jsonl", ".tsv": "tsv", ".csv": "csv", ".txt": "text", ".tmx": "tmx",
}  # fmt: skip


def named(name: str, kind: str = "tokens") -> ModuleType:
    """The module of a format for rows of ``kind``."""
    known = dict.fromkeys((*READ[kind], *WRITE[kind]))
    if name not in known:
        raise InputError(f"no format of {kind} is called `{name}`", "formats: " + ", ".join(known))
    return import_module(f"nlpkit.data.formats.{kind}.{name}")


def guess(path: str, default: str, kind: str = "tokens") -> str:
    """The format by the file's name, a final ``.gz`` or ``.zst`` aside; ``train.{en,yo}`` is a pair of files."""
    if kind == "pairs" and len(parts(path)) > 1:
        return "moses"
    stem = path.lower().removesuffix(".gz").removesuffix(".zst")
    found = next((name for ending, name in _ENDINGS.items() if stem.endswith(ending)), default)
    return found if found in (*READ[kind], *WRITE[kind]) else default
