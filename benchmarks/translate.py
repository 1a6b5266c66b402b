"""Translation: nlpkit's loop beside a plain one, and its searches beside transformers' `generate`, each in one run.

    python benchmarks/translate.py train --data-dir DIR [--updates 300] [--rows 64] [--json]
    python benchmarks/translate.py decode MODEL --data-dir DIR [--file FILE] [--beams 1 4] [--json]

Seconds are CPU seconds of one thread and of this work alone; reading rows, loading models and a warm-up stand before
them. Contestants take turns, so that what else the machine does slows all of them. BLEU is nlpkit's, on the dev rows
of --recipe. With --json the table goes to stderr and one JSON object to stdout.

train: the recipe's Transformer from the recipe's seed, learned by nlpkit's loop (plan, begin and fit of a Session, as
`nlpkit train` has them, with the batches of the recipe, in bf16 and in fp32) and by a plain loop: --rows pairs a batch
in the order of the file, padded to the longest, torch's default AdamW, the mean cross-entropy, in fp32 and with bf16
autocast. The rest is alike: learning rate with warm-up and schedule, weight decay (of the plain loop on all weights),
label smoothing, clipping. Each does --updates updates, --block of them at a turn, in a process of its own. `filled` is
the share of the places of all batches, sources and targets, that hold a piece. The dev rows are answered greedily:
`BLEU` is that of the weights that the loop keeps, with nlpkit the averaged ones; `BLEU last` that of the weights of the
last update, `loss last` their cross-entropy in nats a piece of the dev targets, which chance moves less than BLEU.
Batches differ in size: mind `rows` and `tokens` (pieces of targets, the end among them) beside BLEU.
`peak MiB` is the most memory that the process of a loop has held, rows and libraries in it.

decode: a model that `nlpkit train` left answers the dev rows, or those of --file, from texts to texts: (a) a plain loop
of `generate` over batches of B rows in the order of the file; (b) nlpkit's Predictor by torch; (c) by CTranslate2, fp32
and int8. All may write --most pieces and have the length penalty of the model; the pieces they wrote are counted by
cutting the answers, and one more for each end. The median of --rounds passes counts; ratios are to the best B of (a).
`same` is the share of answers that are those of that B; of texts longer than those learned nlpkit answers the parts.
"""

from __future__ import annotations

import argparse
import multiprocessing
import resource
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from contest import run, show, told, turns

RECIPE = "translate/hinglish_top"
LEARNERS = ("plain fp32", "plain bf16", "nlpkit fp32", "nlpkit bf16")
ENGINES = {"nlpkit torch": ("torch", "fp32"), "nlpkit ct2 fp32": ("ct2", "fp32"), "nlpkit ct2 int8": ("ct2", "int8")}
WARM_UPDATES, WARM_ROWS = 3, 64


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parts = parser.add_subparsers(dest="part", required=True)
    one = parts.add_parser("train", help="updates beside a plain loop")
    one.add_argument("--updates", type=int, default=300)
    one.add_argument("--rows", type=int, default=64, help="pairs a batch of the plain loop")
    one.add_argument("--block", type=int, default=10, help="updates at a turn")
    one.add_argument("--only", choices=LEARNERS, nargs="+", default=LEARNERS)
    two = parts.add_parser("decode", help="answers beside transformers' generate")
    two.add_argument("model", type=Path)
    two.add_argument("--file", help="rows to answer, instead of the recipe's dev rows")
    two.add_argument("--limit", type=int, help="of them")
    two.add_argument("--beams", type=int, nargs="+", default=[1, 4])
    two.add_argument("--rows", type=int, nargs="+", default=[1, 8, 32, 64], help="values of B")
    two.add_argument("--most", type=int, default=100, help="pieces of an answer")
    two.add_argument("--rounds", type=int, default=3)
    for part in (one, two):
        part.add_argument("--recipe", default=RECIPE)
        part.add_argument("--data-dir", type=Path, required=True)
        part.add_argument("--json", action="store_true")
    return parser.parse_args()


