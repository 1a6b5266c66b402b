"""A toy corpus that a small model learns in seconds."""

from __future__ import annotations

from pathlib import Path

TINY = [
    "model.scratch.arch=bert", "model.scratch.hidden=32", "model.scratch.layers=1", "model.scratch.heads=2",
    "model.scratch.vocabulary=600", "model.max_length=64", "stages.0.batch_tokens=512",
]  # fmt: skip


def write_toy(path: Path, rows: int) -> None:
    """Sentences a model can learn in seconds: two people, two places, fixed frames."""
    people, places = ["Amina Otieno", "Juma"], ["Kisumu", "Dar es Salaam"]
    lines = []
    for number in range(rows):
        person, place = people[number % 2], places[number // 2 % 2]
        for index, word in enumerate(person.split()):
            lines.append(f"{word} {'I' if index else 'B'}-PER")
        lines += ["went O", "home O"][: 1 + number % 2]
        lines.append("to O")
        for index, word in enumerate(place.split()):
            lines.append(f"{word} {'I' if index else 'B'}-LOC")
        lines += [f"{number} O", ". O", ""]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
