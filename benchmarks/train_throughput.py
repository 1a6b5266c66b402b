"""Fine-tuning for tagging: nlpkit's loop beside the stock Hugging Face Trainer, in one run.

    python benchmarks/train_throughput.py --base ENCODER --card wnut17_en --data-dir DIR [--precision bf16]

Same encoder, rows, learning rate, schedule, epochs and number of optimizer steps; sentences per second count training
only. F1 is nlpkit's strict span F1 for both. The order of the two alternates with --rounds; each has its own seed.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from pathlib import Path
from typing import Any, NamedTuple

import torch
from transformers import (
    AutoModelForTokenClassification,
    AutoTokenizer,
    DataCollatorForTokenClassification,
    Trainer,
    TrainingArguments,
)

from nlpkit.engine.predict import scores
from nlpkit.engine.pretrained import load_tokenizer
from nlpkit.engine.session import Session
from nlpkit.jobs.evaluate import score
from nlpkit.jobs.predict import fill
from nlpkit.jobs.prepare import load_recipe
from nlpkit.jobs.train import load_data
from nlpkit.tasks import named

MAX_LENGTH = 128


class Trained(NamedTuple):
    model: Any
    seconds: float
    cpu_seconds: float
    steps: int


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--base", required=True)
    parser.add_argument("--card", default="wnut17_en")
    parser.add_argument("--data-dir", type=Path, required=True)
    parser.add_argument("--precision", choices=["fp32", "bf16"], default="fp32")
    parser.add_argument("--epochs", type=float, default=3)
    parser.add_argument("--batch", type=int, default=16, help="sentences a batch for the Trainer")
    parser.add_argument("--lr", type=float, default=2e-4)
    parser.add_argument("--limit", type=int, default=None, help="training sentences")
    parser.add_argument("--freeze", choices=["none", "embeddings"], default="none")
    parser.add_argument("--rounds", type=int, default=1)
    return parser.parse_args()


def with_trainer(args: argparse.Namespace, data: Any, task: Any, seed: int) -> Trained:
    tokenizer = AutoTokenizer.from_pretrained(args.base, add_prefix_space=True)
    number = {label: i for i, label in enumerate(task.labels)}
    names = {"id2label": dict(enumerate(task.labels)), "label2id": number, "num_labels": len(number)}
    torch.manual_seed(seed)
    model = AutoModelForTokenClassification.from_pretrained(args.base, dtype=torch.float32, **names)
    if args.freeze == "embeddings":
        model.base_model.embeddings.requires_grad_(False)

    def encode(row: Any) -> dict[str, Any]:
        found = tokenizer(list(row.tokens), is_split_into_words=True, truncation=True, max_length=MAX_LENGTH)
        labels, before = [], None
        for word in found.word_ids():
            labels.append(-100 if word is None or word == before else number[row.tags[word]])
            before = word
        return {**found, "labels": labels}

    train = [encode(row) for row in data.train[0]]
    with tempfile.TemporaryDirectory() as out:
        options = TrainingArguments(
            out,
            per_device_train_batch_size=args.batch,
            num_train_epochs=args.epochs,
            learning_rate=args.lr,
            weight_decay=0.01,
            warmup_steps=round(0.1 * args.epochs * len(train) / args.batch),
            seed=seed,
            report_to="none",
            save_strategy="no",
            logging_strategy="no",
            disable_tqdm=True,
            bf16=args.precision == "bf16",
            use_cpu=not torch.cuda.is_available(),
        )
        collator = DataCollatorForTokenClassification(tokenizer)
        trainer = Trainer(model, options, train_dataset=train, data_collator=collator)
        cpu, began = time.process_time(), time.perf_counter()
        trainer.train()
        seconds, cpu = time.perf_counter() - began, time.process_time() - cpu
    return Trained(model.eval(), seconds, cpu, trainer.state.global_step)


def with_nlpkit(recipe: Any, data: Any, task: Any, goal: int, seed: int) -> Trained:
    session = Session(recipe.model_copy(update={"seed": seed}))
    session.build(task.labels, [], [], lambda text: None)
    features = task.encode(data.train[0], session.tokenizer, session.max_length, learn=True)
    sources = data.sources[0]

    def at(tokens: int) -> Any:
        return recipe.stages[0].model_copy(update={"batch_tokens": tokens})

    # the batch size in tokens that gives the Trainer's number of steps
    tokens = min(range(64, 4096, 16), key=lambda n: abs(len(session.plan(features, at(n), seed, sources)[0]) - goal))
    cpu, began = time.process_time(), time.perf_counter()
    steps, _ = session.plan(features, at(tokens), seed, sources)
    session.begin(at(tokens))
    for _ in session.fit(features, steps, 0, at(tokens), seed, print):
        pass
    return Trained(session.model, time.perf_counter() - began, time.process_time() - cpu, len(steps))


def main() -> None:
    args = parse()
    overrides = [
        f"model.base={args.base}",
        f"model.max_length={MAX_LENGTH}",
        f"model.freeze={args.freeze}",
        f"precision={args.precision}",
        f"stages.0.epochs={args.epochs}",
        f"stages.0.lr={args.lr}",
    ]
    if args.limit:
        overrides.append(f"stages.0.data.0.limit={args.limit}")
    recipe = load_recipe(f"ner/{args.card}", overrides)
    data = load_data(recipe, args.data_dir, lambda text: None)
    task_class = named("ner")
    options = task_class.Options.model_validate(recipe.options)
    task = task_class(options, task_class.find_labels(data.train[0], options))
    tokenizer = load_tokenizer(Path(args.base))
    seen = args.epochs * len(data.train[0])
    goal = round(args.epochs * -(-len(data.train[0]) // args.batch))
    for number in range(args.rounds):
        speed = {}
        for name in ("trainer", "nlpkit") if number % 2 == 0 else ("nlpkit", "trainer"):
            if name == "trainer":
                found = with_trainer(args, data, task, 13 + number)
            else:
                found = with_nlpkit(recipe, data, task, goal, 13 + number)

            def run(features: Any, model: Any = found.model) -> Any:
                return scores(model, features, tokenizer.pad)

            guess = fill(task, data.test, tokenizer, MAX_LENGTH, run)
            speed[name] = seen / found.seconds
            line = {
                "system": name,
                "precision": args.precision,
                "seed": 13 + number,
                "steps": found.steps,
                "seconds": round(found.seconds, 1),
                "cpu_seconds": round(found.cpu_seconds, 1),
                "sentences_per_second": round(speed[name], 1),
                "f1": round(score(data.test, guess, "ner")["f1"], 4),
            }
            print(json.dumps(line), flush=True)
        print(json.dumps({"ratio": round(speed["nlpkit"] / speed["trainer"], 2)}), flush=True)


if __name__ == "__main__":
    main()
