"""Text classification: nlpkit beside scikit-learn and beside the Hugging Face Trainer, each pair in one run.

    python benchmarks/classify.py peers --data-dir DIR [SET ...]
    python benchmarks/classify.py speed --data-dir DIR [--texts 100000] [--peer-peak]
    python benchmarks/classify.py trainer --data-dir DIR --model ENCODER [--card SET] [--seeds 13 14 15]

All read their rows with nlpkit's loader, learn from the train split on one thread, and nothing is tuned. Scores are
percentages on the test split by nlpkit.metrics. Seconds are CPU seconds, of one thread and of this process alone.

peers: the recipe classify/SET as it ships (family ngrams) beside scikit-learn's LogisticRegression and LinearSVC, with
class_weight None and "balanced" (named `bal`), over a FeatureUnion of TfidfVectorizers of words 1-2 and char_wb 2-5
with sublinear_tf=True; all else is scikit-learn's default, with OneVsRestClassifier where a text has any number of
labels. The score is macro F1, of sst2_en accuracy. `best` is the peer that is best on the test split itself, which
nobody can know beforehand. The seconds of a peer are those of TF-IDF and its classifier; of nlpkit those of `learn`,
from rows to the model, in which it trains five models (four to calibrate on parts held out), and those of the whole
`run` with reading, scores, intervals, pictures and files.

speed: --texts different short texts with three labels: the train splits of afrisenti_* and sentimix_hinglish that are
in DIR, then texts made of them: of two texts with the same set and label, drawn with a seed, each word of the first is
replaced by the one at the same place of the second, or not, by the toss of a coin. So all words are real, and the
labels can be learned. Training and peak memory (resource.getrusage) of nlpkit and of scikit-learn's LogisticRegression
as above, each alone in a process, both from the same file. Then texts per CPU second on the test splits of the same
sets, with what training left, the best of --rounds: (a) the scores of nlpkit's model alone, (b) nlpkit's Predictor from
rows to rows with calibrated probabilities, (c) the peer's predict. Then peak memory and the vocabulary, on half of the
texts: as they are; with the same four letters behind every word; with four random letters behind every word. The last
two are equally long, but with random letters a text also holds more different n-grams, so `bytes` tells the memory that
learning takes for each n-gram counted. --peer-peak trains the peer on them too, which takes long.

trainer: fine-tuning with the stock head (pooling=cls) for --epochs at the same learning rate, linear schedule, warm-up
0.1, weight decay 0.01 (none on biases and norms), gradient norm 1, at most 128 sub-words, without class weights, dev
scored after each epoch and the best epoch by macro F1 taken. The Trainer has batches of --batch texts, padded to the
longest. nlpkit batches by padded sub-words, texts of like length together: it gets the number of sub-words with which
both do the same number of steps. The seconds of `train` are those of the steps with the scoring of dev and saving
between them (nlpkit's last checkpoint is written after them); those of `all` also hold reading, tokenizing, loading,
and scoring the test split, and with nlpkit dev once more, calibration, intervals, pictures and files.
"""

from __future__ import annotations

import argparse
import importlib
import json
import logging
import os
import random
import resource
import statistics
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

SETS = (
    "tweeteval_irony", "tweeteval_offensive", "sentimix_hinglish", "afrisenti_swa", "afrisenti_hau", "sst2_en",
    "isarcasm_en", "xed_en", "tweeteval_emotion",
)  # fmt: skip
SENTIMENT = (*(f"afrisenti_{lang}" for lang in ("amh", "ary", "hau", "pcm", "swa", "yor")), "sentimix_hinglish")
PEERS = ("LogReg", "LogReg bal", "SVC", "SVC bal")
ONE_THREAD = {f"{name}_NUM_THREADS": "1" for name in ("OMP", "OPENBLAS", "MKL", "NUMBA", "RAYON")}
SEED, SUFFIX = 1, 4
OURS = ("nlpkit.jobs.train", "nlpkit.engine.ngram_training", "matplotlib.pyplot")  # slow to import
LETTERS = "abcdefghijklmnopqrstuvwxyz"