# -- what the parts share


def bleu(task: Any, gold: Sequence[Any], guess: Sequence[Any]) -> float | None:
    """BLEU in percent; None where the rows have no targets."""
    from nlpkit.metrics import translation

    if not all(row.target for row in gold):
        return None
    return translation.value(task.counts(gold, guess), translation.bleu_of)


def rounded(value: float | None, digits: int) -> str:
    return "-" if value is None else f"{value:,.{digits}f}"


# -- train


class Base:
    """What both loops begin with: the recipe, its rows as features, the model, the stage with --updates steps."""

    def __init__(self, args: argparse.Namespace, precision: str) -> None:
        from nlpkit.engine.session import Session
        from nlpkit.jobs.prepare import load_data, load_recipe, ready

        self.recipe = load_recipe(args.recipe, [f"precision={precision}"])
        self.data = load_data(self.recipe, args.data_dir, lambda text: None)
        self.task = ready(self.recipe, self.data, lambda text: None)
        self.session = Session(self.recipe)
        rows = self.data.train[0]
        texts = [*(self.task.source(row.text) for row in rows), *(self.task.target(row.target or "") for row in rows)]
        self.session.build_pairs(
            self.task.labels, texts, lambda text: None, symbols=self.task.symbols, names=self.task.options.codes
        )
        self.features = self.task.encode(rows, self.session.tokenizer, self.session.max_length, learn=True)
        self.stage = self.recipe.stages[0].model_copy(update={"epochs": None, "steps": args.updates})

    def score(self, run: Callable[[list[Any]], list[Any]]) -> float | None:
        """BLEU of the dev rows as ``run`` answers them."""
        from nlpkit.jobs.predict import fill

        guess = fill(self.task, self.data.dev, self.session.tokenizer, self.session.max_length, run)
        return bleu(self.task, self.data.dev, guess)

    def score_of(self, model: Any) -> float | None:
        """That of a model's weights as they are, greedily."""
        from nlpkit.config.decoding import Decoding
        from nlpkit.engine import generate

        def run(features: list[Any]) -> list[Any]:
            return generate.outputs(
                [model], features, self.session.tokenizer, Decoding(beam=1), longest=self.session.max_length,
                batch_tokens=generate.TOKENS,
            )  # fmt: skip

        return self.score(run)

    def loss_of(self, model: Any) -> float:
        """Mean cross-entropy, in nats, of the pieces of the dev rows' targets."""
        from nlpkit.engine.hypotheses import chances

        pieces = self.session.tokenizer
        features = self.task.encode(self.data.dev, pieces, self.session.max_length, learn=True)
        pairs = [([found.ids], [found.labels]) for found in features]
        every = [chance for pair in pairs for row in chances(model, *pair, pieces.pad) for chance in row]
        return -statistics.fmean(every)


class Ours(Base):
    """nlpkit's loop, as ``jobs.train`` runs it."""

    def __init__(self, args: argparse.Namespace, precision: str) -> None:
        super().__init__(args, precision)
        began, seed = time.process_time(), self.recipe.seed
        steps, _ = self.session.plan(self.features, self.stage, seed, self.data.sources[0])
        self.session.begin(self.stage)
        self.running = self.session.fit(self.features, steps, 0, self.stage, seed, told)
        self.before = time.process_time() - began
        self.batches = [[row for batch in step for row in batch] for step in steps]

    def update(self, number: int) -> None:
        next(self.running)

    def scores(self) -> dict[str, float | None]:
        kept = self.score(partial(self.session.scores, poll=lambda: None))
        model = self.session.model
        return {"bleu": kept, "bleu_last": self.score_of(model), "loss_last": self.loss_of(model)}


