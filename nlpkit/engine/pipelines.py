"""spaCy pipelines: trained by spaCy's own trainer on our rows, or installed ones, as taggers of given words."""

from __future__ import annotations

import io
import json
import shutil
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import spacy
from spacy.cli.init_config import init_config
from spacy.tokens import Doc
from spacy.training import Example
from spacy.training.initialize import init_nlp
from spacy.training.loop import train as train_nlp
from spacy.util import load_config_from_str

from nlpkit.config.recipe import SpacyModel
from nlpkit.data.features import Output
from nlpkit.data.tokenize import blank, cut_by
from nlpkit.errors import InputError

MODEL_TYPE = "nlpkit-spacy"
FOLDER = "pipeline"
# spaCy calls blanks SPACE
_UPOS = "ADJ ADP ADV AUX CCONJ DET INTJ NOUN NUM PART PRON PROPN PUNCT SCONJ SYM VERB X SPACE"
_COMPONENTS = {True: "ner", False: "tagger"}  # by: are the tags spans?


def _doc(vocab: Any, words: Sequence[str], **gold: Any) -> Doc:
    # spaCy's entity recognizer refuses entities that begin or end with a blank token
    return Doc(vocab, words=[word if word.strip() else "_" for word in words], **gold)


def check_base(name: str) -> None:
    """Raise InputError where the pipeline whose vectors are wanted is not installed."""
    if not spacy.util.is_package(name) and not Path(name).is_dir():
        raise InputError(f"model.spacy.base: no pipeline `{name}` is installed", f"spacy download {name}")


def entity_tags(doc: Doc) -> list[str]:
    """IOB2 tags of the entities of a Doc."""
    return [f"{token.ent_iob_}-{token.ent_type_}" if token.ent_type_ else "O" for token in doc]