def main() -> None:
    os.environ |= ONE_THREAD | {"TOKENIZERS_PARALLELISM": "false"}  # before numpy and torch are imported
    if sys.argv[1:2] == ["alone"]:
        name, facts = sys.argv[2:]
        print(json.dumps(ALONE[name](**json.loads(facts))))
        return
    args = parse()
    {"peers": peers, "speed": speed, "trainer": trainer}[args.part](args)


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parts = parser.add_subparsers(dest="part", required=True)
    one = parts.add_parser("peers", help="test scores beside scikit-learn")
    one.add_argument("sets", nargs="*", default=SETS, help="names of recipes under classify/")
    two = parts.add_parser("speed", help="time and memory beside scikit-learn")
    two.add_argument("--texts", type=int, default=100_000)
    two.add_argument("--rounds", type=int, default=3, help="of prediction")
    two.add_argument("--peer-peak", action="store_true", help="the peer's memory by vocabulary too")
    three = parts.add_parser("trainer", help="fine-tuning beside the Hugging Face Trainer")
    three.add_argument("--model", type=Path, required=True, help="folder of an encoder")
    three.add_argument("--card", default="tweeteval_emotion")
    three.add_argument("--seeds", type=int, nargs="+", default=[13, 14, 15])
    three.add_argument("--epochs", type=float, default=2)
    three.add_argument("--lr", type=float, default=2e-4)
    three.add_argument("--batch", type=int, default=16, help="texts a batch for the Trainer")
    three.add_argument("--limit", type=int, help="training texts")
    for part in (one, two, three):
        part.add_argument("--data-dir", type=Path, required=True)
    return parser.parse_args()


# -- what the parts share


def alone(name: str, **facts: Any) -> dict[str, Any]:
    """What a function of ``ALONE`` returns in a process of its own."""
    told(f"{name} ...")
    command = [sys.executable, __file__, "alone", name, json.dumps(facts)]
    done = subprocess.run(command, stdout=subprocess.PIPE, encoding="utf-8", check=True)
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def told(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def peak() -> float:
    """The most MiB that this process has held."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def quiet(*more: str) -> None:
    """Import what is slow to import before a clock runs, and let nobody talk."""
    for name in ("sklearn.pipeline", "sklearn.linear_model", *more):
        importlib.import_module(name)
    warnings.simplefilter("ignore")
    for name in ("transformers", "accelerate"):
        logging.getLogger(name).setLevel(logging.ERROR)


def rows_of(source: Any, data_dir: Path | None, *, multi_label: bool = False) -> list[Any]:
    """The rows of a source as nlpkit's classifier learns them."""
    from nlpkit.data import load
    from nlpkit.tasks.classify import Classify

    options = Classify.Options(multi_label=multi_label)
    found = load.rows(source, data_dir, kind="texts").rows
    return [Classify.prepare(row, options, "auto", False) for row in found]


def tfidf() -> Any:
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.pipeline import FeatureUnion

    words = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True)
    chars = TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 5), sublinear_tf=True)
    return FeatureUnion([("words", words), ("chars", chars)])


def classifier(name: str, *, multi_label: bool = False) -> Any:
    from sklearn.linear_model import LogisticRegression
    from sklearn.multiclass import OneVsRestClassifier
    from sklearn.svm import LinearSVC

    kind = LogisticRegression if name.startswith("LogReg") else LinearSVC
    found = kind(class_weight="balanced" if name.endswith("bal") else None)
    return OneVsRestClassifier(found) if multi_label else found


class Watch:
    """CPU seconds and peak memory at the moments of a training run: its callbacks are those of nlpkit."""

    def __init__(self) -> None:
        self.began = time.process_time()
        self.at: dict[str, float] = {}
        self.peaks: dict[str, float] = {}
        self.counted = ""

    def mark(self, name: str) -> None:
        self.at[name] = time.process_time() - self.began
        self.peaks[name] = peak()

    def change(self, data: Any) -> Any:
        self.mark("read")
        return data

    def say(self, text: str) -> None:
        if text.endswith("n-grams counted"):
            self.counted = text.split(", ", 1)[1].removesuffix(" n-grams counted").replace(",", "")
            self.mark("counted")
        elif text.startswith("stage "):
            self.mark("stage")
        elif text.startswith("step "):
            self.mark("step")

    def tick(self, done: int, total: int, text: str) -> None:
        self.mark("learned" if done == total else "held out" if text == "all texts" else "at work")

    def between(self, first: str, last: str) -> float:
        return self.at[last] - self.at[first]


