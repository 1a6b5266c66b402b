"""A linear-chain CRF over hand-written features (Lafferty et al., 2001), trained and run by python-crfsuite.

The classical baseline: at most a minute of training on a laptop, thousands of sentences a second, no torch.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pycrfsuite

from nlpkit.config.recipe import CrfScratch
from nlpkit.data.features import Output
from nlpkit.errors import InputError, RunError
from nlpkit.text.normalize import bare, nfc, shape

MODEL_TYPE = "nlpkit-crf"
FILE = "model.crfsuite"
_ITERATION = re.compile(r"Iteration #([0-9]+)")
_START, _END = ("<", "<<"), (">", ">>")


class Features:
    """Words to lists of feature names; what a word adds to its own list and its neighbors' is computed once."""

    def __init__(self) -> None:
        self._memory: dict[str, tuple[list[str], list[str], list[str], list[str], list[str], str, str]] = {}

    def _of(self, word: str) -> tuple[list[str], list[str], list[str], list[str], list[str], str, str]:
        found = self._memory.get(word)
        if found is None:
            form = nfc(word)
            low, kind = form.lower(), shape(form)
            own = ["bias", "w=" + form, "l=" + low, "b=" + bare(low), "s=" + kind]
            own += [f"p{size}={low[:size]}" for size in (1, 2, 3, 4) if len(low) >= size]
            own += [f"e{size}={low[-size:]}" for size in (1, 2, 3, 4, 5) if len(low) >= size]
            near = ["w=" + low, "s=" + kind, "p=" + low[:3], "e=" + low[-3:]]
            found = (
                own,
                ["-1" + name for name in near],
                ["+1" + name for name in near],
                ["-2" + name for name in near[:2]],
                ["+2" + name for name in near[:2]],
                low,
                kind,
            )
            if len(self._memory) < 200_000:  # memory stays bounded on a stream
                self._memory[word] = found
        return found

    def row(self, words: Sequence[str]) -> list[list[str]]:
        """The features of each word of a row."""
        known = [self._of(word) for word in words]
        last = len(known) - 1
        result = []
        for at, (own, *_, low, kind) in enumerate(known):
            names = list(own)
            if at > 0:
                before = known[at - 1]
                names += before[1]
                names += ["-|" + before[5] + "|" + low, "-s" + before[6] + "|" + kind]
                names += known[at - 2][3] if at > 1 else [_START[1]]
            else:
                names.append(_START[0])
            if at < last:
                after = known[at + 1]
                names += after[2]
                names += ["|+" + low + "|" + after[5], "+s" + kind + "|" + after[6]]
                names += known[at + 2][4] if at < last - 1 else [_END[1]]
            else:
                names.append(_END[0])
            result.append(names)
        return result


class LinearCrf:
    """A trained CRF: words in, labels and their marginal probabilities out."""

    def __init__(self, content: bytes, labels: Sequence[str]) -> None:
        self.labels = list(labels)
        self._content = content
        self._features = Features()
        self._tagger = pycrfsuite.Tagger()
        self._tagger.open_inmemory(content)
        self._number = {label: number for number, label in enumerate(self.labels)}
        if unknown := set(self._tagger.labels()) - set(self.labels):
            raise ValueError(f"the weights know the labels {', '.join(sorted(unknown))}, config.json does not")

    @classmethod
    def train(
        cls,
        spec: CrfScratch,
        labels: Sequence[str],
        rows: Sequence[Sequence[str]],
        tags: Sequence[Sequence[str]],
        file: Path,
        tick: Callable[[int, int, str], None],
    ) -> LinearCrf:
        """Learn from ``rows`` of words and their ``tags`` by L-BFGS; ``file`` is where crfsuite writes on its way."""

        class Trainer(pycrfsuite.BaseTrainer):  # type: ignore[misc]
            def message(self, text: str) -> None:
                if match := _ITERATION.search(text):
                    tick(int(match[1]), spec.iterations, "")

        features = Features()
        trainer = Trainer(
            params={
                "c1": spec.l1,
                "c2": spec.l2,
                "max_iterations": spec.iterations,
                "feature.minfreq": spec.least,
                "feature.possible_transitions": True,
            },
        )
        for words, wanted in zip(rows, tags, strict=True):
            if words:
                trainer.append(features.row(words), list(wanted))
        trainer.train(str(file))
        try:
            content = file.read_bytes()
        except OSError as error:
            raise RunError(f"cannot write `{file}`: {error.strerror}", "free some space") from None
        file.unlink()
        return cls(content, labels)

    def tag_words(self, rows: Sequence[Sequence[str]], poll: Callable[[], None] = lambda: None) -> list[Output]:
        """The best labels of each row (Viterbi, 1967) and their marginal probabilities."""
        result = []
        tagger = self._tagger
        for words in rows:
            poll()
            if not words:
                result.append(Output([], []))
                continue
            said = tagger.tag(self._features.row(words))
            chances = [tagger.marginal(label, at) for at, label in enumerate(said)]
            result.append(Output([self._number[label] for label in said], chances))
        return result

    def weights(self) -> int:
        info = self._tagger.info()
        return len(info.state_features) + len(info.transitions)

    def save(self, folder: Path) -> None:
        """Write the weights and config.json."""
        (folder / FILE).write_bytes(self._content)
        facts = {"model_type": MODEL_TYPE, "labels": self.labels}
        (folder / "config.json").write_text(json.dumps(facts, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")

    @classmethod
    def load(cls, folder: Path, facts: dict[str, Any]) -> LinearCrf:
        """Read what ``save`` wrote. crfsuite does not notice a damaged file, so its SHA-256 must be verified before."""
        path = folder / FILE
        try:
            return cls(path.read_bytes(), facts["labels"])
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise InputError(f"`{path}` is damaged: {error}", "copy or train the model again") from None
