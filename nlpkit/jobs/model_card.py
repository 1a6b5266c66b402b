"""The model card of a run: Hugging Face front matter, then what a reader must know."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from nlpkit.config import card as cards
from nlpkit.config import strict_yaml
from nlpkit.config.recipe import Recipe
from nlpkit.errors import counted
from nlpkit.tasks import named
from nlpkit.text.langcodes import bcp47, code_of


def scores_table(scores: dict[str, Any], unit: str, most: int = 0) -> list[str]:
    """Lines of a table: precision, recall, F1 and support of each ``unit`` (type, tag), then the averages.

    Of more than ``most`` units the weakest are shown.
    """
    lines = [f"{unit:<16} {'P':>7} {'R':>7} {'F1':>7} {'gold':>7}"]
    table = {name: entry for name, entry in scores[f"per_{unit}"].items() if not most or entry["support"]}
    if most and len(table) > most:
        weak = sorted(table, key=lambda name: table[name]["f1"])[:most]
        lines.insert(0, f"the {most} weakest of {len(table)}:")
        table = {name: table[name] for name in weak}
    rows = [*table.items(), *([("micro", scores)] if "f1" in scores else [])]
    for name, entry in rows:
        values = " ".join(f"{entry[key]:>7.4f}" for key in ("precision", "recall", "f1"))
        lines.append(f"{name:<16} {values} {entry['support']:>7}")
    matrix = scores.get("matrix", {"labels": []})
    if 2 <= len(matrix["labels"]) <= _WIDE:
        names = matrix["labels"]
        wide = max(7, *map(len, names))
        lines += ["", "right (rows) given as (columns):", " " * 16 + "".join(f" {name:>{wide}}" for name in names)]
        for name, counts in zip(names, matrix["counts"], strict=True):
            lines.append(f"{name:<16}" + "".join(f" {count:>{wide}}" for count in counts))
    if confusions := scores.get("confusions"):
        shown = ", ".join(f"{right} as {said} {count}" for right, said, count in confusions[:8])
        lines += ["", f"most often wrong: {shown}"]
    return lines


def _data_line(entry: dict[str, Any]) -> str:
    name = f"{entry['card']}/{entry['split']}" if "card" in entry else ", ".join(entry.get("files", []))
    if kept := entry.get("where"):
        name += " (" + "; ".join(f"{key} {' or '.join(values)}" for key, values in kept.items()) + ")"
    size = f"{counted(entry['rows'], 'row')}, {counted(entry['tokens'], 'token')}"
    return f"- {entry['use']}: {name}, {size}" + (f" ({entry['licence']})" if "licence" in entry else "")


_FEW = 200
_WIDE = 8  # labels of which all confusions are shown
_MOST = 40  # labels that a card lists
_OPEN = ("apache-2.0", "mit", "cc0-1.0", "unicode-3.0", "mixed-open", "cc-by-4.0", "cc-by-sa-3.0", "cc-by-sa-4.0")


def _licence(licences: list[str]) -> str:
    """The strictest of the training data's licences where all are open; else `other`."""
    if not licences or not set(licences) <= set(_OPEN):
        return "other"
    return "cc-by-sa-4.0" if any("-sa-" in name for name in licences) else licences[-1]


_METRICS = {"f1": "span F1, strict IOB2", "accuracy": "accuracy", "macro_f1": "macro F1", "bleu": "BLEU"}
_PIPELINES = {"tokens": "token-classification", "texts": "text-classification", "pairs": "translation"}
_LIBRARIES = {
    "spacy": "spacy",
    "bilstm": "nlpkit",
    "crf": "nlpkit",
    "ngrams": "nlpkit",
    "rnn": "nlpkit",
}  # any other loads in transformers


def _dataset(use: str, entries: list[dict[str, Any]]) -> dict[str, str]:
    """Name and type of what was scored, for the Hub's table of results."""
    if len(entries) == 1:
        name = _data_line(entries[0]).split(": ", 1)[1].split(",")[0]
        return {"name": name, "type": str(entries[0].get("card", "files"))}
    return {"name": f"{len(entries)} sets together ({use})", "type": "several"}


def plain(text: str) -> str:
    """Text that Markdown does not take for HTML."""
    return text.replace("&", "&amp;").replace("<", "&lt;")


def base_name(name: str) -> str:
    """A Hub id as it is, of a folder its name only: a card says nothing of the machine it was made on."""
    return Path(name).name if Path(name).is_dir() else name


def _limits(info: dict[str, Any], scores: dict[str, Any], metric: str) -> list[str]:
    """Where the model is weak, as far as the figures say it."""
    lines = [
        "Scores hold for text like the data above. Other domains, spellings and languages will be worse; "
        "names that a community writes in several ways may be found in one of them only."
    ]
    rows = info.get("rows_by_language", {})
    if few := [f"{lang} ({count})" for lang, count in sorted(rows.items()) if count < _FEW]:
        lines.append(f"Learned from fewer than {_FEW} rows, so hardly known: {', '.join(few)}.")
    parts: dict[str, Any] = next((score["by_lang"] for score in reversed(scores.values()) if "by_lang" in score), {})
    if weak := sorted(parts, key=lambda lang: parts[lang][metric])[:3]:
        lines.append(f"Weakest: {', '.join(f'{lang} ({parts[lang][metric]:.2f})' for lang in weak)}.")
    return lines