def train(recipe: Any, out: Path, data_dir: Path | None = None) -> tuple[Path, Watch]:
    """The folder of the model that nlpkit trains, and when what was done."""
    from nlpkit.jobs.train import train as run

    watch = Watch()
    model = run(recipe, out, data_dir=data_dir, say=watch.say, tick=watch.tick, change=watch.change)
    watch.mark("done")
    return model, watch


def show(title: str, head: Sequence[str], body: Sequence[Sequence[str]]) -> None:
    from nlpkit.cli.streams import table

    print(f"\n{title}", *table(list(head), body), sep="\n", flush=True)


# -- peers


def peers(args: argparse.Namespace) -> None:
    quiet(*OURS)
    scores: dict[str, dict[str, float]] = {}
    seconds: dict[str, dict[str, float]] = {}
    for name in args.sets:
        told(f"{name} ...")
        scores[name], seconds[name] = beside(name, args.data_dir)
    body = []
    for name, found in [*scores.items(), ("mean", means([*scores.values()]))]:
        ours, theirs = found["nlpkit"], [found[peer] for peer in PEERS]
        gaps = [ours - value for value in (found["best"], *theirs)]
        best = "" if name == "mean" else max(PEERS, key=found.__getitem__)
        body.append([name, *(f"{value:.2f}" for value in (ours, *theirs)), best, *(f"{gap:.2f}" for gap in gaps)])
    head = ["set", "nlpkit", *PEERS, "best", *(f"- {peer}" for peer in ("best", *PEERS))]
    show("macro F1 (sst2_en: accuracy) on test; from `- best` on nlpkit less the peer", head, body)
    both = [*seconds.items(), ("mean", means([*seconds.values()]))]
    body = [[name, *(f"{value:.1f}" for value in found.values())] for name, found in both]
    show("CPU seconds of training", ["set", *next(iter(seconds.values()))], body)


def means(rows: Sequence[dict[str, float]]) -> dict[str, float]:
    return {key: statistics.fmean(row[key] for row in rows) for key in rows[0]}


def beside(name: str, data_dir: Path) -> tuple[dict[str, float], dict[str, float]]:
    """Scores and CPU seconds of nlpkit and of the peers."""
    from sklearn.preprocessing import MultiLabelBinarizer

    from nlpkit.config.recipe import Source
    from nlpkit.jobs.prepare import load_recipe

    recipe = load_recipe(f"classify/{name}")
    multi_label = bool(recipe.options.get("multi_label"))
    metric = "accuracy" if name == "sst2_en" else "macro_f1"
    with tempfile.TemporaryDirectory() as folder:
        _, watch = train(recipe, Path(folder) / "run", data_dir)
        metrics = json.loads((Path(folder) / "run" / "metrics.json").read_text(encoding="utf-8"))
    scores = {"nlpkit": 100 * metrics["test"][metric]}
    seconds = {"nlpkit learn": watch.between("read", "learned"), "nlpkit run": watch.at["done"]}
    learned, tried = (
        rows_of(Source(card=name, split=split), data_dir, multi_label=multi_label) for split in ("train", "test")
    )
    gold = [tuple(row.labels) for row in tried]
    binary = MultiLabelBinarizer().fit([row.labels for row in learned])
    wanted = binary.transform([row.labels for row in learned]) if multi_label else [row.label for row in learned]
    began = time.process_time()
    features = tfidf()
    values = features.fit_transform([row.whole for row in learned])
    shared = time.process_time() - began
    asked = features.transform([row.whole for row in tried])
    for peer in PEERS:
        model = classifier(peer, multi_label=multi_label)
        began = time.process_time()
        model.fit(values, wanted)
        seconds[peer] = shared + time.process_time() - began
        said = model.predict(asked)
        answers = binary.inverse_transform(said) if multi_label else [(str(label),) for label in said]
        scores[peer] = 100 * score(gold, answers, multi_label=multi_label)[metric]
    scores["best"] = max(scores[peer] for peer in PEERS)
    return scores, seconds


def score(gold: Sequence[Sequence[str]], guess: Sequence[Sequence[str]], *, multi_label: bool) -> dict[str, Any]:
    from nlpkit.metrics import label_sets, labels

    if multi_label:
        return label_sets.score(gold, guess, interval=False)
    return labels.score_texts([label for (label,) in gold], [label for (label,) in guess], interval=False)