class Pipeline:
    """A spaCy pipeline that tags words. ``spans``: its entities are wanted, not its parts of speech."""

    def __init__(self, nlp: Any, labels: Sequence[str], *, spans: bool, coarse: bool = False) -> None:
        self.nlp, self.labels, self.spans, self.coarse = nlp, list(labels), spans, coarse
        self._number = {label: number for number, label in enumerate(self.labels)}
        self.words = cut_by(nlp.tokenizer)  # how raw text is cut for it

    @classmethod
    def installed(cls, name: str, *, spans: bool) -> Pipeline:
        """``spacy.load(name)``. Raises InputError where it is not installed, or does not do what is asked."""
        try:
            nlp = spacy.load(name)
        except (OSError, ImportError, ValueError) as error:
            first = str(error).splitlines()[0]
            raise InputError(f"cannot load the spaCy pipeline `{name}`: {first}", f"spacy download {name}") from None
        pipes = nlp.pipe_names
        if spans:
            if "ner" not in pipes:
                raise InputError(f"`{name}` has no component ner, it has {', '.join(pipes) or 'none'}")
            types = sorted(nlp.get_pipe("ner").labels)
            return cls(nlp, ["O", *(f"{mark}-{kind}" for kind in types for mark in "BI")], spans=True)
        if {"morphologizer", "attribute_ruler"} & set(pipes):
            return cls(nlp, [*_UPOS.split(), "_"], spans=False, coarse=True)
        if "tagger" not in pipes:
            raise InputError(f"`{name}` does not tag parts of speech, it has {', '.join(pipes) or 'no component'}")
        return cls(nlp, [*nlp.get_pipe("tagger").labels, "_"], spans=False)

    @classmethod
    def train(
        cls,
        spec: SpacyModel,
        labels: Sequence[str],
        train: Sequence[tuple[Sequence[str], Sequence[str]]],
        dev: Sequence[tuple[Sequence[str], Sequence[str]]],
        work: Path,
        *,
        spans: bool,
        lang: str,
        seed: int,
        say: Callable[[str], None],
        tick: Callable[[int, int, str], None],
        poll: Callable[[], None],
    ) -> Pipeline:
        """Learn from (words, tags) pairs; the weights best on ``dev`` by spaCy's own score are kept.

        spaCy writes its checkpoints into the folder ``work``, which is removed at the end.
        """
        parts = {"train": train, "dev": dev}

        def reader(part: str) -> Callable[[Any], Iterator[Example]]:
            def examples(nlp: Any) -> Iterator[Example]:
                for words, tags in parts[part]:
                    if words:
                        kept = list(tags) if spans else ["" if tag == "_" else tag for tag in tags]
                        gold = {"ents": kept} if spans else {"tags": kept}
                        yield Example(_doc(nlp.vocab, words), _doc(nlp.vocab, words, **gold))

            return examples

        def logger() -> Callable[..., Any]:
            def setup(nlp: Any, stdout: Any, stderr: Any) -> Any:
                def step(info: dict[str, Any] | None) -> None:
                    if info is not None:
                        loss = sum(info["losses"].values())
                        best = " *" if info["score"] == max(score for score, _ in info["checkpoints"]) else ""
                        say(f"step {info['step']}  loss {loss:.1f}  spaCy's dev score {info['score']:.4f}{best}")

                return step, lambda: None

            return setup

        def watch() -> Callable[[Any, dict[str, Any]], None]:
            def before_update(nlp: Any, info: dict[str, Any]) -> None:
                poll()
                tick(info["step"], spec.max_steps, f"epoch {info['epoch']}")

            return before_update

        spacy.registry.readers.register("nlpkit.rows.v1", func=reader)
        spacy.registry.loggers.register("nlpkit.log.v1", func=logger)
        spacy.registry.callbacks.register("nlpkit.watch.v1", func=watch)
        name = _COMPONENTS[spans]
        code = blank(lang).lang
        config = init_config(lang=code, pipeline=[name], optimize=spec.optimize, gpu=False)
        plain = {key: config["training"].get(key) for key in ("logger", "before_update")}
        config["corpora"] = {part: {"@readers": "nlpkit.rows.v1", "part": part} for part in parts}
        config["training"] |= {
            "seed": seed,
            "max_steps": spec.max_steps,
            "eval_frequency": min(spec.eval_every, spec.max_steps),  # only scored weights are kept
            "patience": spec.patience,
            "logger": {"@loggers": "nlpkit.log.v1"},
            "before_update": {"@callbacks": "nlpkit.watch.v1"},
        }
        config["initialize"]["vectors"] = spec.base
        _static_vectors(config, spec.base is not None)
        nlp = init_nlp(load_config_from_str(config.to_str()))
        work.mkdir(parents=True, exist_ok=True)
        train_nlp(nlp, work, stdout=io.StringIO(), stderr=io.StringIO())
        nlp = spacy.load(work / "model-best")
        shutil.rmtree(work)
        nlp.config["training"] |= plain
        nlp.config["corpora"] = {}
        return cls(nlp, labels, spans=spans)

    def tag_words(self, rows: Sequence[Sequence[str]], poll: Callable[[], None] = lambda: None) -> list[Output]:
        """The labels of each row's words; spaCy gives no probabilities."""
        outputs = []
        for doc in self.nlp.pipe(_doc(self.nlp.vocab, words) for words in rows):
            poll()
            if self.spans:
                tags = entity_tags(doc)
            else:
                tags = [(t.pos_ if self.coarse else t.tag_) or "_" for t in doc]
            outputs.append(Output([self._number.get(tag, self._number.get("_", 0)) for tag in tags], None))
        return outputs

    def weights(self) -> int:
        return sum(
            int(node.get_param(name).size)
            for _, pipe in self.nlp.pipeline
            if hasattr(pipe, "model")
            for node in pipe.model.walk()
            for name in node.param_names
            if node.has_param(name)
        )

    def save(self, folder: Path) -> None:
        """``pipeline/`` is a folder that ``spacy.load`` reads."""
        self.nlp.to_disk(folder / FOLDER)
        facts = {"model_type": MODEL_TYPE, "labels": self.labels, "spans": self.spans}
        (folder / "config.json").write_text(json.dumps(facts, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")

    @classmethod
    def load(cls, folder: Path, facts: dict[str, Any]) -> Pipeline:
        try:
            return cls(spacy.load(folder / FOLDER), facts["labels"], spans=bool(facts["spans"]))
        except Exception as error:  # spaCy's readers of damaged files raise whatever msgpack and numpy do
            first = str(error).splitlines()[0] if str(error) else type(error).__name__
            raise InputError(f"`{folder / FOLDER}` is damaged: {first}", "copy or train the model again") from None


def _static_vectors(config: Any, wanted: bool) -> None:
    """`init config` may ask for vectors that nobody named."""
    for component in config["components"].values():
        embed = component.get("model", {}).get("tok2vec", component.get("model", {})).get("embed", {})
        if "include_static_vectors" in embed:
            embed["include_static_vectors"] = wanted