class Plain(Base):
    """A loop as one writes it in an afternoon, over the same model of transformers."""

    before = 0.0

    def __init__(self, args: argparse.Namespace, precision: str) -> None:
        import torch

        super().__init__(args, precision)
        mine = self.session.model.hf
        self.model = type(mine)(mine.config)  # without the hook that nlpkit puts on the embeddings
        self.model.load_state_dict(mine.state_dict())
        torch.manual_seed(self.recipe.seed)
        self.autocast = precision == "bf16"
        decay, rate = self.stage.weight_decay, self.stage.lr
        self.optimizer = torch.optim.AdamW(self.model.parameters(), lr=rate, weight_decay=decay)
        self.batches = list(in_file_order(len(self.features), args.rows, args.updates))

    def lower(self) -> AbstractContextManager[Any]:
        import torch

        return torch.autocast("cpu", dtype=torch.bfloat16) if self.autocast else nullcontext()

    def update(self, number: int) -> None:
        import torch

        from nlpkit.engine.loop import rate

        self.model.train()
        stage, pad = self.stage, self.session.tokenizer.pad
        part = [self.features[at] for at in self.batches[number]]
        ids = filled_up([found.ids for found in part], pad)
        told_ids = filled_up([found.labels[:-1] for found in part], pad)
        labels = filled_up([found.labels[1:] for found in part], -100)
        for group in self.optimizer.param_groups:
            group["lr"] = stage.lr * rate(number, len(self.batches), stage.warmup, stage.schedule)
        with self.lower():
            logits = self.model(input_ids=ids, attention_mask=ids != pad, decoder_input_ids=told_ids).logits
        loss = torch.nn.functional.cross_entropy(
            logits.float().flatten(0, 1), labels.flatten(), label_smoothing=stage.label_smoothing
        )
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), stage.clip)
        self.optimizer.step()
        self.optimizer.zero_grad()
        loss.item()

    def scores(self) -> dict[str, float | None]:
        from nlpkit.engine.seq2seq import Stock

        model = Stock(self.model)
        found = self.score_of(model)
        return {"bleu": found, "bleu_last": found, "loss_last": self.loss_of(model)}


def in_file_order(count: int, size: int, updates: int) -> Iterator[list[int]]:
    """The rows of so many batches, from the first row again after the last."""
    starts = range(0, count, size)
    for number in range(updates):
        start = starts[number % len(starts)]
        yield list(range(start, min(start + size, count)))


def filled_up(rows: Sequence[Sequence[int]], fill: int) -> Any:
    """(rows, longest)."""
    import torch

    longest = max(map(len, rows))
    return torch.tensor([[*row, *[fill] * (longest - len(row))] for row in rows])


def sizes(learner: Any, batches: Sequence[Sequence[int]]) -> dict[str, Any]:
    """Rows and pieces of targets in the batches, and how much of them is no padding."""
    pieces = places = tokens = 0
    for batch in batches:
        part = [learner.features[at] for at in batch]
        sources, targets = [len(found.ids) for found in part], [len(found.labels) - 1 for found in part]
        tokens += sum(targets)
        pieces += sum(sources) + sum(targets)
        places += len(part) * (max(sources) + max(targets))
    return {"rows": sum(map(len, batches)), "tokens": tokens, "filled": pieces / places}


