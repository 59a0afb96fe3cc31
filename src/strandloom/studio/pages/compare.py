"""Runs side by side: figures with intervals, curves on one another, what differs in their experiments."""

from __future__ import annotations

from typing import Any

from fastapi import Request
from nicegui import ui

from strandloom.errors import UsageError
from strandloom.io.plain import read_json
from strandloom.report.compare import setting_differences
from strandloom.studio import charts
from strandloom.studio.jobs import Look
from strandloom.studio.look import card, command, empty, frame, heading, scored, table
from strandloom.studio.progress import read_curves
from strandloom.studio.studio import Studio


def register(studio: Studio) -> None:
    """The page."""

    @ui.page("/compare")
    def compare(request: Request, runs: str = "") -> None:
        with frame(studio, request, "Compare", here="/compare"):
            heading("Compare", "The same figures of several runs, and what was set differently.")
            every = {x.id: f"{x.name} ({x.state})" for x in studio.queue.every()}
            chosen = [int(x) for x in runs.split(",") if x.isdigit() and int(x) in every]
            ui.select(
                every, value=chosen, label="Runs", multiple=True,
                on_change=lambda e: ui.navigate.to("/compare?runs=" + ",".join(map(str, e.value))),
            ).props("dense outlined use-chips options-dense").classes("w-full")  # fmt: skip
            looks: dict[str, Look] = {}
            for number in chosen:
                try:
                    look = studio.queue.look(number)
                except UsageError:
                    continue
                name = look.run.name if look.run.name not in looks else f"{look.run.name} #{number}"
                looks[name] = look
            if len(looks) < 2:
                empty(
                    "Choose two runs or more",
                    "Their figures stand side by side, with intervals; only runs judged on the same rows can be ranked.",
                )
                return
            _figures(looks)
            with card("Validation loss"):
                curves = {name: read_curves(x.folder.path) for name, x in looks.items()}
                ui.echart(charts.overlay(curves)).classes("w-full h-72")
            with card("What was set differently"):
                texts = [(x.home / "experiment.yaml").read_text() for x in looks.values()]
                found = setting_differences(texts)
                if found:
                    rows = [
                        {"id": i, "name": x.name, **{f"v{j}": v for j, v in enumerate(x.values)}}
                        for i, x in enumerate(found)
                    ]
                    table([("name", "Setting"), *((f"v{j}", name) for j, name in enumerate(looks))], rows).props(
                        "wrap-cells"
                    )
                else:
                    ui.label("Nothing: the experiments are the same.").classes("soft small")
            command(
                "strandloom compare "
                + " ".join(f"{x.run.folder}/run" for x in looks.values())
                + " --out comparison.html"
            )


def _figures(looks: dict[str, Look]) -> None:
    found: dict[str, dict[str, Any]] = {
        name: read_json(x.folder.evaluation) for name, x in looks.items() if x.folder.evaluation.is_file()
    }
    with card("Figures", "with intervals; best where all were judged on the same rows"):
        if not found:
            ui.label("None of them is finished.").classes("soft small")
            return
        metrics = [m for m in next(iter(found.values()))["model"] if all(m in x["model"] for x in found.values())]
        rows = [
            {
                "id": i,
                "name": name,
                "url": f"/runs/{looks[name].run.id}",
                "rows": one["rows"],
                **{m: scored(one["model"][m]) for m in metrics},
            }
            for i, (name, one) in enumerate(found.items())
        ]
        table(
            [("name", "Run"), ("rows", "test rows"), *((m, m.replace("_", " ")) for m in metrics)],
            rows,
            links={"name": "url"},
            right=["rows", *metrics],
        )
        primary = next(iter(found.values()))["primary"]
        if primary in metrics:
            points = [(name, one["model"][primary]) for name, one in found.items()]
            ui.echart(charts.forest(points, x=primary.replace("_", " "))).classes("w-full").style(
                f"height:{80 + 30 * len(points)}px"
            )
