"""Pictures of scores as SVG, drawn by matplotlib; text stays text, so a browser finds the font for any script."""

from __future__ import annotations

import io
import logging
import math
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from nlpkit.data.files import write_whole

_COLORS = ("#2c6fbb", "#c2571a", "#5a9f4b", "#8a63b5", "#b59a2c", "#5c6b78")
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


def _svg(draw: Any) -> str:
    """The picture as text; the same for the same scores."""
    logging.getLogger("matplotlib").setLevel(logging.ERROR)  # it tells of its font cache
    import matplotlib

    text = io.StringIO()
    with matplotlib.rc_context(_STYLE), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the font that it measures with lacks most scripts
        draw().savefig(text, format="svg", metadata={"Date": None, "Creator": None})
    return text.getvalue()


def write(path: Path, svg: str) -> None:
    with write_whole(path) as file:
        file.write(svg)


def _cells(axes: Any, values: Sequence[Sequence[float]], low: float, high: float) -> None:
    """Squares from top to bottom, as shapes: a page that loads nothing shows no picture within a picture."""
    across, down = ([at - 0.5 for at in range(count + 1)] for count in (len(values[0]), len(values)))
    axes.pcolormesh(across, down, values, cmap="Blues", vmin=low, vmax=high, edgecolors="white", linewidth=0.5)
    axes.invert_yaxis()


def _legend(figure: Any, handles: Sequence[Any], names: Sequence[str]) -> None:
    legend = figure.legend(handles, ["-"] * len(handles), loc="outside upper left", frameon=False)
    for text, name in zip(legend.get_texts(), names, strict=True):
        text.set(text=name, parse_math=False)  # not as a label, which may not begin with an underscore


def confusion(labels: Sequence[str], counts: Sequence[Sequence[int]]) -> str:
    """Rows are right labels, columns those given; a cell is as dark as its share of the row."""

    def draw() -> Any:
        side = max(2.5, 0.6 * len(labels) + 1.5)
        figure, axes = _figure(side, side)
        shares = [[count / max(1, sum(row)) for count in row] for row in counts]
        _cells(axes, shares, 0, 1)
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

    return _svg(draw)


def reliability(bins: Sequence[Sequence[float]]) -> str:
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

    return _svg(draw)


def curve(points: Sequence[dict[str, Any]], metric: str) -> str:
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

    return _svg(draw)


def histograms(series: Sequence[tuple[str, Mapping[int, int]]], title: str, width: int) -> str:
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
        _legend(figure, handles, [name for name, _ in series])
        return figure

    return _svg(draw)


def bars(labels: Sequence[str], series: Sequence[tuple[str, Sequence[float]]], title: str) -> str:
    """A bar for each label, from top to bottom, in each of the series of (name, values)."""

    def draw() -> Any:
        figure, axes = _figure(4.6, max(1.6, 0.9 + 0.17 * len(labels) * max(1, len(series))))
        height = 0.8 / max(1, len(series))
        handles = []
        for number, (_, values) in enumerate(series):
            places = [at - 0.4 + (number + 0.5) * height for at in range(len(labels))]
            handles.append(axes.barh(places, values, height, color=_COLORS[number % len(_COLORS)]))
        axes.set_yticks(range(len(labels)), labels, parse_math=False)
        axes.set_ylim(len(labels) - 0.5, -0.5)
        axes.set_xlabel(title, parse_math=False)
        if len(series) > 1:
            _legend(figure, handles, [name for name, _ in series])
        return figure

    return _svg(draw)


def lines(series: Sequence[tuple[str, Sequence[tuple[float, float]]]], x: str, y: str) -> str:
    """A line through the points of each of the series of (name, points)."""

    def draw() -> Any:
        figure, axes = _figure(4.6, 3.2 + 0.18 * len(series))
        handles = []
        for number, (_, points) in enumerate(series):
            style = ("-", "--", ":")[number // len(_COLORS) % 3]
            color = _COLORS[number % len(_COLORS)]
            across, up = [point[0] for point in points], [point[1] for point in points]
            handles += axes.plot(across, up, style, marker=".", color=color, linewidth=1.2)
        axes.set_xlabel(x, parse_math=False)
        axes.set_ylabel(y, parse_math=False)
        if len(series) > 1:
            _legend(figure, handles, [name for name, _ in series])
        return figure

    return _svg(draw)


def heat(rows: Sequence[str], columns: Sequence[str], values: Sequence[Sequence[float | None]]) -> str:
    """A cell for each row and column, the darker the higher; white where there is no value."""

    def draw() -> Any:
        figure, axes = _figure(1.8 + 0.55 * len(columns), 1.2 + 0.35 * len(rows))
        found = [value for row in values for value in row if value is not None]
        low, high = min(found, default=0.0), max(found, default=1.0)
        cells = [[math.nan if value is None else value for value in row] for row in values]
        _cells(axes, cells, low - (high - low) / 4, high)
        for at, row in enumerate(values):
            for place, value in enumerate(row):
                if value is not None:
                    color = "white" if value > (low + high) / 2 else "black"
                    shown = f"{value:.1f}" if high > 1 else f"{value:.2f}"
                    axes.text(place, at, shown, ha="center", va="center", color=color, fontsize=7)
        axes.set_xticks(range(len(columns)), columns, rotation=45, ha="right", parse_math=False)
        axes.set_yticks(range(len(rows)), rows, parse_math=False)
        axes.spines[:].set_visible(False)
        return figure

    return _svg(draw)


def of_scores(scores: dict[str, Any], folder: Path, name: str) -> list[Path]:
    """Whatever can be drawn of some scores, as ``NAME-confusion.svg`` and ``NAME-reliability.svg``."""
    found = []
    if matrix := scores.get("matrix"):
        found.append(folder / f"{name}-confusion.svg")
        write(found[-1], confusion(matrix["labels"], matrix["counts"]))
    if bins := scores.get("reliability"):
        found.append(folder / f"{name}-reliability.svg")
        write(found[-1], reliability(bins))
    return found
