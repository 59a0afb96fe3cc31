"""Charts of the pages as options of ECharts; no page in here, and nothing of a chart is HTML that a user wrote."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

from strandloom.studio.progress import Curve

BLUE, ORANGE, GREEN, RED, GREY = "#3b6fd4", "#d9822b", "#2f9e6e", "#cf4a4a", "#8a94a6"
COLOURS = (BLUE, ORANGE, GREEN, RED, "#8a5cc2", "#3aa0b8", "#b7791f", GREY)
_AXIS: dict[str, Any] = {
    "axisLine": {"lineStyle": {"color": GREY}},
    "axisLabel": {"color": GREY},
    "splitLine": {"lineStyle": {"color": GREY, "opacity": 0.18}},
}


def _base(x: str, y: str, **more: Any) -> dict[str, Any]:
    named = [x for x in more.get("series", ()) if "name" in x]
    return {
        "animation": False,
        "color": list(COLOURS),
        "grid": {"left": 62, "right": 18, "top": 34, "bottom": 46},
        "legend": {"top": 0, "textStyle": {"color": GREY}, "type": "scroll", "show": len(named) > 1},
        "tooltip": {"trigger": "axis", "confine": True},
        "xAxis": {
            "type": "value",
            "name": x,
            "nameLocation": "middle",
            "nameGap": 28,
            "nameTextStyle": {"color": GREY},
            **_AXIS,
        },
        "yAxis": {
            "type": "value",
            "name": y,
            "nameTextStyle": {"color": GREY, "align": "left"},
            "scale": True,
            **_AXIS,
        },
        **more,
    }


def losses(curves: Sequence[Curve], *, planned: int | None = None) -> dict[str, Any]:
    """Loss of training and validation by epoch, the best epoch marked; the axis is as long as is planned, so that nothing moves."""
    series: list[dict[str, Any]] = []
    for i, curve in enumerate(curves):
        suffix = f" {curve.name}" if curve.name else ""
        colour = COLOURS[i % len(COLOURS)]
        for key, words, kind in (("train_loss", "train", "dashed"), ("validation_loss", "validation", "solid")):
            points = [[x["epoch"], x.get(key)] for x in curve.epochs]
            one = {
                "name": words + suffix, "type": "line", "data": points, "showSymbol": len(points) < 3, "symbolSize": 5,
                "lineStyle": {"type": kind, "color": colour}, "itemStyle": {"color": colour},
            }  # fmt: skip
            if key == "validation_loss" and curve.best is not None:
                value = next(x["validation_loss"] for x in curve.epochs if x["epoch"] == curve.best)
                one["markPoint"] = {
                    "symbol": "circle", "symbolSize": 9, "data": [{"coord": [curve.best, value], "name": "best epoch"}],
                    "label": {
                        "show": True, "position": "left" if curve.best > 1 else "right",
                        "formatter": f"best: epoch {curve.best}", "color": colour,
                    },
                }  # fmt: skip
            series.append(one)
    found = _base("epoch", "loss", series=series)
    _epochs(found, planned)
    return found


def _epochs(options: dict[str, Any], planned: int | None) -> None:
    options["xAxis"] |= {"minInterval": 1, "min": 1, **({"max": planned} if planned and planned > 1 else {})}


def metrics(curves: Sequence[Curve], name: str, *, planned: int | None = None) -> dict[str, Any]:
    """A validation figure by epoch."""
    series = [
        {
            "name": curve.name or name, "type": "line", "showSymbol": len(curve.epochs) < 3,
            "data": [[x["epoch"], y] for x, y in zip(curve.epochs, curve.values(name), strict=True)],
        }
        for curve in curves
    ]  # fmt: skip
    found = _base("epoch", name.replace("_", " "), series=series)
    _epochs(found, planned)
    return found


def overlay(runs: Mapping[str, Sequence[Curve]], key: str = "validation_loss") -> dict[str, Any]:
    """The first network of several runs, one line each."""
    series = [
        {
            "name": name,
            "type": "line",
            "showSymbol": False,
            "data": [[x["epoch"], x.get(key)] for x in curves[0].epochs],
        }
        for name, curves in runs.items()
        if curves
    ]
    return _base("epoch", key.replace("_", " "), series=series)


def histogram(edges: Sequence[float], counts: Sequence[float], *, x: str, y: str = "rows") -> dict[str, Any]:
    """Bars over bins."""
    middles = [(a + b) / 2 for a, b in itertools.pairwise(edges)]
    found = _base(
        x, y, series=[{"type": "bar", "data": list(map(list, zip(middles, counts, strict=True))), "barWidth": "92%"}]
    )
    found["xAxis"] |= {"min": round(edges[0], 6), "max": round(edges[-1], 6)}
    found["xAxis"]["axisLabel"] = {**_AXIS["axisLabel"], "showMaxLabel": False, "showMinLabel": False}
    found["yAxis"]["scale"] = False
    return found


def bars(names: Sequence[str], counts: Sequence[float], *, y: str = "rows") -> dict[str, Any]:
    """A bar a name."""
    found = _base("", y, series=[{"type": "bar", "data": list(counts), "barMaxWidth": 46}])
    found["xAxis"] = {"type": "category", "data": list(names), **_AXIS}
    found["yAxis"]["scale"] = False
    return found


def stacked(names: Sequence[str], values: Mapping[str, Sequence[float]]) -> dict[str, Any]:
    """Shares of each name as one bar, the last part grey."""
    parts = list(values)
    series = [
        {
            "name": part, "type": "bar", "stack": "all", "barMaxWidth": 22, "data": [round(x, 4) for x in values[part]],
            "itemStyle": {"color": GREY if part == parts[-1] else COLOURS[i % (len(COLOURS) - 1)]},
        }
        for i, part in enumerate(parts)
    ]  # fmt: skip
    found = _base("share", "", series=series)
    found["grid"] = {"left": 130, "right": 24, "top": 34, "bottom": 46}
    found["yAxis"] = {"type": "category", "data": list(names), "inverse": True, **_AXIS}
    found["xAxis"] |= {"min": 0, "max": 1}
    return found


def scatter(points: Sequence[Sequence[float]], *, x: str, y: str) -> dict[str, Any]:
    """Measured against predicted, with the line where both are equal."""
    if not points:
        return _base(x, y, series=[])
    low = min(min(p[0], p[1]) for p in points)
    high = max(max(p[0], p[1]) for p in points)
    line = {
        "type": "line",
        "data": [[low, low], [high, high]],
        "showSymbol": False,
        "lineStyle": {"color": GREY, "type": "dashed"},
        "silent": True,
    }
    dots = {
        "type": "scatter",
        "data": [list(p) for p in points],
        "symbolSize": 6,
        "itemStyle": {"opacity": 0.55},
        "large": len(points) > 3000,
    }
    found = _base(x, y, series=[dots, line])
    found["tooltip"] = {"trigger": "item", "confine": True}
    found["xAxis"]["scale"] = True
    return found


def confusion(names: Sequence[str], counts: Sequence[Sequence[int]]) -> dict[str, Any]:
    """Rows truth, columns answers; colour by the share of the row."""
    cells = []
    for i, row in enumerate(counts):
        total = sum(row) or 1
        cells += [[j, i, round(count / total, 4), count] for j, count in enumerate(row)]
    return {
        "animation": False,
        "tooltip": {"confine": True},
        "grid": {"left": 110, "right": 20, "top": 20, "bottom": 70},
        "xAxis": {"type": "category", "data": list(names), "name": "answer", "nameLocation": "middle", "nameGap": 44, **_AXIS},
        "yAxis": {"type": "category", "data": list(names), "name": "truth", "inverse": True, **_AXIS},
        "visualMap": {"show": False, "min": 0, "max": 1, "dimension": 2, "inRange": {"color": ["rgba(59,111,212,.05)", BLUE]}},
        "series": [
            {
                "type": "heatmap", "data": cells, "encode": {"x": 0, "y": 1, "value": 2, "tooltip": [3, 2]},
                "dimensions": ["answer", "truth", "share", "rows"], "label": {"show": len(names) <= 12, "formatter": "{@rows}"},
            }
        ],
    }  # fmt: skip


def curves(
    found: Mapping[str, Mapping[str, Sequence[float]]], *, x: str, y: str, diagonal: bool = False
) -> dict[str, Any]:
    """Curves by name."""
    series: list[dict[str, Any]] = [
        {
            "name": name,
            "type": "line",
            "showSymbol": False,
            "data": list(map(list, zip(one["x"], one["y"], strict=True))),
        }
        for name, one in found.items()
    ]
    if diagonal:
        series.append(
            {
                "type": "line",
                "data": [[0, 0], [1, 1]],
                "showSymbol": False,
                "lineStyle": {"color": GREY, "type": "dashed"},
                "silent": True,
            }
        )
    options = _base(x, y, series=series)
    options["xAxis"] |= {"min": 0, "max": 1}
    options["yAxis"] |= {"min": 0, "max": 1}
    return options


def reliability(bins: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """How often the model is right, by how sure it is."""
    points = [[one["confidence"], one["accuracy"], one["n"]] for one in bins if one["n"]]
    line = {
        "type": "line",
        "data": [[0, 0], [1, 1]],
        "showSymbol": False,
        "lineStyle": {"color": GREY, "type": "dashed"},
        "silent": True,
    }
    found = _base(
        "probability of the answer",
        "share that is right",
        series=[{"type": "line", "data": points, "symbolSize": 7}, line],
    )
    found["xAxis"] |= {"min": 0, "max": 1}
    found["yAxis"] |= {"min": 0, "max": 1}
    return found


def forest(rows: Sequence[tuple[str, Mapping[str, Any]]], *, x: str) -> dict[str, Any]:
    """Figures with their intervals, a line a system."""
    names = [name for name, _ in rows]
    points = [[one["value"], i] for i, (_, one) in enumerate(rows) if one.get("value") is not None]
    whiskers = [
        {
            "type": "line",
            "data": [[one["low"], i], [one["high"], i]],
            "showSymbol": False,
            "lineStyle": {"color": COLOURS[0] if i == 0 else GREY},
            "silent": True,
        }
        for i, (_, one) in enumerate(rows)
        if one.get("low") is not None
    ]
    found = _base(x, "", series=[{"type": "scatter", "data": points, "symbolSize": 9}, *whiskers])
    found["grid"] = {"left": 210, "right": 24, "top": 12, "bottom": 46}
    found["yAxis"] = {"type": "category", "data": names, "inverse": True, **_AXIS}
    found["xAxis"]["scale"] = True
    found["tooltip"] = {"trigger": "item", "confine": True}
    del found["legend"]
    return found


def heat(letters: str, effects: Sequence[Sequence[float]], *, first: int = 1) -> dict[str, Any]:
    """What each substitution would do: positions along, the four bases up; the base that stands there is 0."""
    cells = [[i, j, round(value, 4)] for i, row in enumerate(effects) for j, value in enumerate(row)]
    most = max((abs(x[2]) for x in cells), default=1.0) or 1.0
    return {
        "animation": False,
        "tooltip": {"confine": True},
        "grid": {"left": 50, "right": 10, "top": 8, "bottom": 44},
        "xAxis": {
            "type": "category",
            "data": [f"{x} {first + i}" for i, x in enumerate(letters)],
            **_AXIS,
            "axisLabel": {"color": GREY, "fontSize": 10},
        },
        "yAxis": {"type": "category", "data": ["A", "C", "G", "T"], "inverse": True, **_AXIS},
        "visualMap": {
            "show": False,
            "min": -most,
            "max": most,
            "dimension": 2,
            "inRange": {"color": [ORANGE, "rgba(138,148,166,.06)", BLUE]},
        },
        "series": [{"type": "heatmap", "data": cells}],
    }
