"""`nlpkit bpe` beside the library that it calls: learning and cutting the same lines, each in one run.

    python benchmarks/bpe.py train FILE... [--vocab-size 8000] [--setting KEY=VALUE]... [--json]
    python benchmarks/bpe.py encode TOKENIZER FILE... [--processes 2] [--json]
    python benchmarks/bpe.py skew FILE VERSES [--vocab-size 8000] [--seeds 13 14 15] [--json]

Files are tables with a header and a column `text` (and `lang`), or one text a line, packed or not. Seconds are CPU
seconds of one thread, but where several processes work: there, and beside it, the clock's. Contestants take turns in
processes of their own, --rounds times; the median counts. With --json the table goes to stderr and one JSON object to
stdout.

train: (a) `tokenizers` called directly, with nlpkit's normalizer and pre-tokenizer; (b) the same with its own
Metaspace, which cuts less; (c) nlpkit, from the files to the folder. All read the files line by line; reading,
counting, hashing and writing are in the seconds. `peak MiB` is the most memory that the process has held; ratios are
to (a). `same` says whether the merges are those of (a), which with `</w>` (pre_tokenizer=whitespace) differ in each
run.

encode: a text in, a line of pieces out: (a) a loop of `encode_batch` over one line at a time; (b) one `encode_batch` of
4,096 lines at a time; (c) nlpkit in one process; (d) in --processes. Ratios are to (a); `same` is the share of lines
that are those of (a).

skew: what temperature and parity do for languages of unequal size. Of the languages of FILE, in an order drawn from the
seed, the one in place r gives 1/r of the bytes of the smallest, in whole lines from its beginning. Parity learns from
every other verse of VERSES (a table with `verse`, `lang`, `text`, the same in all languages); all are measured on the
others, with the figures of `nlpkit bpe stats --reference mean`, which are the mean over the seeds.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import multiprocessing
import resource
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from contest import run, show, told, turns

LEARNERS = ("tokenizers", "tokenizers, Metaspace", "nlpkit")
BALANCES = ("temperature=1", "temperature=2", "temperature=3", "temperature=5", "parity=window", "parity=base")
CHUNK = 4096


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parts = parser.add_subparsers(dest="part", required=True)
    one = parts.add_parser("train", help="learning beside tokenizers called directly")
    one.add_argument("files", nargs="+")
    one.add_argument("--vocab-size", type=int, default=8000)
    one.add_argument("--setting", action="append", default=[], metavar="KEY=VALUE", help="of nlpkit bpe train")
    two = parts.add_parser("encode", help="cutting beside encode_batch")
    two.add_argument("tokenizer")
    two.add_argument("files", nargs="+")
    two.add_argument("--processes", type=int, default=2)
    three = parts.add_parser("skew", help="languages of unequal size")
    three.add_argument("files", nargs=2, metavar="FILE")
    three.add_argument("--vocab-size", type=int, default=8000)
    three.add_argument("--setting", action="append", default=[], metavar="KEY=VALUE", help="of all of them")
    three.add_argument("--seeds", type=int, nargs="+", default=[13, 14, 15])
    for part in (one, two):
        part.add_argument("--rounds", type=int, default=3)
    for part in (one, two, three):
        part.add_argument("--json", action="store_true")
    return parser.parse_args()


def lines_of(files: Sequence[str]) -> Iterator[str]:
    """The texts, read in the plainest way."""
    import gzip

    for name in files:
        with gzip.open(name, "rt", encoding="utf-8") if name.endswith(".gz") else open(name, encoding="utf-8") as file:
            at = None
            for number, line in enumerate(file):
                if ".tsv" in name and number == 0:
                    at = line.rstrip("\n").split("\t").index("text")
                    continue
                yield line.rstrip("\n").split("\t")[at] if at is not None else line.rstrip("\n")


def spent() -> float:
    """CPU seconds of this process and its children that have ended."""
    return sum(sum(resource.getrusage(who)[:2]) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))


def apart(work: Callable[..., dict[str, Any]], *given: Any) -> dict[str, Any]:
    """What ``work`` gives in a process of its own."""
    context = multiprocessing.get_context("spawn")
    mine, theirs = context.Pipe()
    process = context.Process(target=_send, args=(theirs, work, *given))
    process.start()
    theirs.close()
    found: dict[str, Any] = mine.recv()
    process.join()
    return found


def _send(pipe: Any, work: Callable[..., dict[str, Any]], *given: Any) -> None:
    began, clock = spent(), time.monotonic()
    found = work(*given)
    facts = {"seconds": spent() - began, "clock": time.monotonic() - clock}
    facts["peak_mib"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    pipe.send(facts | found)


def rounds(args: argparse.Namespace, names: Sequence[str], run: Callable[[str], dict[str, Any]]) -> dict[str, Any]:
    """What each contestant did, with the median of its seconds."""
    every: dict[str, list[dict[str, Any]]] = {name: [] for name in names}
    for number in range(args.rounds):
        for name in turns(names, number):
            told(f"round {number + 1}, {name} ...")
            every[name].append(run(name))
    median = {
        name: {key: statistics.median(one[key] for one in found) for key in ("seconds", "clock", "peak_mib")}
        for name, found in every.items()
    }
    return {name: {**every[name][-1], **median[name]} for name in names}


# -- train


def learn(name: str, files: Sequence[str], size: int, settings: Sequence[str]) -> dict[str, Any]:
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, trainers

    from nlpkit.config.subwords import parse
    from nlpkit.engine import subwords

    spec = parse([f"vocab_size={size}", *settings])
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "pieces"
        if name == "nlpkit":
            from nlpkit.jobs import bpe

            bpe.train([bpe.source(path, None, {}) for path in files], spec, out)
        else:
            raw = subwords.cutter(spec)
            if name != "tokenizers":
                raw = Tokenizer(models.BPE(unk_token="<unk>"))
                raw.normalizer, raw.pre_tokenizer = normalizers.NFC(), pre_tokenizers.Metaspace()
            signs = pre_tokenizers.ByteLevel.alphabet() if spec.cut == "byte-level" else []
            suffix = {"end_of_word_suffix": subwords.SUFFIX} if spec.cut == "whitespace" else {}
            trainer = trainers.BpeTrainer(
                vocab_size=size, min_frequency=spec.least, show_progress=False,
                special_tokens=subwords.fixed(spec, []), initial_alphabet=signs, **suffix,
            )  # fmt: skip
            raw.train_from_iterator(lines_of(files), trainer)
            out.mkdir()
            raw.save(str(out / "tokenizer.json"))
        model = json.loads((out / "tokenizer.json").read_text(encoding="utf-8"))["model"]
    digest = hashlib.sha256(json.dumps(model.get("merges")).encode()).hexdigest()
    return {"pieces": len(model["vocab"]), "merges": digest}


def train(args: argparse.Namespace) -> dict[str, Any]:
    found = rounds(args, LEARNERS, lambda name: apart(learn, name, args.files, args.vocab_size, args.setting))
    base = found[LEARNERS[0]]
    body = []
    for name, one in found.items():
        one["ratio"], one["memory"] = one["seconds"] / base["seconds"], one["peak_mib"] / base["peak_mib"]
        same = "yes" if one["merges"] == base["merges"] else "no"
        body.append(
            [
                name, f"{one['seconds']:.1f}", f"{one['ratio']:.2f}", f"{one['peak_mib']:.0f}", f"{one['memory']:.2f}",
                str(one["pieces"]), same,
            ]
        )  # fmt: skip
    head = ["learned by", "seconds", "ratio", "peak MiB", "ratio ", "pieces", "same"]
    show(args, f"{args.vocab_size} pieces from {', '.join(args.files)}", head, body)
    return {"systems": found}


# -- encode


def cut(name: str, tokenizer: str, files: Sequence[str], processes: int) -> dict[str, Any]:
    from nlpkit.engine.subword_coding import load
    from nlpkit.jobs.bpe_coding import Asked, Encoder

    texts = list(lines_of(files))
    raw = load(tokenizer)
    began, clock = spent(), time.monotonic()
    if name == "nlpkit":
        lines = list(Encoder(Asked(tokenizer), processes=processes)(iter(texts)))
    else:
        size = 1 if name == "encode_batch, line by line" else CHUNK
        parts = (texts[at : at + size] for at in range(0, len(texts), size))
        every = (raw.encode_batch(part, add_special_tokens=False) for part in parts)
        lines = [" ".join(encoded.tokens) for found in every for encoded in found]
    facts = {"cpu": spent() - began, "wall": time.monotonic() - clock}
    return {**facts, "lines": len(lines), "bytes": sum(len(text.encode()) for text in texts), "texts": lines}


def encode(args: argparse.Namespace) -> dict[str, Any]:
    several = f"nlpkit, {args.processes} processes"
    names = ["encode_batch, line by line", "encode_batch, 4096 lines", "nlpkit", several]

    def work(name: str) -> dict[str, Any]:
        count = args.processes if name == several else 1
        found = apart(cut, name.partition(",")[0] if count > 1 else name, args.tokenizer, args.files, count)
        return {**found, "seconds": found["cpu"], "clock": found["wall"]}

    found = rounds(args, names, work)
    base = found[names[0]]
    first = base["texts"]
    body = []
    for name, one in found.items():
        lines = one.pop("texts")
        one["same"] = sum(a == b for a, b in zip(lines, first, strict=True)) / len(first)
        one["ratio"], one["ratio_clock"] = base["seconds"] / one["seconds"], base["clock"] / one["clock"]
        body.append(
            [
                name, f"{one['seconds']:.2f}", f"{one['ratio']:.1f}", f"{one['clock']:.2f}",
                f"{one['ratio_clock']:.1f}", f"{one['bytes'] / 1e6 / one['seconds']:.1f}", f"{one['same']:.4f}",
            ]
        )  # fmt: skip
    head = ["cut by", "CPU s", "x", "clock s", "x ", "MB/CPU s", "same"]
    show(args, f"{len(first)} lines by {args.tokenizer}", head, body)
    return {"systems": found}


# -- skew


def balanced(settings: str, files: dict[str, str], size: int, more: Sequence[str]) -> dict[str, float]:
    """Figures of all languages together, by a vocabulary learned with these settings."""
    from nlpkit.config.subwords import parse
    from nlpkit.jobs import bpe, bpe_stats
    from nlpkit.metrics.subwords import MEAN, Parallel

    keys = settings.split()
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "pieces"
        dev = [bpe.source(files["dev"], None, {})] if "parity" in settings else []
        bpe.train([bpe.source(files["train"], None, {})], parse([f"vocab_size={size}", *keys, *more]), out, dev=dev)
        tokenizer, parallel = bpe_stats.tokenizer(str(out)), Parallel()
        bpe_stats.count([bpe.source(files["test"], None, {"id": "verse"})], [tokenizer], parallel)
        (found,) = bpe_stats.results([tokenizer], parallel, MEAN)["tokenizers"]
    parity = {lang: row["parity"] for lang, row in found["languages"].items()}
    order = Path(files["order"]).read_text(encoding="utf-8").split()
    return {
        "pieces": found["all"]["pieces"], "fertility": found["all"]["fertility"], "gini": found["gini"],
        "worst": max(parity.values()), "largest": statistics.fmean(parity[lang] for lang in order[:5]),
        "smallest": statistics.fmean(parity[lang] for lang in order[-15:]),
    }  # fmt: skip


def skewed(corpus: str, verses: str, seed: int, folder: Path) -> dict[str, str]:
    """The files of a seed: ``train``, ``dev``, ``test``, and ``order``, the languages from the largest on."""
    import random
    from collections import defaultdict

    rows = defaultdict(list)
    for line in table_of(corpus):
        rows[line["lang"]].append(line["text"])
    least = min(sum(len(text.encode()) for text in texts) for texts in rows.values())
    order = random.Random(seed).sample(sorted(rows), len(rows))
    found = []
    for place, lang in enumerate(order, 1):
        left = least / place
        for text in rows[lang]:
            left -= len(text.encode())
            if left < 0:
                break
            found.append(f"{lang}\t{text}")
    halves: tuple[list[str], list[str]] = ([], [])
    known: dict[str, int] = {}
    for line in table_of(verses):
        at = known.setdefault(line["verse"], len(known))
        halves[at % 2].append(f"{line['verse']}\t{line['lang']}\t{line['text']}")
    wanted = {"train": ["lang\ttext", *found], "order": order}
    wanted |= {name: ["verse\tlang\ttext", *half] for name, half in zip(("dev", "test"), halves, strict=True)}
    for name, lines in wanted.items():
        (folder / f"{name}.tsv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return {name: str(folder / f"{name}.tsv") for name in wanted}


def table_of(path: str) -> Iterator[dict[str, str]]:
    import gzip

    with gzip.open(path, "rt", encoding="utf-8") as file:
        head = next(file).rstrip("\n").split("\t")
        for line in file:
            yield dict(zip(head, line.rstrip("\n").split("\t"), strict=True))


def skew(args: argparse.Namespace) -> dict[str, Any]:
    every: dict[str, list[dict[str, float]]] = {name: [] for name in BALANCES}
    for seed in args.seeds:
        with tempfile.TemporaryDirectory() as folder:
            files = skewed(*args.files, seed, Path(folder))
            size = Path(files["train"]).stat().st_size
            told(f"seed {seed}: {size / 1e6:.2f} MB")
            for name, found in every.items():
                found.append(balanced(name, files, args.vocab_size, args.setting))
    means = {
        name: {key: statistics.fmean(one[key] for one in found) for key in found[0]} for name, found in every.items()
    }
    base = means[BALANCES[0]]
    body = []
    for name, one in means.items():
        one["more"] = 100 * (one["pieces"] / base["pieces"] - 1)
        figures = [f"{one[key]:.3f}" for key in ("gini", "worst", "largest", "smallest")]
        body.append([name, f"{one['pieces']:,.0f}", f"{one['more']:+.1f}", f"{one['fertility']:.3f}", *figures])
    head = ["settings", "pieces", "% more", "fertility", "Gini", "worst", "5 largest", "15 smallest"]
    show(args, f"{args.vocab_size} pieces, seeds {args.seeds}", head, body)
    return {"systems": means, "seeds": every}


if __name__ == "__main__":
    run(parse, {"train": train, "encode": encode, "skew": skew}, ("tokenizers", "sentencepiece"))