# -- speed


def speed(args: argparse.Namespace) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        made = alone("texts", folder=name, data_dir=str(args.data_dir), count=args.texts)
        print(f"{made['texts']} texts of {made['words']:.1f} words and {made['characters']:.1f} characters on average,")
        print(f"{made['real']} of them as they are, the others made; {made['tried']} texts to predict", flush=True)
        ours = alone("nlpkit", file=f"{name}/all.tsv", out=f"{name}/run")
        model = str(folder / "run" / "model")
        ours |= alone("predict", file=f"{name}/test.tsv", model=model, rounds=args.rounds)
        peer = alone("peer", file=f"{name}/all.tsv", test=f"{name}/test.tsv", rounds=args.rounds)
        show_training(ours, peer)
        body = [
            ["nlpkit, scores alone (a)", f"{ours['scores']:.0f}", f"{ours['scores'] / peer['predict']:.2f}"],
            ["nlpkit, Predictor (b)", f"{ours['predictor']:.0f}", f"{ours['predictor'] / peer['predict']:.2f}"],
            ["LogReg, predict (c)", f"{peer['predict']:.0f}", "1.00"],
        ]
        show("prediction on one core", ["system", "texts/CPU s", "ratio"], body)
        body = []
        for kind, words in made["vocabulary"].items():
            found = alone("nlpkit", file=f"{name}/{kind}.tsv", out=f"{name}/{kind}")
            cells = [f"{words}", found["counted"], f"{found['weights']}", f"{found['peak']:.0f}"]
            cells.append(f"{(found['peak'] - found['before']) * 2**20 / int(found['counted']):.0f}")
            if args.peer_peak:
                theirs = alone("peer", file=f"{name}/{kind}.tsv", test=None, rounds=0)
                cells += [f"{theirs['peak']:.0f}", f"{theirs['columns']}"]
            body.append([kind.replace("_", " "), *cells])
        head = ["words", "different words", "n-grams counted", "weights", "peak MiB", "bytes"]
        head += ["LogReg peak MiB", "LogReg columns"] if args.peer_peak else []
        show(f"nlpkit's peak memory and the vocabulary, {args.texts // 2} texts", head, body)


def show_training(ours: dict[str, Any], peer: dict[str, Any]) -> None:
    """Seconds and memory of both, with nlpkit's in shares of the peer's."""
    body = []
    for what in ("count", "held-out parts", "fit", "learn"):
        theirs = peer.get(what)
        ratio = f"{ours[what] / theirs:.2f}" if theirs else "-"
        body.append([f"CPU s, {what}", f"{ours[what]:.1f}", f"{theirs:.1f}" if theirs else "-", ratio])
    body.append(["CPU s, all", f"{ours['run']:.1f}", "-", "-"])
    for what, title in (("before", "MiB before learning"), ("peak", "peak MiB of learning"), ("end", "peak MiB, all")):
        theirs = peer.get(what)
        ratio = f"{ours[what] / theirs:.2f}" if theirs else "-"
        body.append([title, f"{ours[what]:.0f}", f"{theirs:.0f}" if theirs else "-", ratio])
    body.append(["macro F1 on the test splits", f"{ours['f1']:.2f}", f"{peer['f1']:.2f}", "-"])
    show("training (count: n-grams or TF-IDF; fit: the model of all texts)", ["", "nlpkit", "LogReg", "ratio"], body)


