"""Pictures of scores as SVG, drawn by matplotlib; text stays text, so a browser finds the font for any script."""

from __future__ import annotations

import io
import logging
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from nlpkit.data.files import write_whole

_STYLE = {
    "svg.fonttype": "none",
    "svg.hashsalt": "nlpkit",
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
}


def _figure(width: float, height: float) -> tuple[Any, Any]:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    return figure, figure.add_subplot()


def _save(draw: Any, path: Path) -> None:
    """Draw and write; the same bytes for the same scores."""
    logging.getLogger("matplotlib").setLevel(logging.ERROR)  # it tells of its font cache
    import matplotlib

    text = io.StringIO()
    with matplotlib.rc_context(_STYLE), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the font that it measures with lacks most scripts
        draw().savefig(text, format="svg", metadata={"Date": None, "Creator": None})
    with write_whole(path) as file:
        file.write(text.getvalue())


def confusion(labels: Sequence[str], counts: Sequence[Sequence[int]], path: Path) -> None:
    """Rows are right labels, columns those given; a cell is as dark as its share of the row."""

    def draw() -> Any:
        side = max(2.5, 0.6 * len(labels) + 1.5)
        figure, axes = _figure(side, side)
        shares = [[count / max(1, sum(row)) for count in row] for row in counts]
        axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
        for at, row in enumerate(counts):
            for place, count in enumerate(row):
                color = "white" if shares[at][place] > 0.5 else "black"
                axes.text(place, at, str(count), ha="center", va="center", color=color)
        axes.set_xticks(range(len(labels)), labels, rotation=45, ha="right", parse_math=False)
        axes.set_yticks(range(len(labels)), labels, parse_math=False)
        axes.set_xlabel("given")
        axes.set_ylabel("right")
        axes.spines[:].set_visible(False)
        return figure

    _save(draw, path)


def reliability(bins: Sequence[Sequence[float]], path: Path) -> None:
    """Accuracy by probability: a dot on the line means what it says; the larger, the more answers."""

    def draw() -> Any:
        figure, axes = _figure(3.4, 3.2)
        total = sum(entry[2] for entry in bins) or 1
        axes.plot([0, 1], [0, 1], color="0.7", linewidth=1)
        axes.plot([entry[0] for entry in bins], [entry[1] for entry in bins], color="#2c6fbb", linewidth=1)
        sizes = [12 + 200 * entry[2] / total for entry in bins]
        axes.scatter([entry[0] for entry in bins], [entry[1] for entry in bins], s=sizes, color="#2c6fbb")
        axes.set(xlim=(0, 1.02), ylim=(0, 1.02), xlabel="probability of the label given", ylabel="share that is right")
        return figure

    _save(draw, path)


def curve(points: Sequence[dict[str, Any]], metric: str, path: Path) -> None:
    """Scores by training rows, with their 95 % intervals."""

    def draw() -> Any:
        figure, axes = _figure(4.2, 3.2)
        for use, color in (("dev", "#2c6fbb"), ("test", "#c2571a")):
            found = [point for point in points if use in point]
            if not found:
                continue
            rows = [point["rows"] for point in found]
            axes.plot(rows, [point[use][metric] for point in found], marker="o", color=color, label=use)
            low, high = ([point[use]["interval"][end] for point in found] for end in (0, 1))
            axes.fill_between(rows, low, high, color=color, alpha=0.15, linewidth=0)
        axes.set(xlabel="training rows", ylabel=metric)
        axes.legend(frameon=False)
        return figure

    _save(draw, path)


def histograms(series: Sequence[tuple[str, Mapping[int, int]]], title: str, width: int, path: Path) -> None:
    """Distributions over each other, as shares: (name, how many lie at each whole number) for each.

    Bars are ``width`` wide, but where that is 1 they stand about their number. The first is filled, others are lines.
    """

    def draw() -> Any:
        figure, axes = _figure(4.2, 3.2)
        last = max((at for _, counts in series for at in counts), default=0) // width
        edges = [(at - 0.5) if width == 1 else at * width for at in range(last + 2)]
        looks: list[dict[str, Any]] = [
            {"fill": True, "alpha": 0.45, "color": "#2c6fbb"},
            {"linewidth": 1.5, "color": "#c2571a"},
        ]
        handles = []
        for place, (_, counts) in enumerate(series):
            shares, total = [0.0] * (last + 1), sum(counts.values()) or 1
            for at, number in counts.items():
                shares[at // width] += number / total
            handles.append(axes.stairs(shares, edges, **looks[min(place, 1)]))
        axes.set(xlim=(edges[0], edges[-1]), xlabel=title, ylabel="share of the utterances")
        axes.set_ylim(bottom=0)
        axes.locator_params(axis="x", integer=True)
        legend = figure.legend(handles, [title] * len(handles), loc="outside upper left", frameon=False)
        for text, (name, _) in zip(legend.get_texts(), series, strict=True):
            text.set(text=name, parse_math=False)  # not as a label, which may not begin with an underscore
        return figure

    _save(draw, path)


def of_scores(scores: dict[str, Any], folder: Path, name: str) -> list[Path]:
    """Whatever can be drawn of some scores, as ``NAME-confusion.svg`` and ``NAME-reliability.svg``."""
    found = []
    if matrix := scores.get("matrix"):
        found.append(folder / f"{name}-confusion.svg")
        confusion(matrix["labels"], matrix["counts"], found[-1])
    if bins := scores.get("reliability"):
        found.append(folder / f"{name}-reliability.svg")
        reliability(bins, found[-1])
    return found
