"""Language identification: one label, ``xxx_Xxxx``, for each text."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from nlpkit.data.rows import TextRow
from nlpkit.errors import InputError, counted
from nlpkit.metrics import labels as label_scores
from nlpkit.tasks.base import TextTask
from nlpkit.text.langcodes import NO_LANGUAGE, UNKNOWN, macro


class Langid(TextTask):
    main_metric = "macro_f1"
    reported = ("macro_f1", "accuracy")
    families = ("hashed", "bert", "pretrained")
    unit = "label"

    @classmethod
    def find_labels(cls, rows: Iterable[TextRow], options: Any) -> list[str]:
        found = super().find_labels(rows, options)
        if taken := [label for label in found if label in (UNKNOWN, NO_LANGUAGE)]:
            raise InputError(
                f"`{taken[0]}` is no language to learn: it is what is said of others", "leave its rows out"
            )
        return found

    def score(
        self, gold: Sequence[TextRow], guess: Sequence[TextRow], seen: Callable[[str], bool] | None = None
    ) -> dict[str, Any]:
        """Scores of the labels as they are, and with each language taken for its macrolanguage (``macrolanguages``)."""
        right, said = ([row.label or "" for row in rows] for rows in (gold, guess))
        found = label_scores.score_texts(right, said)
        coarse = label_scores.score_texts([macro(tag) for tag in right], [macro(tag) for tag in said], interval=False)
        found["macrolanguages"] = {name: coarse[name] for name in ("accuracy", "macro_f1")}
        return {**found, **self.calibration(gold, guess)}

    def facts(self, train: Iterable[TextRow], scores: dict[str, dict[str, Any]]) -> dict[str, Any]:
        """``label_facts``: for each label the texts and listed words it was learned from, and its F1 on dev."""
        texts, words = Counter[str](), Counter[str]()
        for row in train:
            (words if "count" in row.extra else texts)[row.label or ""] += 1
        dev = scores.get("dev", {}).get("per_label", {})
        found: dict[str, dict[str, Any]] = {}
        for label in self.labels:
            found[label] = {"texts": texts[label], "words": words[label]}
            if dev.get(label, {}).get("support"):
                found[label]["dev_f1"] = round(dev[label]["f1"], 4)
        return {"label_facts": found}

    def card(self, info: dict[str, Any], scores: dict[str, dict[str, Any]]) -> list[str]:
        """Mean F1 by how much the labels were learned from: "core" 190 texts or more, "thin" fewer, "words" none."""
        texts = {label: entry["texts"] for label, entry in info["label_facts"].items()}
        tiers = {
            "core: 190 texts or more": (190, 10**9),
            "thin: fewer texts": (1, 190),
            "words: a word list only": (0, 1),
        }
        lines = ["| learned from | labels |" + "".join(f" {use} F1 (labels scored) |" for use in scores)]
        lines.append("|---|---|" + "---|" * len(scores))
        for name, (least, most) in tiers.items():
            mine = {label for label, count in texts.items() if least <= count < most}
            cells = []
            for score in scores.values():
                found = [e["f1"] for label, e in score["per_label"].items() if label in mine and e["support"]]
                cells.append(f" {100 * sum(found) / len(found):.1f} ({len(found)}) |" if found else " - |")
            lines.append(f"| {name} | {len(mine)} |" + "".join(cells))
        return lines

    @staticmethod
    def lines(scores: dict[str, Any]) -> list[str]:
        low, high = scores["interval"]
        wide = scores["macrolanguages"]
        result = [
            f"{counted(scores['rows'], 'text')} in {counted(scores['classes'], 'language')}",
            f"macro F1 {scores['macro_f1']:.4f}  (95 %: {low:.4f} to {high:.4f})  accuracy {scores['accuracy']:.4f}",
            f"macrolanguages as one: macro F1 {wide['macro_f1']:.4f}  accuracy {wide['accuracy']:.4f}",
        ]
        if "ece" in scores:
            result.append(f"expected calibration error {scores['ece']:.4f}")
        return [*result, scores["signature"]]


TASK = Langid