def write_texts(folder: str, data_dir: str, count: int) -> dict[str, Any]:
    """Write the files of the speed part, and say what is in them."""
    from nlpkit.config.recipe import Source

    draw = random.Random(SEED)
    pools: dict[tuple[str, str], list[list[str]]] = {}
    tried: list[tuple[str, str]] = []
    for name in SENTIMENT:
        for row in rows_of(Source(card=name, split="train"), Path(data_dir)):
            pools.setdefault((name, row.label), []).append(row.text.split())
        test = rows_of(Source(card=name, split="test"), Path(data_dir))
        tried += [(" ".join(row.text.split()), row.label) for row in test]
    real = [(" ".join(words), label) for (_, label), texts in pools.items() for words in texts if words]
    draw.shuffle(real)
    found = dict(real[:count])
    keys = list(pools)
    sizes = [len(pools[key]) for key in keys]
    real_count = len(found)
    while len(found) < count:
        key = draw.choices(keys, sizes)[0]
        one, two = draw.choices(pools[key], k=2)
        mixed = " ".join(two[at] if at < len(two) and draw.random() < 0.5 else word for at, word in enumerate(one))
        if mixed:
            found.setdefault(mixed, key[1])
    texts = list(found.items())
    draw.shuffle(texts)
    write(folder, "all", texts)
    write(folder, "test", tried)
    half = texts[: count // 2]
    same = "".join(draw.choices(LETTERS, k=SUFFIX))
    endings: dict[str, Callable[[], str]] = {
        "as_they_are": lambda: "",
        "one_suffix": lambda: same,
        "random_suffixes": lambda: "".join(draw.choices(LETTERS, k=SUFFIX)),
    }
    vocabulary = {}
    for kind, ending in endings.items():
        changed = [(" ".join(word + ending() for word in text.split()), label) for text, label in half]
        write(folder, kind, changed)
        vocabulary[kind] = len({word for text, _ in changed for word in text.split()})
    return {
        "texts": len(texts),
        "real": real_count,
        "tried": len(tried),
        "words": statistics.fmean(len(text.split()) for text, _ in texts),
        "characters": statistics.fmean(len(text) for text, _ in texts),
        "vocabulary": vocabulary,
    }


def write(folder: str, name: str, texts: Sequence[tuple[str, str]]) -> None:
    with (Path(folder) / f"{name}.tsv").open("w", encoding="utf-8", newline="\n") as file:
        file.write("text\tlabel\n")
        file.writelines(f"{text}\t{label}\n" for text, label in texts)


def learn_nlpkit(file: str, out: str) -> dict[str, Any]:
    from nlpkit.jobs.predict import Predictor
    from nlpkit.jobs.prepare import load_recipe

    quiet(*OURS)
    model, watch = train(load_recipe("classify", [f"data.train={file}"]), Path(out))
    found = {
        "counted": watch.counted,
        "count": watch.between("read", "counted"),
        "held-out parts": watch.between("counted", "held out"),
        "fit": watch.between("held out", "learned"),
        "learn": watch.between("read", "learned"),
        "run": watch.at["done"],
        "before": watch.peaks["read"],
        "peak": watch.peaks["learned"],
        "end": watch.peaks["done"],
    }
    return {**found, "weights": Predictor(str(model)).model.weights()}


def learn_peer(file: str, test: str | None, rounds: int) -> dict[str, Any]:
    quiet()
    rows = rows_of(source_of(file), None)
    found = {"before": peak()}
    texts, labels = [row.whole for row in rows], [row.label for row in rows]
    features, model = tfidf(), classifier("LogReg")
    began = time.process_time()
    values = features.fit_transform(texts)
    found["count"] = time.process_time() - began
    model.fit(values, labels)
    found["learn"] = time.process_time() - began
    found["fit"] = found["learn"] - found["count"]
    found["peak"] = peak()
    found["columns"] = values.shape[1]
    if test is not None:
        rows = rows_of(source_of(test), None)
        tried = [row.whole for row in rows]
        found["predict"] = best(rounds, len(tried), lambda: model.predict(features.transform(tried)))
        said = [(str(label),) for label in model.predict(features.transform(tried))]
        found["f1"] = 100 * score([(row.label,) for row in rows], said, multi_label=False)["macro_f1"]
    return found


def predict(file: str, model: str, rounds: int) -> dict[str, float]:
    from nlpkit.jobs.predict import Predictor

    quiet(*OURS)
    rows = rows_of(source_of(file), None)
    texts = [row.whole for row in rows]
    predictor = Predictor(model)
    said = [(row.label or "",) for row in predictor(rows)]
    return {
        "f1": 100 * score([(row.label,) for row in rows], said, multi_label=False)["macro_f1"],
        "scores": best(rounds, len(rows), lambda: predictor.model.logits(texts)),
        "predictor": best(rounds, len(rows), lambda: list(predictor(rows))),
    }


def best(rounds: int, texts: int, run: Callable[[], Any]) -> float:
    """Texts per CPU second, after one run that does not count."""
    spent = []
    for _ in range(rounds + 1):
        began = time.process_time()
        run()
        spent.append(time.process_time() - began)
    return texts / min(spent[1:])


def source_of(file: str) -> Any:
    from nlpkit.config.recipe import Source

    return Source(files=[file])


# -- trainer


def trainer(args: argparse.Namespace) -> None:
    found: dict[str, list[dict[str, float]]] = {"nlpkit": [], "Trainer": []}
    facts = {
        "model": str(args.model), "card": args.card, "data_dir": str(args.data_dir), "epochs": args.epochs,
        "lr": args.lr, "batch": args.batch, "limit": args.limit,
    }  # fmt: skip
    for seed in args.seeds:
        found["nlpkit"].append(alone("tuned", seed=seed, **facts))
        found["Trainer"].append(alone("tuned by Trainer", seed=seed, **facts))
    digits = {"macro_f1": 2, "accuracy": 2, "train": 1, "speed": 1, "all": 1, "steps": 0}
    body = []
    for number, seed in enumerate(args.seeds):
        body += [
            [str(seed), name, *(f"{runs[number][key]:.{d}f}" for key, d in digits.items())]
            for name, runs in found.items()
        ]
    middle = {name: means(runs) for name, runs in found.items()}
    body += [["mean", name, *(f"{row[key]:.{d}f}" for key, d in digits.items())] for name, row in middle.items()]
    ours, theirs = middle["nlpkit"], middle["Trainer"]
    gaps = [f"{ours[key] - theirs[key]:.{d}f}" for key, d in digits.items()]
    body.append(["mean", "nlpkit less Trainer", *gaps])
    body.append(["mean", "nlpkit / Trainer", "", "", *(f"{ours[key] / theirs[key]:.2f}" for key in list(digits)[2:])])
    head = ["seed", "system", "macro F1", "accuracy", "CPU s train", "texts/CPU s", "CPU s all", "steps"]
    show(f"{args.card}, test; {args.epochs:g} epochs", head, body)


def overrides(facts: dict[str, Any]) -> list[str]:
    limit = [f"stages.0.data.0.limit={facts['limit']}"] if facts["limit"] else []
    return [
        f"model.base={facts['model']}", "model.pooling=cls", "model.max_length=128", f"seed={facts['seed']}",
        f"stages.0.epochs={facts['epochs']}", f"stages.0.lr={facts['lr']}", "stages.0.schedule=linear",
        "stages.0.warmup=0.1", "stages.0.weight_decay=0.01", "stages.0.clip=1.0", "stages.0.class_weights=none",
        "evaluate.select=macro_f1", *limit,
    ]  # fmt: skip


def comparable(facts: dict[str, Any]) -> int:
    """The padded sub-words a batch with which nlpkit does as many steps as there are batches of the Trainer."""
    from nlpkit.engine.batches import plan
    from nlpkit.engine.pretrained import load_tokenizer
    from nlpkit.jobs.prepare import load_data, load_recipe, ready

    recipe = load_recipe(f"classify/{facts['card']}", overrides(facts))
    data = load_data(recipe, Path(facts["data_dir"]), lambda _: None)
    task = ready(recipe, data, lambda _: None)
    features = task.encode(data.train[0], load_tokenizer(Path(facts["model"])), 128, learn=True)
    lengths = [len(feature.ids) for feature in features]
    goal = facts["epochs"] * -(-len(data.train[0]) // facts["batch"])

    def steps(tokens: int) -> int:
        return len(plan(lengths, tokens, 1, facts["seed"], epochs=facts["epochs"])[0])

    return min(range(128, 4097, 16), key=lambda tokens: abs(steps(tokens) - goal))


def tuned(**facts: Any) -> dict[str, float]:
    """By nlpkit."""
    from nlpkit.jobs.prepare import load_recipe

    quiet(*OURS, "nlpkit.engine.session")
    tokens = comparable(facts)
    recipe = load_recipe(f"classify/{facts['card']}", [*overrides(facts), f"stages.0.batch_tokens={tokens}"])
    with tempfile.TemporaryDirectory() as folder:
        _, watch = train(recipe, Path(folder) / "run", Path(facts["data_dir"]))
        metrics = json.loads((Path(folder) / "run" / "metrics.json").read_text(encoding="utf-8"))
        lines = (Path(folder) / "run" / "log.jsonl").read_text(encoding="utf-8").splitlines()
        data = json.loads((Path(folder) / "run" / "data.json").read_text(encoding="utf-8"))
    steps = max(json.loads(line)["step"] for line in lines)
    texts = next(entry["rows"] for entry in data if entry["use"] == "train")
    told(f"nlpkit, seed {facts['seed']}: {tokens} sub-words a batch, best step {metrics['best_step']}")
    return told_of(metrics["test"], facts, texts, watch.between("stage", "step"), watch.at["done"], steps)


def told_of(
    scores: dict[str, Any], facts: dict[str, Any], texts: int, spent: float, whole: float, steps: int
) -> dict[str, float]:
    return {
        "macro_f1": 100 * scores["macro_f1"],
        "accuracy": 100 * scores["accuracy"],
        "train": spent,
        "speed": facts["epochs"] * texts / spent,
        "all": whole,
        "steps": steps,
    }


def tuned_by_trainer(**facts: Any) -> dict[str, float]:
    """By the Trainer of transformers."""
    import torch
    from transformers import (
        AutoModelForSequenceClassification,
        AutoTokenizer,
        DataCollatorWithPadding,
        Trainer,
        TrainingArguments,
        set_seed,
    )
    from transformers.utils.logging import disable_progress_bar

    from nlpkit.config.recipe import Source

    quiet()
    disable_progress_bar()
    began = time.process_time()
    tokenizer = AutoTokenizer.from_pretrained(facts["model"])
    rows: dict[str, list[Any]] = {}
    for split in ("train", "dev", "test"):
        limit = facts["limit"] if split == "train" else None
        rows[split] = rows_of(Source(card=facts["card"], split=split, limit=limit), Path(facts["data_dir"]))
    labels = sorted({row.label for row in rows["train"]})
    number = {label: at for at, label in enumerate(labels)}

    def encoded(part: Sequence[Any]) -> Iterator[dict[str, Any]]:
        found = tokenizer([row.whole for row in part], truncation=True, max_length=128)
        for at, row in enumerate(part):
            yield {**{name: values[at] for name, values in found.items()}, "labels": number[row.label]}

    def scored(found: Any) -> dict[str, Any]:
        guess = [(labels[at],) for at in found.predictions.argmax(1).tolist()]
        return score([(labels[at],) for at in found.label_ids.tolist()], guess, multi_label=False)

    set_seed(facts["seed"])
    names = {"num_labels": len(labels), "id2label": dict(enumerate(labels)), "label2id": number}
    model = AutoModelForSequenceClassification.from_pretrained(facts["model"], dtype=torch.float32, **names)
    steps = facts["epochs"] * -(-len(rows["train"]) // facts["batch"])
    with tempfile.TemporaryDirectory() as out:
        options = TrainingArguments(
            out,
            num_train_epochs=facts["epochs"],
            learning_rate=facts["lr"],
            lr_scheduler_type="linear",
            warmup_steps=round(0.1 * steps),
            weight_decay=0.01,
            max_grad_norm=1.0,
            per_device_train_batch_size=facts["batch"],
            per_device_eval_batch_size=32,
            eval_strategy="epoch",
            save_strategy="epoch",
            load_best_model_at_end=True,
            metric_for_best_model="macro_f1",
            logging_strategy="no",
            report_to="none",
            disable_tqdm=True,
            seed=facts["seed"],
            use_cpu=True,
        )
        run = Trainer(
            model,
            options,
            train_dataset=list(encoded(rows["train"])),
            eval_dataset=list(encoded(rows["dev"])),
            data_collator=DataCollatorWithPadding(tokenizer),
            compute_metrics=lambda found: {"macro_f1": scored(found)["macro_f1"]},
        )
        at = time.process_time()
        run.train()
        spent = time.process_time() - at
        scores = scored(run.predict(list(encoded(rows["test"])), metric_key_prefix="test"))
        done = run.state.global_step
        chosen = (run.state.best_model_checkpoint or "-").rpartition("-")[2]
    told(f"Trainer, seed {facts['seed']}: best step {chosen}")
    return told_of(scores, facts, len(rows["train"]), spent, time.process_time() - began, done)


ALONE: dict[str, Callable[..., dict[str, Any]]] = {
    "texts": write_texts,
    "nlpkit": learn_nlpkit,
    "peer": learn_peer,
    "predict": predict,
    "tuned": tuned,
    "tuned by Trainer": tuned_by_trainer,
}


if __name__ == "__main__":
    main()
