"""Every shipped recipe is valid and runs: two optimizer steps of a tiny model on rows written here."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from toy import TINY

from nlpkit.config import card as cards
from nlpkit.config import places
from nlpkit.config import recipe as recipes
from nlpkit.config.card import Card
from nlpkit.config.recipe import Recipe
from nlpkit.data.load import find
from nlpkit.jobs.prepare import load_recipe
from nlpkit.jobs.train import train
from nlpkit.tasks import named

NAMES = recipes.names()
# words around one entity; own sentences, so that no rows of a real data set lie in this repository
FRAMES = [
    (["Yesterday"], ["came", "to", "the", "market", "."]),
    (["We", "saw"], ["again", "near", "the", "lake", "."]),
    (["All", "of", "them", "wrote", "about"], ["and", "then", "rested", "."]),
    ([], ["is", "known", "everywhere", "."]),
]
SOURCES = ["hinglish-top", "phinc", "cmu-dog"]  # of pairs, those that recipes choose
TINY_PAIRS = ["model.scratch.arch=rnn", "model.scratch.embedding=16", "model.scratch.state=16", "model.max_length=64"]
ENTITIES = [["Achieng"], ["Lake", "Nam"], ["Baraka", "wa", "Pwani"]]


def sentences(types: list[str], rows: int, skip: int, spans: bool) -> list[list[tuple[str, str]]]:
    """Tagged sentences in which every type occurs; ``skip`` makes those of two splits differ."""
    found = []
    outside = "O" if spans else types[0]
    for number in range(rows):
        before, after = FRAMES[number % len(FRAMES)]
        label = types[number % len(types)]
        entity = ENTITIES[(number + skip) % len(ENTITIES)]
        found.append(
            [(word, outside) for word in before]
            + [(word, f"{'I' if at else 'B'}-{label}" if spans else label) for at, word in enumerate(entity)]
            + [(word, outside) for word in after]
            + [(str(number * 7 + skip), outside)]
        )
    return found


def as_conll(rows: list[list[tuple[str, str]]], columns: dict[str, int | str]) -> str:
    token, tag = int(columns.get("token", 0)), int(columns.get("tag", 1))
    width = max(token, tag) + 1
    lines = []
    for row in rows:
        for word, label in row:
            fields = ["-"] * width
            fields[token], fields[tag] = word, label
            lines.append("\t".join(fields))
        lines.append("")
    return "\n".join(lines) + "\n"


def as_conllu(rows: list[list[tuple[str, str]]], columns: dict[str, int | str]) -> str:
    name, _, key = str(columns.get("tag", "upos")).partition(":")
    column = ["id", "form", "lemma", "upos", "xpos", "feats", "head", "deprel", "deps", "misc"].index(name)
    lines = []
    for row in rows:
        for number, (word, label) in enumerate(row, 1):
            fields = [str(number), word, *["_"] * 8]
            fields[column] = f"{key}={label}" if key else label
            lines.append("\t".join(fields))
        lines.append("")
    return "\n".join(lines) + "\n"


def as_jsonl(rows: list[list[tuple[str, str]]], columns: dict[str, int | str]) -> str:
    tokens, tags = str(columns.get("tokens", "tokens")), str(columns.get("tags", "tags"))
    return "".join(json.dumps({tokens: [w for w, _ in row], tags: [t for _, t in row]}) + "\n" for row in rows)


def as_tsv(rows: list[list[tuple[str, str]]], columns: dict[str, int | str]) -> str:
    head = f"{columns.get('tokens', 'tokens')}\t{columns.get('tags', 'tags')}\n"
    return head + "".join(" ".join(w for w, _ in row) + "\t" + " ".join(t for _, t in row) + "\n" for row in rows)


WRITERS = {"conll": as_conll, "conllu": as_conllu, "jsonl": as_jsonl, "tsv": as_tsv}


def write_card_data(card: Card, root: Path, spans: bool) -> None:
    """The files of every split where the card looks for them."""
    block = card.nlpkit
    if block.kind == "texts":
        (write_labeled if block.labels.types else write_texts)(card, root)
        return
    if block.kind == "pairs":
        write_pairs(card, root)
        return
    assert block.kind == "tokens", f"write rows for kind `{block.kind}` here"
    assert block.labels.types, f"card `{card.name}` names no labels"
    for number, (name, split) in enumerate(block.splits.items()):
        rows = sentences(block.labels.types, 24 if name == "train" else 12, number * 100, spans)
        path = root / card.name / split.path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(WRITERS[block.format.name](rows, dict(block.format.columns)), encoding="utf-8")


def write_labeled(card: Card, root: Path) -> None:
    """Texts with the labels that the card names."""
    block = card.nlpkit
    columns = {name: str(block.format.columns.get(name, name)) for name in ("text", "text_b")}
    for number, (name, split) in enumerate(block.splits.items()):
        rows = []
        for at in range(24 if name == "train" else 12):
            label = block.labels.types[at % len(block.labels.types)]
            rows.append({columns["text"]: f"about {label[:3]} on day {at} of {number}", "label": label})
            if "text_b" in block.format.columns:
                rows[-1][columns["text_b"]] = "the story goes on " * 30
        path = root / card.name / split.path
        path.parent.mkdir(parents=True, exist_ok=True)
        if block.format.name == "jsonl":
            lines = [json.dumps({**row, "label": [row["label"]]}) for row in rows]
        else:
            lines = ["\t".join(rows[0]), *("\t".join(row.values()) for row in rows)]
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def write_texts(card: Card, root: Path) -> None:
    """Texts in three languages, with the columns that recipes choose rows by."""
    block = card.nlpkit
    words = {
        "swh_Latn": "habari ya leo jana kesho",
        "eng_Latn": "the news of this day",
        "yor_Latn": "ìròyìn ọjọ́ òní ni",
    }
    for number, (name, split) in enumerate(block.splits.items()):
        columns = {**block.format.columns, **split.columns}
        rows = []
        for at in range(24):
            label = list(words)[at % 3]
            own = words[label].split()
            text = own[at % len(own)] if name == "words" else " ".join([*own[at % 3 :], f"{number}", *own[: at % 3]])
            rows.append({str(columns.get("text", "text")): text, "label": label, "source": "phinc", "coverage": "core"})
            if name == "words":
                rows[-1]["count"] = str(at + 1)
            if block.format.name == "jsonl":
                rows[-1] = {key: value for key, value in rows[-1].items() if key != "label"} | {"src": "the news"}
        path = root / (block.folder or card.name) / split.path
        path.parent.mkdir(parents=True, exist_ok=True)
        if block.format.name == "jsonl":
            lines = [json.dumps(row) for row in rows]
        else:
            lines = ["\t".join(rows[0]), *("\t".join(row.values()) for row in rows)]
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def write_pairs(card: Card, root: Path) -> None:
    """Pairs in which letters are spelled out, with the columns that recipes choose rows by."""
    block = card.nlpkit
    phones = (card.model_extra or {})["task_categories"] != ["translation"]
    for number, (name, split) in enumerate(block.splits.items()):
        columns = {**block.format.columns, **split.columns}
        rows = []
        for at in range(48 if name == "train" else 12):
            word = "".join("abcdefgh"[(at * 5 + number + place * (1 + at % 3)) % 8] for place in range(3 + at % 3))
            said = f"{word} bolo" if at % 2 else f"bolo {word}"
            row = {"src": word, "tgt": " ".join(word)} if phones else {"src": f"say {word}", "tgt": said}
            langs = {"src_lang": ("fre", "hin")[at % 2]} if phones else {"src_lang": "eng", "tgt_lang": "hin-eng"}
            row = {str(columns.get(key, key)): value for key, value in {**row, **langs}.items()}
            rows.append({**row, "source": SOURCES[at % len(SOURCES)]})
        path = root / (block.folder or card.name) / split.path
        path.parent.mkdir(parents=True, exist_ok=True)
        if block.format.name == "jsonl":
            lines = [json.dumps(row) for row in rows]
        else:
            assert block.format.name == "tsv", f"write pairs as {block.format.name} here"
            lines = ["\t".join(rows[0]), *("\t".join(row.values()) for row in rows)]
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def tiny_pairs(name: str) -> list[str]:
    """Overrides that make a recipe of pairs small, and leave it rows in spite of ``skip``."""
    recipe = load_recipe(name)
    changes = [*TINY_PAIRS, *(["options.codes={}"] if recipe.options.get("codes") else [])]
    for number, stage in enumerate(recipe.stages):
        changes += [f"stages.{number}.data.{at}.skip=9" for at, source in enumerate(stage.data) if source.skip]
    return changes


def written_by(name: str, models: dict[str, Path]) -> list[str]:
    """Overrides that name a small model where a recipe has one write a side of its pairs."""
    changes = []
    for number, stage in enumerate(load_recipe(name).stages):
        for at, source in enumerate(stage.data):
            for place, transform in enumerate(source.transforms):
                for key in ("backtranslate", "translate"):
                    if spec := getattr(transform, key):
                        model = models[Path(spec.model).parent.name]
                        changes.append(f"stages.{number}.data.{at}.transforms.{place}.{key}.model={model}")
    return changes


@pytest.fixture(scope="session")
def writers(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Models that translate from Hinglish and into it, badly."""
    models = {}
    for short in ("hinglish_en", "en_hinglish_lstm"):
        folder, name = tmp_path_factory.mktemp(short), f"translate/{short}"
        recipe = load_recipe(name, [*tiny_pairs(name), "precision=fp32", "stages.0.steps=2"])
        for card in cards_of(recipe):
            write_card_data(card, folder / "data", spans=False)
        models[short] = train(recipe, folder / "run", data_dir=folder / "data")
    return models


