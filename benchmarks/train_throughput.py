"""Fine-tuning for tagging: nlpkit's loop beside the stock Hugging Face Trainer, in one run.

    python benchmarks/train_throughput.py --base ENCODER --card wnut17_en --data-dir DIR [--precision bf16]

Same encoder, rows, seed, learning rate, schedule, epochs and number of optimizer steps; sentences per second count
training only. F1 is nlpkit's strict span F1 for both. The order of the two alternates with --rounds.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from pathlib import Path

import torch
from transformers import (
    AutoModelForTokenClassification,
    AutoTokenizer,
    DataCollatorForTokenClassification,
    Trainer,
    TrainingArguments,
)

from nlpkit.jobs.evaluate import score
from nlpkit.jobs.predict import fill
from nlpkit.jobs.train import load_data, load_recipe
from nlpkit.tasks import named


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
    parser.add_argument("--rounds", type=int, default=1)
    return parser.parse_args()


def with_trainer(args, data, task, max_length):
    tokenizer = AutoTokenizer.from_pretrained(args.base, add_prefix_space=True)
    number = {label: i for i, label in enumerate(task.labels)}
    names = {"id2label": dict(enumerate(task.labels)), "label2id": number, "num_labels": len(number)}
    torch.manual_seed(13)
    model = AutoModelForTokenClassification.from_pretrained(args.base, dtype=torch.float32, **names)

    def encode(row):
        found = tokenizer(list(row.tokens), is_split_into_words=True, truncation=True, max_length=max_length)
        labels, before = [], None
        for word in found.word_ids():
            labels.append(-100 if word is None or word == before else number[row.tags[word]])
            before = word
        return {**found, "labels": labels}

    train = [encode(row) for row in data.train[0]]
    with tempfile.TemporaryDirectory() as out:
        options = TrainingArguments(
            out, per_device_train_batch_size=args.batch, num_train_epochs=args.epochs, learning_rate=args.lr,
            weight_decay=0.01, warmup_steps=round(0.1 * args.epochs * len(train) / args.batch), seed=13, report_to="none",
            save_strategy="no", logging_strategy="no", disable_tqdm=True, bf16=args.precision == "bf16", use_cpu=not torch.cuda.is_available(),
        )  # fmt: skip
        trainer = Trainer(model, options, train_dataset=train, data_collator=DataCollatorForTokenClassification(tokenizer))
        cpu, began = time.process_time(), time.perf_counter()
        trainer.train()
        seconds, cpu = time.perf_counter() - began, time.process_time() - cpu
    return model.eval(), seconds, cpu, trainer.state.global_step


def with_nlpkit(args, recipe, data, task, goal):
    from nlpkit.engine.session import Session

    session = Session(recipe)
    session.build(task.labels, [], lambda text: None)
    features = task.encode(data.train[0], session.tokenizer, session.max_length, learn=True)
    stage = recipe.stages[0]
    tokens = min(range(64, 4096, 16), key=lambda n: abs(len(session.plan(features, stage.model_copy(update={"batch_tokens": n}), 13)[0]) - goal))  # fmt: skip
    stage = stage.model_copy(update={"batch_tokens": tokens})
    cpu, began = time.process_time(), time.perf_counter()
    steps, _ = session.plan(features, stage, 13)
    session.begin(stage, 0)
    for _ in session.fit(features, steps, 0, stage, 13, print):
        pass
    seconds, cpu = time.perf_counter() - began, time.process_time() - cpu
    return session, seconds, cpu, len(steps)


def main() -> None:
    args = parse()
    overrides = [f"model.base={args.base}", f"precision={args.precision}", f"stages.0.epochs={args.epochs}", f"stages.0.lr={args.lr}", "model.max_length=128"]
    if args.limit:
        overrides.append(f"stages.0.data.0.limit={args.limit}")
    recipe = load_recipe(f"ner/{args.card}", overrides)
    data = load_data(recipe, args.data_dir, lambda text: None)
    task_class = named("ner")
    options = task_class.Options.model_validate(recipe.options)
    task = task_class(options, task_class.find_labels(data.train[0], options))
    for number in range(args.rounds):
        from nlpkit.engine.bundle import load_tokenizer
        from nlpkit.engine.predict import scores

        tokenizer = load_tokenizer(args.base)
        seen = args.epochs * len(data.train[0])

        def result(name, model, seconds, cpu, steps):
            guess = fill(task, data.test, tokenizer, 128, lambda features: scores(model, features, tokenizer.pad))
            line = {"system": name, "precision": args.precision, "steps": steps, "seconds": round(seconds, 1), "cpu_seconds": round(cpu, 1),
                    "sentences_per_second": round(seen / seconds, 1), "f1": round(score(data.test, guess, "ner")["f1"], 4)}  # fmt: skip
            print(json.dumps(line), flush=True)
            return seen / seconds

        goal = round(args.epochs * -(-len(data.train[0]) // args.batch))
        order = ["trainer", "nlpkit"] if number % 2 == 0 else ["nlpkit", "trainer"]
        speed = {}
        for name in order:
            if name == "trainer":
                model, seconds, cpu, steps = with_trainer(args, data, task, 128)
            else:
                session, seconds, cpu, steps = with_nlpkit(args, recipe, data, task, goal)
                model = session.model
            speed[name] = result(name, model, seconds, cpu, steps)
        print(json.dumps({"ratio": round(speed["nlpkit"] / speed["trainer"], 2)}), flush=True)


if __name__ == "__main__":
    main()
