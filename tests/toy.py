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


def write_texts(path: Path, rows: int, *, multi_label: bool = False, pairs: bool = False) -> None:
    """Texts a model can learn in seconds: food is liked, noise is not; of pairs, whether both name one animal."""
    good, bad, animals = (
        ["sweet mango", "ripe banana", "warm bread"],
        ["loud horn", "broken drum"],
        ["goat", "hen", "cow"],
    )
    lines = ["\t".join(["text", *(["text_b"] if pairs else []), "labels" if multi_label else "label"])]
    for number in range(rows):
        food, noise = good[number % 3], bad[number % 2]
        if pairs:
            first, second = animals[number % 3], animals[number // 3 % 3]
            lines.append(f"a {first} slept\ta {second} ate\t{'same' if first == second else 'other'}")
        elif multi_label:
            both = number % 3
            text = [food, noise, f"{food} and {noise}"][both]
            lines.append(f"the {text} of day {number}\t{['food', 'noise', 'food|noise'][both]}")
        elif number % 2:
            lines.append(f"the {food} of day {number}\tliked")
        else:
            lines.append(f"the {noise} of day {number}\tnot liked")
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