def cards_of(recipe: Recipe) -> list[Card]:
    sources = [source for stage in recipe.stages for source in stage.data]
    sources += [*recipe.evaluate.dev, *recipe.evaluate.test]
    return [cards.load(name) for name in sorted({source.card for source in sources if source.card})]


def test_there_are_recipes() -> None:
    assert "ner" in NAMES


def test_every_recipe_file_lies_in_the_folder_of_its_task() -> None:
    for name in NAMES:
        assert load_recipe(name).task == name.split("/")[0]


@pytest.mark.parametrize("name", NAMES)
def test_a_shipped_recipe_is_valid_and_its_splits_exist(name: str) -> None:
    recipe = load_recipe(name)
    assert recipe.about
    assert not recipe.about.endswith(".")
    assert recipe.evaluate.test or not any("test" in card.nlpkit.splits for card in cards_of(recipe))
    assert recipe.evaluate.dev or not any("dev" in card.nlpkit.splits for card in cards_of(recipe))
    for source in [*(s for stage in recipe.stages for s in stage.data), *recipe.evaluate.dev, *recipe.evaluate.test]:
        assert source.card is not None, "a shipped recipe names cards, not files"
        assert source.split in cards.load(source.card).nlpkit.splits
    assert not {"dev", "test"} & {source.split for stage in recipe.stages for source in stage.data}


