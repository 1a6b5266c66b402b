"""Rows to score that stand in the training data a model names."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from nlpkit.config.recipe import Source
from nlpkit.data import load, overlap
from nlpkit.data.rows import Row
from nlpkit.errors import InputError, counted
from nlpkit.jobs.rundir import Say

_MOST = 200_000  # training rows of a card that are read again to look for a leak


class Leaks:
    """Looks rows up in the cards that models were trained on; each card is read once.

    Training rows that a recipe left out (``where``, ``limit``) count too, and files that no card names are not known.
    """

    def __init__(self, data_dir: Path | None, kind: str) -> None:
        self._data_dir = data_dir
        self._kind = kind
        self._known: dict[tuple[str, str], set[str] | None] = {}

    def of(self, info: dict[str, Any], rows: Sequence[Row]) -> dict[str, Any]:
        """What was found, and what is ``unknown``: cards that are not here, or too large.

        ``found``: card, split, rows (how many of ``rows``), first (the id of one), learned (training rows it gave).
        """
        sources = {
            (str(entry["card"]), str(entry.get("split", "train"))): int(entry["rows"])
            for entry in info.get("data", [])
            if entry.get("card") and str(entry["use"]).startswith("train")
        }
        found, unknown = [], []
        for (card, split), size in sources.items():
            known = self._keys(card, split, size)
            if known is None:
                unknown.append(f"{card}/{split}")
                continue
            twice = overlap.among(known, rows)
            if twice:
                found.append({"card": card, "split": split, "rows": len(twice), "first": twice[0].id, "learned": size})
        return {"found": found, "unknown": unknown}

    def _keys(self, card: str, split: str, size: int) -> set[str] | None:
        if (card, split) not in self._known:
            self._known[card, split] = None
            try:
                if size <= _MOST:
                    source = Source.model_validate({"card": card, "split": split})
                    self._known[card, split] = overlap.keys(load.rows(source, self._data_dir, kind=self._kind).rows)
            except InputError:
                pass  # the card or its data are not here
        return self._known[card, split]


def tell(model: str, name: str, leak: dict[str, Any], of: int, say: Say) -> None:
    """A note for each card that shares some of the rows scored, ``of`` of them, of the data ``name``."""
    for entry in leak["found"]:
        say(
            f"note: {name}: {counted(entry['rows'], 'row', 'are', of=of)} in {entry['card']}/{entry['split']} too, "
            f"of which `{model}` learned {entry['learned']}; first row {entry['first']}"
        )
