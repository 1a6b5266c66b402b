"""The page of runs: whole, self-contained, and deaf to what rows would like to do."""

from __future__ import annotations

import json
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

Cli = Callable[..., Any]
HOSTILE = "<script>alert(1)</script><img src=x onerror=alert(2)>\"'&<svg onload=alert(3)> \u202egnol"
TAGS = {
    "html", "head", "meta", "title", "style", "body", "h1", "h2", "h3", "p", "div", "table", "tr", "th", "td", "bdi",
    "figure", "figcaption", "svg", "g", "path", "defs", "clippath", "rect", "use", "text", "metadata", "rdf:rdf",
    "cc:work", "dc:type", "dc:format", "dc:creator", "cc:agent", "dc:title", "details", "summary", "pre", "br", "span",
    "ruby", "rt", "mark", "del", "ins",
}  # fmt: skip


class Seen(HTMLParser):
    """Tags, attributes and text of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: list[tuple[str, str | None]] = []
        self.text: list[str] = []
        self.ids: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes += attrs
        self.ids += [value or "" for name, value in attrs if name == "id"]

    def handle_data(self, data: str) -> None:
        self.text.append(data)


def run(folder: Path, task: str, metrics: dict[str, Any], gold: list[Any], guess: list[Any], labels: list[str]) -> Path:
    for part, rows in (("gold", gold), ("predictions", guess)):
        (folder / part).mkdir(parents=True)
        lines = "".join(json.dumps(row) + "\n" for row in rows)
        (folder / part / "test.jsonl").write_text(lines, encoding="utf-8")
    (folder / "model").mkdir()
    info = {"bundle": 1, "task": task, "options": {}, "labels": labels, "max_length": 64}
    (folder / "model" / "bundle.json").write_text(json.dumps(info))
    (folder / "metrics.json").write_text(json.dumps({"test": metrics}))
    (folder / "recipe.yaml").write_text(json.dumps({"task": task, "about": HOSTILE, "seed": 1, "options": {}}))
    (folder / "environment.json").write_text(json.dumps({"nlpkit": HOSTILE, "command": "secret folder"}))
    log = [{"step": n, "loss": 3.0 / n, "dev": {"macro_f1": n / 9}} for n in (1, 2, 3)]
    (folder / "log.jsonl").write_text("".join(json.dumps(entry) + "\n" for entry in log))
    (folder / "DONE").touch()
    return folder


@pytest.fixture
def hostile(tmp_path: Path) -> Path:
    """A run whose texts, labels, name and recipe would all like to run a script."""
    from nlpkit.data.rows import TextRow
    from nlpkit.jobs.evaluate import score, scorer

    gold = [{"text": f"{HOSTILE} {at}", "label": (HOSTILE, "b", "a")[at % 3], "lang": "arb_Arab"} for at in range(24)]
    guess = [{**row, "label": "b", "score": 0.9} for row in gold]
    right, said = ([TextRow(str(n), r["text"], (r["label"],)) for n, r in enumerate(rows)] for rows in (gold, guess))
    metrics = score(right, [row.with_scores([0.9]) for row in said], scorer("classify", right))
    metrics["by_lang"] = {HOSTILE: {"macro_f1": 0.5}, "b": {"macro_f1": 0.7}}
    return run(tmp_path / "<b onclick=x>", "classify", metrics, gold, guess, ["a", "b", HOSTILE])


def page(cli: Cli, folder: Path, *more: str) -> str:
    out = folder.parent / "report.html"
    found = cli("report", str(folder), "-o", str(out), *more)
    assert found.code == 0, found.err
    return out.read_text(encoding="utf-8")


def test_nothing_of_the_rows_is_taken_for_html(cli: Cli, hostile: Path) -> None:
    text = page(cli, hostile)
    seen = Seen(text)
    assert seen.tags <= TAGS
    assert not [name for name, _ in seen.attributes if name.startswith("on") or name == "src"]
    assert all((value or "").startswith("#") for name, value in seen.attributes if name in ("href", "xlink:href"))
    assert "url(http" not in text
    assert "default-src 'none'" in text
    assert any(HOSTILE.split(" ")[0] in part for part in seen.text)


def test_what_the_page_shows(cli: Cli, hostile: Path) -> None:
    text = page(cli, hostile, "--errors", "3")
    for part in ("dev macro_f1 by step", "macro_f1 by language", "macro_f1 by length", "confusions", "how sure"):
        assert f"{part}" in text
    assert text.count('class="mistake"') == 3
    assert 'lang="arb-Arab"' in text
    assert "recipe.yaml" in text
    assert "secret folder" not in text
    ids = Seen(text).ids
    assert len(ids) == len(set(ids))


def test_the_page_is_the_same_each_time(cli: Cli, hostile: Path) -> None:
    assert page(cli, hostile) == page(cli, hostile)


def test_wrong_words_of_a_sentence_are_marked(cli: Cli, tiny_run: Path, tmp_path: Path) -> None:
    out = tmp_path / "page.html"
    assert cli("report", str(tiny_run), "--split", "dev", "-o", str(out)).code == 0
    assert "Mistakes of which it was surest" in out.read_text(encoding="utf-8")
