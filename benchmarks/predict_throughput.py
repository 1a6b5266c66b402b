"""Tagging mixed-length sentences: nlpkit beside transformers.pipeline at its best batch size, in one run.

    python benchmarks/predict_throughput.py --model MODEL --card wnut17_en --data-dir DIR

The pipeline gets the sentences as text (words joined by blanks), nlpkit as words. Labels are compared word by word. The
best of --rounds passes counts for each system; they take turns. F1 is strict span F1 on the card's test split.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

import torch
from transformers import pipeline

from nlpkit.config.recipe import Source
from nlpkit.data import load
from nlpkit.jobs.evaluate import score
from nlpkit.jobs.predict import Predictor


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", required=True)
    parser.add_argument("--card", default="wnut17_en")
    parser.add_argument("--data-dir", type=Path, required=True)
    parser.add_argument("--limit", type=int, default=None)
    parser.add_argument("--rounds", type=int, default=3)
    args = parser.parse_args()
    gold = load.rows(Source(card=args.card, split="test", limit=args.limit), args.data_dir).rows
    texts = [" ".join(row.tokens) for row in gold]
    theirs = pipeline("token-classification", args.model, device="cpu", dtype=torch.float32)
    ours = {name: Predictor(args.model, device="cpu", precision=name) for name in ("fp32", "bf16", "int8")}
    for predictor in ours.values():
        predictor.task.options = predictor.task.options.model_copy(update={"decode": "argmax"})
    best: dict[str, float] = {}
    rows: dict[str, list] = {}

    def note(name: str, seconds: float) -> None:
        best[name] = max(best.get(name, 0.0), len(gold) / seconds)

    for _ in range(args.rounds):
        for size in (1, 8, 32):
            began = time.perf_counter()
            found = theirs(texts, batch_size=size)
            note(f"pipeline batch {size}", time.perf_counter() - began)
        for name, predictor in ours.items():
            began = time.perf_counter()
            rows[name] = list(predictor(gold))
            note(f"nlpkit {name}", time.perf_counter() - began)
    same = total = 0
    for row, said in zip(rows["fp32"], found, strict=True):
        labels = {item["start"]: item["entity"] for item in said}
        at = 0
        for token, tag in zip(row.tokens, row.tags, strict=True):
            same += labels.get(at, "O") == tag
            total += 1
            at += len(token) + 1
    top = max(speed for name, speed in best.items() if name.startswith("pipeline"))
    for name, speed in best.items():
        line = {"system": name, "sentences_per_second": round(speed, 1), "ratio": round(speed / top, 2)}
        if name.startswith("nlpkit"):
            line["f1"] = round(score(gold, rows[name.split()[1]], "ner")["f1"], 4)
        print(json.dumps(line))
    print(json.dumps({"same_labels": f"{same} of {total}"}))


if __name__ == "__main__":
    main()