@pytest.mark.parametrize("name", NAMES)
def test_the_comment_of_a_shipped_recipe_shows_a_command_that_names_it(name: str) -> None:
    comments = [line for line in recipes.path_of(name).read_text(encoding="utf-8").splitlines() if line[:1] == "#"]
    assert any(f"nlpkit train {name}" in line for line in comments)


@pytest.mark.parametrize("name", NAMES)
def test_a_shipped_recipe_runs(name: str, writers: dict[str, Path], tmp_path: Path) -> None:
    numbers = range(len(load_recipe(name).stages))
    steps = [f"stages.{number}.{key}" for number in numbers for key in ("steps=2", "epochs=null")]
    pairs = named(load_recipe(name).task).head == "pairs"
    tiny = [*tiny_pairs(name), *written_by(name, writers)] if pairs else ["model.scratch.arch=bert", *TINY]
    recipe = load_recipe(name, [*tiny, "precision=fp32", *steps])
    data = tmp_path / "data"
    used = cards_of(recipe)
    for card in used:
        if not card.nlpkit.shipped:
            write_card_data(card, data, named(recipe.task).spans)
    if pairs:
        data.mkdir(exist_ok=True)
        (data / "lexicon.eng-hin.tsv").write_text("say\tबोलो|कहो\n", encoding="utf-8")
        for card in map(cards.load, ("hin_eng", "bible_hin_eng")):  # which phrases are learned from
            write_card_data(card, data, spans=False)
    said: list[str] = []
    model = train(recipe, tmp_path / "run", data_dir=data, say=said.append)

    run = tmp_path / "run"
    assert model == run / "model"
    assert (run / "DONE").is_file()
    assert not (run / "checkpoints").exists()
    metrics = json.loads((run / "metrics.json").read_text(encoding="utf-8"))
    for split in [split for split in ("dev", "test") if getattr(recipe.evaluate, split)]:
        most = 100 if recipe.task == "translate" else 1  # BLEU is a percentage
        assert 0 <= metrics[split][recipe.evaluate.select or named(recipe.task).main_metric] <= most
        assert metrics[split]["signatures" if recipe.task == "translate" else "signature"]
        assert metrics[split]["rows" if pairs else "support"] > 0, "the tags were read from the right column"
    record = json.loads((run / "data.json").read_text(encoding="utf-8"))
    assert {entry["card"] for entry in record} == {card.name for card in used}
    assert any("2 steps" in line for line in said)

    from nlpkit.engine import bundle

    loaded = bundle.load(str(model))
    assert loaded.info["task"] == recipe.task
    assert all(cards.load(entry["card"]).license in (model / "README.md").read_text("utf-8") for entry in record)
    if pairs:
        return  # the labels are languages
    types = {kind for card in used for kind in card.nlpkit.labels.types}
    if wanted := recipe.options.get("types"):
        types = set(wanted)
    if named(recipe.task).head == "texts":
        types |= {"swh_Latn", "eng_Latn", "yor_Latn", "hin_Latn"} if not types else set()
    if named(recipe.task).spans:
        types = {"O"} | {f"{prefix}-{kind}" for kind in types for prefix in "BI"}
    assert types - {"SYM", "X"} <= set(loaded.info["labels"]) <= types  # some UPOS are rare


def test_a_recipe_without_its_data_says_how_to_get_it(tmp_path: Path) -> None:
    from nlpkit.errors import InputError

    with pytest.raises(InputError) as caught:
        train(load_recipe("ner/wnut17_en", TINY), tmp_path / "run", data_dir=tmp_path)
    assert "`wnut17_en` is not on this machine" in caught.value.message
    assert "nlpkit data fetch wnut17_en" in caught.value.hint


def test_fixture_rows_lie_where_the_card_looks(tmp_path: Path) -> None:
    card = cards.load("uner_zh_gsd")
    write_card_data(card, tmp_path, spans=True)
    assert find(card, "dev", tmp_path) == tmp_path / "uner_zh_gsd" / "dev.iob2"
    assert places.samples() not in find(card, "dev", tmp_path).parents