def learn(name: str, args: argparse.Namespace, pipe: Any) -> None:
    """A process that does as many updates as it is told, answers with its CPU seconds, and at last with its scores."""
    import torch

    torch.set_num_threads(1)
    family, precision = name.split()
    kind = {"plain": Plain, "nlpkit": Ours}[family]
    warm = kind(args, precision)
    for number in range(min(WARM_UPDATES, args.updates)):
        warm.update(number)
    del warm
    learner = kind(args, precision)
    done, spent = 0, learner.before
    pipe.send(None)
    while count := pipe.recv():
        began = time.process_time()
        for number in range(done, done + count):
            learner.update(number)
        spent, done = spent + time.process_time() - began, done + count
        pipe.send(None)
    model = getattr(learner, "model", learner.session.model)
    facts = {"weights": sum(weight.numel() for weight in model.parameters()), "dev_rows": len(learner.data.dev)}
    facts["peak_mib"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024  # before the dev rows are answered
    pipe.send({"seconds": spent, **sizes(learner, learner.batches), **facts, **learner.scores()})


def raced(args: argparse.Namespace) -> dict[str, dict[str, Any]]:
    """What each contestant says in the end; only one of them works at a time."""
    context = multiprocessing.get_context("spawn")
    pipes, processes = {}, []
    for name in args.only:
        told(f"{name}: warm-up ...")
        pipes[name], theirs = context.Pipe()
        processes.append(context.Process(target=learn, args=(name, args, theirs), daemon=True))
        processes[-1].start()
        theirs.close()
        pipes[name].recv()
    for number, start in enumerate(range(0, args.updates, args.block)):
        count = min(args.block, args.updates - start)
        for name in turns(args.only, number):
            pipes[name].send(count)
            pipes[name].recv()
        if number % 5 == 4:
            told(f"{start + count} updates")
    found = {}
    for name in args.only:
        pipes[name].send(0)
        found[name] = pipes[name].recv()
    for process in processes:
        process.join()
    return found


def train(args: argparse.Namespace) -> dict[str, Any]:
    found = raced(args)
    base = found.get("plain fp32")
    for one in found.values():
        one["speed"] = one["tokens"] / one["seconds"]
        one["ratio"] = one["speed"] / (base["tokens"] / base["seconds"]) if base else None
    body = [
        [
            name, rounded(one["speed"], 0), rounded(one["ratio"], 2), f"{one['filled']:.2f}", f"{one['seconds']:.1f}",
            str(one["rows"]), str(one["tokens"]), rounded(one["bleu"], 2), rounded(one["bleu_last"], 2),
            f"{one['loss_last']:.3f}", f"{one['peak_mib']:.0f}",
        ]
        for name, one in found.items()
    ]  # fmt: skip
    head = ["loop", "tokens/s", "ratio", "filled", "seconds", "rows", "tokens"]
    head += ["BLEU", "BLEU last", "loss last", "peak MiB"]
    show(args, f"{args.recipe}, {args.updates} updates; tokens of targets per CPU second", head, body)
    return {"systems": found}


# -- decode


class Decoder:
    """The contestants over one model; each answers rows from texts to texts."""

    def __init__(self, args: argparse.Namespace) -> None:
        from transformers import AutoModelForSeq2SeqLM
        from transformers.utils.logging import disable_progress_bar, set_verbosity_error

        from nlpkit.engine import bundle
        from nlpkit.jobs.predict import Predictor

        disable_progress_bar()
        set_verbosity_error()
        self.ours = {
            name: Predictor(str(args.model), device="cpu", engine=engine, precision=precision, say=told)
            for name, (engine, precision) in ENGINES.items()
        }
        first = self.ours["nlpkit torch"]
        self.task, self.usual, self.longest = first.task, first.decoding, int(first.info["max_length"])
        self.pieces = bundle.load(str(args.model), "cpu").tokenizer
        self.most = min(args.most, self.longest - 1)
        self.model = AutoModelForSeq2SeqLM.from_pretrained(args.model).float().eval()

    def by_generate(self, rows: Sequence[Any], beam: int, size: int) -> list[Any]:
        """A plain loop over batches of ``size`` rows as they come."""
        answers: list[str] = []
        for start in range(0, len(rows), size):
            part = rows[start : start + size]
            sources = self.pieces.sources(
                [self.task.source(row.text) for row in part], [self.task.prefix(row) for row in part],
                [row.lang for row in part],
            )  # fmt: skip
            ids = filled_up([source[: self.longest] for source in sources], self.pieces.pad)
            found = self.model.generate(
                ids, attention_mask=(ids != self.pieces.pad).long(), num_beams=beam, do_sample=False,
                max_new_tokens=self.most, length_penalty=self.usual.length_penalty,
            )  # fmt: skip
            answers += [self.pieces.said(row) for row in found.tolist()]
        return [replace(row, target=self.task.answer(text)) for row, text in zip(rows, answers, strict=True)]

    def by_nlpkit(self, rows: Sequence[Any], beam: int, name: str) -> list[Any]:
        predictor = self.ours[name]
        predictor.decoding = self.usual.model_copy(update={"beam": beam, "nbest": 1, "max_length": self.most})
        return list(predictor(rows))

    def contestants(self, counts: Sequence[int]) -> dict[str, Callable[[Sequence[Any], int], list[Any]]]:
        plain = {f"generate, B={size}": partial(self.by_generate, size=size) for size in counts}
        return {**plain, **{name: partial(self.by_nlpkit, name=name) for name in ENGINES}}

    def written(self, rows: Sequence[Any]) -> int:
        """The pieces of the answers, with their ends."""
        return sum(len(ids) + 1 for ids in self.pieces.bare([row.target or "" for row in rows]))


def rows_of(args: argparse.Namespace) -> list[Any]:
    from nlpkit.data import load
    from nlpkit.jobs.predict import read_inputs
    from nlpkit.jobs.prepare import load_recipe

    if args.file:
        found = list(read_inputs([args.file], None, {}, "", kind="pairs"))
    else:
        sources = load_recipe(args.recipe).evaluate.dev
        found = [row for source in sources for row in load.rows(source, args.data_dir, kind="pairs").rows]
    return found[: args.limit]


def with_beam(decoder: Decoder, gold: Sequence[Any], beam: int, args: argparse.Namespace) -> dict[str, dict[str, Any]]:
    """Seconds of each pass of each contestant, and what it answers."""
    every = decoder.contestants(args.rows)
    for name, answer in every.items():
        told(f"beam {beam}, {name}: warm-up ...")
        answer(gold[:WARM_ROWS], beam)
    seconds: dict[str, list[float]] = {name: [] for name in every}
    guess: dict[str, list[Any]] = {}
    for number in range(args.rounds):
        told(f"beam {beam}, round {number + 1} ...")
        for name in turns([*every], number):
            began = time.process_time()
            guess[name] = every[name](gold, beam)
            seconds[name].append(time.process_time() - began)
    found = {}
    for name in every:
        spent, tokens = statistics.median(seconds[name]), decoder.written(guess[name])
        score = bleu(decoder.task, gold, guess[name])
        speeds = {"lines": len(gold) / spent, "tokens": tokens / spent}
        found[name] = {**speeds, "written": tokens, "bleu": score, "seconds": seconds[name]}
    best = max((name for name in found if name.startswith("generate")), key=lambda name: found[name]["lines"])
    for name, one in found.items():
        one["best"] = name == best
        one["ratio_lines"] = one["lines"] / found[best]["lines"]
        one["ratio_tokens"] = one["tokens"] / found[best]["tokens"]
        same = [a.target == b.target for a, b in zip(guess[name], guess[best], strict=True)]
        one["same"] = sum(same) / len(same)
    return found


def decode(args: argparse.Namespace) -> dict[str, Any]:
    import torch

    torch.set_num_threads(1)
    gold, decoder = rows_of(args), Decoder(args)
    found = {}
    for beam in args.beams:
        found[str(beam)] = one = with_beam(decoder, gold, beam, args)
        body = [
            [
                name + (" *" if row["best"] else ""), rounded(row["lines"], 1), rounded(row["tokens"], 0),
                f"{row['ratio_lines']:.2f}", f"{row['ratio_tokens']:.2f}", str(row["written"]),
                rounded(row["bleu"], 2), f"{row['same']:.3f}",
            ]
            for name, row in one.items()
        ]  # fmt: skip
        head = ["system", "lines/s", "tokens/s", "x lines", "x tokens", "written", "BLEU", "same"]
        show(args, f"{args.model}, beam {beam}, {len(gold)} rows; per CPU second", head, body)
    return {"rows": len(gold), "beams": found}


if __name__ == "__main__":
    run(parse, {"train": train, "decode": decode}, ("torch", "transformers", "ctranslate2", "tokenizers"))