def _of_cards(data: list[dict[str, Any]], title: str) -> list[str]:
    """The sections called ``title`` of the cards of the training data, where a card tells its sources one by one."""
    found: list[str] = []
    for name in dict.fromkeys(entry["card"] for entry in data if entry["use"].startswith("train") and "card" in entry):
        prose = cards.load(name).prose
        if "## Sources and licences" not in prose:
            continue
        section = prose.partition(f"## {title}\n")[2].partition("\n## ")[0].strip()
        if section:
            found += [f"### {title} of `{name}`", "", section, ""]
    return found


def _answers(info: dict[str, Any]) -> str:
    """What the model answers with."""
    labels = info["labels"]
    if info["head"] == "pairs":
        ways = [", ".join(info[name]) or "any" for name in ("languages", "target_languages")]
        return f"From {ways[0]}" + (f" to {ways[1]}." if info["target_languages"] else ".")
    return f"Labels: {plain(', '.join(labels))}." if len(labels) <= _MOST else f"{len(labels)} labels."


def _languages(info: dict[str, Any]) -> list[str]:
    """The languages a model is for: those of its rows, or its labels where it names languages."""
    return list(info["labels"] if info["task"] == "langid" else info["languages"])


def model_card(
    recipe: Recipe, info: dict[str, Any], data: list[dict[str, Any]], scores: dict[str, Any], command: str
) -> str:
    """The text of README.md in a bundle."""
    task, labels = named(recipe.task), info["labels"]
    metric = task.main_metric
    licences = sorted({entry["licence"] for entry in data if entry["use"].startswith("train") and "licence" in entry})
    results = [
        {
            "task": {"type": _PIPELINES[task.head]},
            "dataset": _dataset(use, [entry for entry in data if entry["use"] == use]),
            "metrics": [{"type": metric, "value": round(score[metric], 4), "name": _METRICS[metric]}],
        }
        for use, score in scores.items()
    ]
    library = _LIBRARIES.get(recipe.model.family, "transformers")
    if info.get("pooling", "cls") != "cls":
        library = "nlpkit"  # transformers knows the encoder, but not the head
    front: dict[str, Any] = {
        "language": sorted({bcp47(code_of(lang) or lang) for lang in _languages(info)}) or ["und"],
        "license": _licence(licences),
        "library_name": library,
        "pipeline_tag": _PIPELINES[task.head],
        "tags": ["nlpkit", recipe.task],
        "metrics": [metric],
    }
    base = base_name(recipe.model.base) if recipe.model.base else ""
    if "/" in base:
        front["base_model"] = base
    if results:
        front["model-index"] = [{"name": f"nlpkit-{recipe.task}", "results": results}]
    origin = f"fine-tuned from `{base}`" if base else f"trained from scratch ({recipe.model.family})"
    if "tokenizer" in info:
        origin += f", with the tokenizer `{info['tokenizer']['name']}` (SHA-256 {info['tokenizer']['sha256']}),"
    parts = [
        "---", strict_yaml.dumps(front).strip(), "---", "",
        f"# {recipe.about}", "",
        f"A model for {recipe.task}, {origin} with nlpkit {info['nlpkit']}.", "",
        _answers(info), "",
        "## Data", "", *[_data_line(entry) for entry in data], "",
    ]  # fmt: skip
    if licences:
        noncommercial = any("-nc" in licence for licence in licences)
        parts += [
            f"The weights were learned from data under {', '.join(licences)}."
            + (" That licence forbids commercial use of the data." if noncommercial else "")
            + " Whoever publishes the model chooses and checks its licence.",
            "",
        ]
    parts += ["## Scores", ""]
    for use, score in scores.items():
        lines = [f"{use}: {task.lines(score)[0]}", *task.lines(score)[1:]]
        if f"per_{task.unit}" in score:
            lines += ["", *scores_table(score, task.unit, _MOST)]
        if "by_lang" in score:
            lines += ["", f"{'language':<16} {metric:>9} {'rows':>7}"]
            lines += [f"{lang:<16} {part[metric]:>9.4f} {part['rows']:>7}" for lang, part in score["by_lang"].items()]
            lines.append(f"{'their mean':<16} {score[f'macro_lang_{metric}']:>9.4f}")
        parts += ["```", *lines, "```", ""]
    if not scores:
        parts += ["Not scored: the run had no dev or test rows.", ""]
    if more := task(task.Options(), labels).card(info, scores):
        parts += [*map(plain, more), ""]
    parts += _of_cards(data, "Sources and licences")
    parts += _of_cards(data, "Citation")
    parts += ["## Use", "", "```", f"echo 'TEXT' | nlpkit {recipe.task} --model FOLDER", "```", ""]
    if library == "transformers" and "tagger" not in info and task.head != "pairs":
        parts += [
            "or, in Python,", "", "```python", "from transformers import pipeline", "",
            f"print(pipeline('{_PIPELINES[task.head]}', 'FOLDER')('TEXT'))", "```", "",
        ]  # fmt: skip
    parts += [
        "## Limits", "", " ".join(_limits(info, scores, metric)), "",
        *_of_cards(data, "Known problems"),
        "## How it was made", "", f"`{command}`, seed {recipe.seed}, precision {recipe.precision}.", "",
    ]  # fmt: skip
    return "\n".join(parts)
