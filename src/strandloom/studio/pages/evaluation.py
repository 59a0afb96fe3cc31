"""What came out of a run: its figures beside baselines, interactive, with a sequence behind every point."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from nicegui import ui

from strandloom.data.dataset import Dataset
from strandloom.data.load import load
from strandloom.experiment import read_experiment
from strandloom.io.plain import read_json
from strandloom.studio import charts, suggest
from strandloom.studio.jobs import EXPERIMENT, Look
from strandloom.studio.look import Me, card, facts, in_thread, number, says, scored, table
from strandloom.studio.pages.sequence import show_sequence

_MOST_POINTS = 4000
TITLES = {"network_alone": "the network alone"}


def show_evaluation(me: Me, look: Look, *, shared: bool = False) -> None:
    """Every figure of a finished run.

    Parameters
    ----------
    shared
        Whether a stranger looks: sequences behind points stay hidden.
    """
    evaluation = read_json(look.folder.evaluation)
    leakage = read_json(look.folder.data).get("leakage") or {}
    known = not shared and look.folder.predictions.is_file() and look.run.version is not None
    behind = _Behind(me, look) if known else None
    with card("What came out"):
        ui.label(look.verdict).classes("says")
        says(suggest.about_evaluation(evaluation, leakage))
        ui.link("The whole report", f"/studio/runs/{look.run.id}/report.html", new_tab=True).classes(
            "small"
        ).set_visibility(not shared)
    _systems(evaluation)
    if evaluation["task"] == "classes":
        _classes(evaluation, behind)
    elif evaluation["task"] == "labels":
        _labels(evaluation)
    else:
        _values(evaluation, behind)
    if behind is not None:
        behind.place()


def _systems(evaluation: dict[str, Any]) -> None:
    """The model beside the baselines."""
    primary = evaluation["primary"]
    names = {name: _title(evaluation, name) for name in evaluation["baselines"]}
    with ui.row().classes("w-full gap-4 items-stretch"):
        with card(
            f"{primary.replace('_', ' ')} beside baselines",
            f"{evaluation['rows']:,} rows; lines are {evaluation['interval']:.0%} intervals",
        ) as column:
            column.classes("flex-1").style("min-width:22rem")
            rows = [
                ("this model", evaluation["model"][primary]),
                *((names[x], evaluation["baselines"][x][primary]) for x in names),
            ]
            ui.echart(charts.forest(rows, x=primary.replace("_", " "))).classes("w-full").style(
                f"height:{80 + 30 * len(rows)}px"
            )
        with card("All figures") as column:
            column.classes("flex-1").style("min-width:22rem;overflow-x:auto")
            metrics = list(evaluation["model"])
            made = [
                {"id": i, "system": title, **{m: scored(scores.get(m), 3) for m in metrics}}
                for i, (title, scores) in enumerate(
                    (("this model", evaluation["model"]), *((names[x], evaluation["baselines"][x]) for x in names))
                )
            ]
            table([("system", ""), *((m, m.replace("_", " ")) for m in metrics)], made, right=metrics)


def _title(evaluation: dict[str, Any], name: str) -> str:
    return str(TITLES.get(name) or evaluation["baseline_facts"].get(name, {}).get("title") or name.replace("_", " "))


def _classes(evaluation: dict[str, Any], behind: _Behind | None) -> None:
    found = evaluation["curves"]
    with ui.row().classes("w-full gap-4 items-stretch"):
        if evaluation["confusion"]:
            with card("Truth and answers", "Click a cell to see its sequences.") as column:
                column.classes("flex-1").style("min-width:24rem")
                names = evaluation["classes"]
                chart = ui.echart(charts.confusion(names, evaluation["confusion"])).classes("w-full h-80")
                if behind is not None:
                    chart.on_point_click(lambda e: behind.cell(names[int(e.data[1])], names[int(e.data[0])]))
                says(suggest.about_confusion(evaluation))
        for key, title, x, y in (
            ("roc", "ROC", "false positive rate", "true positive rate"),
            ("pr", "Precision and recall", "recall", "precision"),
        ):
            if found.get(key):
                with card(title) as column:
                    column.classes("flex-1").style("min-width:20rem")
                    some = dict(list(found[key].items())[:12])
                    ui.echart(charts.curves(some, x=x, y=y, diagonal=key == "roc")).classes("w-full h-80")
        if found.get("reliability"):
            with card(
                "Is it as sure as it should be?",
                f"expected calibration error {scored(evaluation['model'].get('ece'))}",
            ) as column:
                column.classes("flex-1").style("min-width:20rem")
                ui.echart(charts.reliability(found["reliability"])).classes("w-full h-80")
    if evaluation["per_class"]:
        with card("Class by class"):
            rows = [
                {
                    "id": i,
                    "name": name,
                    "n": int(one["n"]),
                    **{k: number(one[k]) for k in ("precision", "recall", "f1", "roc_auc", "average_precision")},
                }
                for i, (name, one) in enumerate(evaluation["per_class"].items())
            ]
            columns = [
                ("name", "Class"),
                ("n", "rows"),
                ("precision", "precision"),
                ("recall", "recall"),
                ("f1", "F1"),
                ("roc_auc", "AUROC"),
                ("average_precision", "AUPRC"),
            ]
            table(columns, rows, right=[k for k, _ in columns[1:]])


def _labels(evaluation: dict[str, Any]) -> None:
    found = evaluation["labels"]
    with card("Label by label", "Sort by any column; a label without positive rows has no figure."):
        rows = [
            {
                "id": i, "label": one["label"], "group": one.get("group") or "", "positives": one["positives"],
                **{k: one[k] if one[k] is None else round(one[k], 4) for k in ("roc_auc", "average_precision", "f1_macro", "threshold")},
            }
            for i, one in enumerate(found["table"])
        ]  # fmt: skip
        columns = [
            ("label", "Label"),
            ("group", "Group"),
            ("positives", "positive rows"),
            ("roc_auc", "AUROC"),
            ("average_precision", "AUPRC"),
            ("f1_macro", "F1"),
            ("threshold", "threshold"),
        ]
        table(columns, rows, right=[k for k, _ in columns[2:]])
    with ui.row().classes("w-full gap-4"):
        for key, title in (("roc_auc", "AUROC"), ("average_precision", "AUPRC")):
            values = [x[key] for x in found["table"] if x[key] is not None]
            if values:
                counts, edges = np.histogram(values, bins=20, range=(0, 1))
                with card(f"{title} over labels") as column:
                    column.classes("flex-1").style("min-width:20rem")
                    ui.echart(charts.histogram(edges.tolist(), counts.tolist(), x=title, y="labels")).classes(
                        "w-full h-56"
                    )
    none = found.get("none") or {}
    if none:
        facts(
            [
                ("accuracy of the model", number(none.get("model"))),
                ("accuracy of the answer “no label”", number(none.get("accuracy"))),
            ]
        )


def _values(evaluation: dict[str, Any], behind: _Behind | None) -> None:
    says(suggest.about_values(evaluation))
    for target in evaluation["values"]["scatter"]:
        with ui.row().classes("w-full gap-4 items-stretch"):
            with card(f"{target}: predicted and measured", "Click a point to see its sequence.") as column:
                column.classes("flex-1").style("min-width:24rem")
                if behind is not None:
                    points = behind.points(target)
                else:
                    one = evaluation["values"]["scatter"][target]
                    points = list(map(list, zip(one["x"], one["y"], strict=True)))
                chart = ui.echart(charts.scatter(points, x="measured", y="predicted")).classes("w-full h-96")
                if behind is not None:
                    chart.on_point_click(lambda e: behind.row(int(e.data[2])) if len(e.data) > 2 else None)
            errors = evaluation["values"]["errors"].get(target)
            if errors:
                with card("Errors", "predicted minus measured") as column:
                    column.classes("flex-1").style("min-width:20rem")
                    ui.echart(charts.histogram(errors["edges"], errors["counts"], x="predicted − measured")).classes(
                        "w-full h-96"
                    )
    strata = evaluation["values"].get("strata") or []
    if strata:
        with card("By a column"):
            rows = [
                {
                    "id": i,
                    "label": x["label"],
                    "rows": x["rows"],
                    **{m: scored(x["model"].get(m)) for m in ("r2", "pearson_squared", "rmse")},
                }
                for i, x in enumerate(strata)
            ]
            table(
                [
                    ("label", "Rows with"),
                    ("rows", "rows"),
                    ("r2", "R²"),
                    ("pearson_squared", "Pearson²"),
                    ("rmse", "RMSE"),
                ],
                rows,
                right=("rows", "r2", "pearson_squared", "rmse"),
            )


class _Behind:
    """The sequences behind the points of a run.

    Parameters
    ----------
    me
        Who looks.
    look
        The run.
    """

    def __init__(self, me: Me, look: Look) -> None:
        self.me, self.look = me, look
        frame = pl.read_parquet(look.folder.predictions)
        self.frame = frame.filter(pl.col("part") != "validation") if "part" in frame.columns else frame
        self.box: Any = None

    def place(self) -> None:
        """Where a chosen sequence is shown."""
        self.box = ui.column().classes("w-full gap-3")

    def points(self, target: str) -> list[list[float]]:
        """Measured, predicted and row of each test row, some of many."""
        names = ("truth", "prediction")
        columns = [x if x in self.frame.columns else f"{x}_{target}" for x in names]
        if any(x not in self.frame.columns for x in columns):
            return []
        frame = self.frame.filter(pl.col(columns[0]).is_not_null() & pl.col(columns[0]).is_finite())
        if len(frame) > _MOST_POINTS:
            frame = frame.sample(_MOST_POINTS, seed=1)
        return [list(x) for x in frame.select(*columns, "row").iter_rows()]

    def cell(self, truth: str, answer: str) -> None:
        """The rows of a cell of the confusion table, the surest first."""
        frame = self.frame.filter((pl.col("truth") == truth) & (pl.col("prediction") == answer))
        if f"p_{answer}" in frame.columns:
            frame = frame.sort(f"p_{answer}", descending=True)
        self.box.clear()
        with (
            self.box,
            card(
                f"{truth}, taken for {answer}" if truth != answer else f"{truth}, and said so",
                f"{len(frame):,} rows, the surest first",
            ),
        ):
            column = f"p_{answer}"
            rows = [
                {"id": one["row"], "name": one["id"], "p": number(one.get(column))}
                for one in frame.head(200).iter_rows(named=True)
            ]
            found = table([("name", "Sequence"), ("p", f"probability of {answer}")], rows, right=("p",), per_page=8)
            found.on("rowClick", lambda e: self.row(int(e.args[1]["id"])))
            ui.label("Click a row to see its bases.").classes("soft small")
        ui.run_javascript(f"getHtmlElement({self.box.id}).scrollIntoView({{behavior: 'smooth', block: 'start'}})")

    async def row(self, row: int) -> None:
        """A sequence with what its answer rests on."""
        found = await in_thread(self._sequence, row)
        if found is None:
            ui.notify("this row is not in the data any more", type="warning")
            return
        name, letters = found
        self.box.clear()
        with self.box:
            await show_sequence(self.me, self.look, letters, title=name)

    def _sequence(self, row: int) -> tuple[str, str] | None:
        """Id and letters of a row of the data set."""
        from strandloom.alphabet import DNA

        wanted = self.frame.filter(pl.col("row") == row)["id"].to_list()
        dataset = self._dataset
        if not wanted or row >= len(dataset) or dataset.ids[row] != wanted[0]:
            return None
        return wanted[0], DNA.decode(np.asarray(dataset.codes[row]))

    @cached_property
    def _dataset(self) -> Dataset:
        """The data as the run read them, so that its row numbers hold."""
        experiment = read_experiment(self.look.home / EXPERIMENT)
        return load(experiment.data, task=experiment.task, resolve=Path)
