"""Language identifiers of others: supervised fastText models (lid.176, GlotLID, OpenLID), run by fasttext-predict."""

from __future__ import annotations

import re
import struct
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from nlpkit.data.features import Output
from nlpkit.errors import InputError
from nlpkit.text.langcodes import known, macrolanguages
from nlpkit.text.scripts import main_script, written_with

_PREFIX = "__label__"
_CODE = re.compile(r"[a-z]{3}_[A-Z][a-z]{3}\Z")
_MAGIC = b"\xba\x16\x4f\x2f"  # 793712314, the first four bytes of every fastText model


class FastText:
    """A fastText model; its labels are said in our codes, in the script of the text where a label names none."""

    def __init__(self, path: Path) -> None:
        try:
            import fasttext
        except ImportError:
            raise InputError(f"`{path}` needs fasttext-predict", "pip install 'nlpkit[fasttext]'") from None
        try:
            with path.open("rb") as file:
                magic = file.read(4)
        except OSError as error:
            raise InputError(f"cannot open `{path}`: {error.strerror}") from None
        if magic != _MAGIC or not _loads(path):
            raise InputError(f"`{path}` is no whole fastText model", "name a .bin or .ftz file of a supervised model")
        try:
            self._model: Any = fasttext.load_model(str(path))
            found = _labels_in(path)
        except (ValueError, RuntimeError, MemoryError) as error:
            raise InputError(f"`{path}` cannot be loaded: {error}", "is it a whole, supervised model?") from None
        self._codes = {name: _meanings(name.removeprefix(_PREFIX)) for name in found}
        self.labels = sorted({code for codes in self._codes.values() for code in codes})
        self._number = {label: at for at, label in enumerate(self.labels)}

    def tag_texts(
        self,
        texts: Sequence[str],
        poll: Callable[[], None] = lambda: None,
        *,
        top: int = 1,
        allowed: Sequence[str] | None = None,
    ) -> list[Output]:
        """As ``Hashed.tag_texts``."""
        count = top if allowed is None else 1 << 20
        return [self._answer(text, count, top, allowed, poll) for text in texts]

    def _answer(
        self, text: str, count: int, top: int, allowed: Sequence[str] | None, poll: Callable[[], None]
    ) -> Output:
        poll()
        names, chances = self._model.predict(re.sub(r"[\n\0]", " ", text), count)
        script = main_script(text)
        said = []
        for name, chance in zip(names, chances, strict=True):
            codes = self._codes[name]
            code = next((code for code in codes if script in ("Zyyy", *_letters(code))), codes[0])
            if allowed is None or code in allowed:
                said.append((self._number[code], min(1.0, max(0.0, float(chance)))))
        if not said:
            return Output([], [])
        others = [([label], chance) for label, chance in said[:top]] if top > 1 else []
        return Output([said[0][0]], [said[0][1]], others)


def _labels_in(path: Path) -> list[str]:
    """The labels in the file's dictionary; asked for all of them, ``predict`` leaves out those of small probability."""
    with path.open("rb") as file:
        file.seek(8 + 12 * 4 + 8)  # magic, version, twelve numbers and a double of the settings
        size, _, labels, _, _ = struct.unpack("<iiiqq", file.read(28))
        found = []
        rest = b""
        for _ in range(size):
            while b"\0" not in rest or len(rest) - rest.index(b"\0") < 10:
                if not (more := file.read(1 << 16)):
                    raise ValueError("its dictionary ends too soon")
                rest += more
            word, _, rest = rest.partition(b"\0")
            if rest[8] == 1:  # after the count of 8 bytes: 0 a word, 1 a label
                found.append(word.decode("utf-8"))
            rest = rest[9:]
    if len(found) != labels:
        raise ValueError("its dictionary is damaged")
    return found


def _loads(path: Path) -> bool:
    """Whether fastText can load the file, tried in a process of its own: it crashes on a damaged one."""
    code = "import sys, fasttext; fasttext.load_model(sys.argv[1]).predict('a', 1)"
    return subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, check=False).returncode == 0


def _letters(code: str) -> tuple[str, ...]:
    script = code.partition("_")[2]
    return (script, *written_with(script))


def _meanings(label: str) -> list[str]:
    """``eng_Latn`` -> itself; ``sr`` -> srp_Cyrl, srp_Latn; what nlpkit does not know stays as it is."""
    if _CODE.match(label):
        return [label]
    language = label
    if label in macrolanguages() and label != "hbs":
        language = macrolanguages()[label][0]
    found = [code for code, facts in known().items() if label == facts.short or code[:3] == language]
    return found or [label]
