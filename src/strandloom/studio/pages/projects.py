"""Projects and what happened last in each."""

from __future__ import annotations

from collections import Counter

from fastapi import Request
from nicegui import ui
from sqlalchemy import func, select

from strandloom.studio.look import Me, card, empty, frame, heading, state
from strandloom.studio.store import DataSet, Project
from strandloom.studio.studio import Studio
from strandloom.studio.tidy import delete_project, rename_project


def register(studio: Studio) -> None:
    """The first page."""

    @ui.page("/")
    def projects(request: Request) -> None:
        with frame(studio, request, "Projects", here="/") as me:
            heading("Projects", "Data, models and runs that belong together.")
            with studio.store.begin() as session:
                counted = dict(
                    session.execute(
                        select(DataSet.project_id, func.count())
                        .where(DataSet.deleted == "")
                        .group_by(DataSet.project_id)
                    )
                    .tuples()
                    .all()
                )
            runs = studio.queue.every()
            if not runs and not counted:
                empty(
                    "Begin with data",
                    "1. Data: bring a table or a FASTA with labels or measured values; it is looked through and kept as version 1.",
                    "2. Models: take a preset or build a network from blocks; shapes and weights are shown while you do.",
                    "3. Runs: train it. Every result stands beside baselines on the same rows, with what leaks from train into test.",
                )
            for project in studio.projects():
                own = [x for x in runs if x.project_id == project.id]
                with card(project.name):
                    states = Counter(x.state for x in own)
                    words = ", ".join(f"{n} {name}" for name, n in states.items()) or "no runs yet"
                    data = counted.get(project.id, 0)
                    ui.label(f"{data} data set{'s' if data != 1 else ''} · {words}").classes("soft small")
                    with ui.row().classes("gap-4"):
                        ui.link("Data", f"/data?project={project.id}").classes("small")
                        ui.link("Runs", f"/runs?project={project.id}").classes("small")
                        if me.edits:
                            _tidy(me, project)
                    for run in own[:4]:
                        with ui.row().classes("items-center gap-3"):
                            state(run.state)
                            ui.link(run.name, f"/runs/{run.id}").classes("small")
                            ui.label(run.created[:16].replace("T", " ")).classes("soft small")
            if me.edits:
                with ui.row().classes("items-center gap-2"):
                    name = ui.input("New project").props("dense outlined")

                    def add() -> None:
                        studio.add_project(name.value)
                        ui.navigate.to("/")

                    ui.button("Add", on_click=me.act(add)).props("unelevated dense color=primary")


def _tidy(me: Me, project: Project) -> None:
    """Another name, or none any more."""

    def rename() -> None:
        rename_project(me.studio.store, project.id, str(name.value))
        ui.navigate.to("/")

    def delete() -> None:
        delete_project(me.studio.store, project.id)
        ui.navigate.to("/")

    with (
        ui.button("rename").props("flat dense size=sm color=primary"),
        ui.menu(),
        ui.row().classes("items-center q-pa-sm gap-2"),
    ):
        name = ui.input("Name", value=project.name).props("dense outlined")
        ui.button("Keep", on_click=me.act(rename)).props("unelevated dense color=primary")
    ui.button("delete", on_click=me.act(delete)).props("flat dense size=sm color=negative")
