"""YAML without its traps: ``2e-5`` is a number, ``no`` is a string, a key stands once.

Scalars follow the YAML 1.2 core schema. Every value remembers its line, so an error can name it.
"""

from __future__ import annotations

import math
import re
from pathlib import Path as FilePath
from typing import Any

import yaml

from nlpkit.errors import InputError

Path = tuple[str | int, ...]
Lines = dict[Path, int]

_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_INT = re.compile(r"[-+]?[0-9]+\Z")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?\Z")
_SPECIAL = {".inf": math.inf, "-.inf": -math.inf, ".nan": math.nan}


def _scalar(node: yaml.ScalarNode) -> Any:
    text = node.value
    if node.style in ("'", '"', "|", ">"):
        return text
    if text in ("", "~", "null", "Null", "NULL"):
        return None
    if text in ("true", "True", "TRUE"):
        return True
    if text in ("false", "False", "FALSE"):
        return False
    if _INT.match(text):
        return int(text)
    if _FLOAT.match(text):
        return float(text)
    return _SPECIAL.get(text, text)


def _build(node: yaml.Node, path: Path, lines: Lines, where: str) -> Any:
    lines[path] = node.start_mark.line + 1
    if isinstance(node, yaml.ScalarNode):
        return _scalar(node)
    if isinstance(node, yaml.SequenceNode):
        return [_build(child, (*path, number), lines, where) for number, child in enumerate(node.value)]
    result: dict[str, Any] = {}
    assert isinstance(node, yaml.MappingNode)
    for key_node, value_node in node.value:
        key, line = key_node.value, key_node.start_mark.line + 1
        if not isinstance(key_node, yaml.ScalarNode):
            raise InputError(f"{where}:{line}: a key must be plain text")
        if key in result:
            raise InputError(
                f"{where}:{line}: key `{key}` stands twice, first on line {lines[(*path, key)]}",
                "remove one of the two",
            )
        result[key] = _build(value_node, (*path, key), lines, where)
        lines[(*path, key)] = line
    return result


def read_text(path: FilePath) -> str:
    """The text of a recipe or card. Raises InputError where it is not UTF-8 or cannot be read."""
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise InputError(
            f"{path}:{line}: byte 0x{error.object[error.start]:02X} is not UTF-8", "save it as UTF-8"
        ) from None
    except OSError as error:
        raise InputError(f"cannot read `{path}`: {error.strerror or error}") from None


def loads(text: str, where: str = "<text>") -> tuple[Any, Lines]:
    """Return the value of ``text`` and the line (from 1) of every path in it.

    Raises InputError on a syntax error, a repeated key, an alias or a tag.
    """
    try:
        for event in yaml.parse(text, Loader=_LOADER):
            line = event.start_mark.line + 1 if event.start_mark else 1
            if isinstance(event, yaml.AliasEvent):
                raise InputError(f"{where}:{line}: aliases (`*name`) are not read", "write the value out")
            if tag := (getattr(event, "tag", None) or "").replace("tag:yaml.org,2002:", "!!"):
                raise InputError(f"{where}:{line}: tags (`{tag}`) are not read", "quote text, leave numbers bare")
        node = yaml.compose(text, Loader=_LOADER)
    except yaml.reader.ReaderError as error:  # knows the character, not the line
        line = next((n for n, part in enumerate(text.split("\n"), 1) if chr(error.character) in part), 1)
        what = f"character U+{error.character:04X} is not allowed"
        raise InputError(f"{where}:{line}: not valid YAML: {what}", "remove it, or write it as an escape") from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = min(mark.line, text.rstrip().count("\n")) + 1 if mark else 1  # the end of the text is not a line of it
        what = getattr(error, "problem", None) or str(error).splitlines()[0]
        raise InputError(f"{where}:{line}: not valid YAML: {what}") from None
    except UnicodeEncodeError:  # bytes of a shell argument that were no UTF-8
        raise InputError(f"{where}: not valid UTF-8") from None
    lines: Lines = {}
    return (None if node is None else _build(node, (), lines, where)), lines


def dumps(value: Any) -> str:
    """Write plain data as YAML that ``loads`` reads back to the same value."""
    return yaml.dump(_plain(value), Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=100)


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value


class _Dumper(yaml.SafeDumper):
    """Quotes every string that ``loads`` (or an ordinary YAML reader) would read as something else."""


def _represent_str(dumper: yaml.SafeDumper, value: str) -> yaml.ScalarNode:
    looks_typed = _INT.match(value) or _FLOAT.match(value) or value in ("", "~", "null", "true", "false")
    escaped = not value.isprintable()  # in other styles a line break such as U+0085 is folded into a blank
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style='"' if looks_typed or escaped else None)


def _represent_float(dumper: yaml.SafeDumper, value: float) -> yaml.ScalarNode:
    if math.isfinite(value):
        text = repr(value)
        if "e" in text and "." not in text:  # YAML 1.1 wants `2.0e-05`; `2e-05` would be written as tagged text
            text = text.replace("e", ".0e")
    else:
        text = ".nan" if math.isnan(value) else ".inf" if value > 0 else "-.inf"
    return dumper.represent_scalar("tag:yaml.org,2002:float", text)


_Dumper.add_representer(str, _represent_str)
_Dumper.add_representer(float, _represent_float)
