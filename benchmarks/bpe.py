"""`nlpkit bpe` beside the library that it calls: learning and cutting the same lines, each in one run.

    python benchmarks/bpe.py train FILE... [--vocab-size 8000] [--setting KEY=VALUE]... [--json]
    python benchmarks/bpe.py encode TOKENIZER FILE... [--processes 2] [--json]

Files are tables with a header and a column `text` (and `lang`), or one text a line, packed or not. Seconds are CPU
seconds of one thread, but where several processes work: there, and beside it, the clock's. Contestants take turns in
processes of their own, --rounds times; the median counts. With --json the table goes to stderr and one JSON object to
stdout.

train: (a) `tokenizers` called directly, with nlpkit's normalizer and pre-tokenizer; (b) the same with its own
Metaspace, which cuts less; (c) nlpkit, from the files to the folder. All read the files line by line; reading,
counting, hashing and writing are in the seconds. `peak MiB` is the most memory that the process has held; ratios are
to (a). `same` says whether the merges are those of (a).

encode: a text in, a line of pieces out: (a) a loop of `encode_batch` over one line at a time; (b) one `encode_batch` of
4,096 lines at a time; (c) nlpkit in one process; (d) in --processes. Ratios are to (a); `same` is the share of lines
that are those of (a).
"""

from __future__ import annotations

import argparse
import hashlib
import json
import multiprocessing
import os
import platform
import resource
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

ONE_THREAD = {f"{name}_NUM_THREADS": "1" for name in ("OMP", "OPENBLAS", "MKL", "RAYON")}
LEARNERS = ("tokenizers", "tokenizers, Metaspace", "nlpkit")
CHUNK = 4096


def main() -> None:
    os.environ |= ONE_THREAD | {"TOKENIZERS_PARALLELISM": "false"}
    args = parse()
    found = {"about": about(args), **{"train": train, "encode": encode}[args.part](args)}
    if args.json:
        print(json.dumps(found))


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
    for part in (one, two):
        part.add_argument("--rounds", type=int, default=3)
        part.add_argument("--json", action="store_true")
    return parser.parse_args()


def about(args: argparse.Namespace) -> dict[str, Any]:
    """What was asked for, and by which versions and on which processor it was done."""
    from importlib.metadata import version

    lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines() if Path("/proc/cpuinfo").exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    versions = {name: version(name) for name in ("tokenizers", "sentencepiece")}
    return {**vars(args), **versions, "processor": names[0] if names else platform.processor(), "threads": 1}


def show(args: argparse.Namespace, title: str, head: Sequence[str], body: Sequence[Sequence[str]]) -> None:
    from nlpkit.cli.streams import table

    to = sys.stderr if args.json else sys.stdout
    print(f"\n{title}", *table(list(head), body), sep="\n", file=to, flush=True)


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
        at = number % len(names)
        for name in (*names[at:], *names[:at]):
            print(f"round {number + 1}, {name} ...", file=sys.stderr, flush=True)
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
            trainer = trainers.BpeTrainer(
                vocab_size=size, min_frequency=spec.least, show_progress=False,
                special_tokens=subwords.fixed(spec, []),
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

    def run(name: str) -> dict[str, Any]:
        count = args.processes if name == several else 1
        one = apart(cut, name.partition(",")[0] if count > 1 else name, args.tokenizer, args.files, count)
        return {**one, "seconds": one["cpu"], "clock": one["wall"]}

    found = rounds(args, names, run)
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


if __name__ == "__main__":
    main()
