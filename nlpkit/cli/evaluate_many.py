"""What `nlpkit evaluate` does with several models, cards or files: one table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nlpkit.cli import tables
from nlpkit.cli.streams import print_json, print_lines, stderr
from nlpkit.errors import CheckFailed, InputError

if TYPE_CHECKING:
    from nlpkit.config.recipe import Source
    from nlpkit.jobs.predict import Predictor


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is asked of the data and the models."""

    split: str
    read: str | None
    columns: dict[str, int | str]
    scheme: str | None
    data_dir: Path | None
    by: str | None
    precision: str
    device: str | None

    def card(self, name: str) -> Source:
        from nlpkit.config.recipe import Source

        return Source.model_validate(
            {"card": name, "split": self.split, "columns": self.columns, "scheme": self.scheme}
        )

    def file(self, path: str, kind: str, learned: dict[str, int | str]) -> Source:
        """``learned``: where the model's training rows had their tags."""
        from nlpkit.config.recipe import Source
        from nlpkit.data import formats

        usual = formats.DEFAULT[kind]
        fmt = self.read or formats.guess(path, usual, kind)
        fmt = usual if fmt == "text" else fmt
        places = {**(learned if fmt == "conllu" else {}), **self.columns}
        return Source.model_validate({"files": [path], "format": fmt, "columns": places, "scheme": self.scheme})

    def model(self, name: str, task: str | None) -> Predictor:
        from nlpkit.jobs.predict import Predictor

        return Predictor(name, task=task, precision=self.precision, device=self.device)


def suits(judge: Any, task: str, by: str | None, scheme: str | None) -> None:
    """Options that are for another task are refused."""
    if scheme is not None and not judge.spans:
        raise InputError(f"{task} has no tag scheme", "leave out --scheme")
    if by in ("type", "tag", "label") and by != judge.unit:
        hint = f"--by {judge.unit}, or --by lang" if judge.unit in ("type", "tag", "label") else "--by lang"
        raise InputError(f"`--by {by}` is not for {task}", hint)


def table(
    models: Sequence[str],
    cards: Sequence[str],
    golds: Sequence[str],
    task: str | None,
    limit: str | None,
    wanted: Wanted,
) -> dict[str, Any]:
    """Scores of models on cards or files; ``limit`` is the metric that is to be held."""
    from nlpkit.jobs import evaluate as job
    from nlpkit.jobs import model_table
    from nlpkit.jobs.leaks import Leaks
    from nlpkit.jobs.signals import Signals

    if len(set(models)) < len(models) or len({*cards, *golds}) < len(cards) + len(golds):
        raise InputError("a model or a card is named twice", "name each once")
    if wanted.by == "seen" and len(models) > 1:
        raise InputError("each model has seen other words, so --by seen is for one model", "ask of each alone")
    with Signals() as signals:
        first = wanted.model(models[0], task)
        task, judge = str(first.info["task"]), first.task
        model_table.look(models[1:], task)  # before hours are spent
        suits(judge, task, wanted.by, wanted.scheme)
        if limit is not None and limit != judge.main_metric:
            raise InputError(f"--fail-under: the table has no `{limit}`", f"the metric is {judge.main_metric}")
        if wanted.by == judge.unit:
            raise InputError(
                f"--by {wanted.by} is for one model on one card or file", "nlpkit evaluate MODEL --card NAME"
            )
        sources = {f"{card}/{wanted.split}": wanted.card(card) for card in cards}
        sources |= {path: wanted.file(path, judge.head, first.columns) for path in golds}
        sets = [
            model_table.Data(name, job.load_gold(source, wanted.data_dir, stderr.say, task))
            for name, source in sources.items()
        ]
        return model_table.table(
            models,
            sets,
            wanted.by,
            lambda name: first if name == models[0] else wanted.model(name, task),
            Leaks(wanted.data_dir, judge.head),
            stderr.say,
            signals.poll,
        )


def show(figures: dict[str, Any], to: str, as_json: bool) -> None:
    from nlpkit.jobs import model_table

    if as_json:
        print_json(figures)
        return
    print_lines([*tables.render(*model_table.cells(figures), to), *tables.notes(model_table.notes(figures), to)])


def hold(figures: dict[str, Any], least: float) -> None:
    """Raise CheckFailed where a model is under the limit on some rows."""
    for one in figures["models"]:
        for where, entry in one["scores"].items():
            if entry["value"] is not None and entry["value"] < least:
                what = f"{figures['metric']} of `{one['model']}` on {where}"
                raise CheckFailed(f"{what} is {entry['value']:.4f}, under {least}")
