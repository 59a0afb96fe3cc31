"""The list of runs, and setting one up."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

from fastapi import Request
from nicegui import ui
from sqlalchemy import select
from sqlalchemy.orm import joinedload

from strandloom.errors import UsageError
from strandloom.studio.look import Me, empty, frame, heading, in_thread, table, tell, trash_row, upload_field
from strandloom.studio.look import gone as told_gone
from strandloom.studio.pages.setup import Setup
from strandloom.studio.store import Draft, Run, Version
from strandloom.studio.studio import Studio
from strandloom.studio.tidy import living_versions
from strandloom.words import plural


def register(studio: Studio) -> None:
    """The list, and the form of a new run."""

    @ui.page("/runs")
    def every(request: Request, project: int | None = None, gone: int | None = None) -> None:
        with frame(studio, request, "Runs", here="/runs") as me:
            heading("Runs", "Each is an ordinary run folder; a training goes on when the studio stops.")
            lost = next((x for x in studio.queue.deleted() if x.id == gone), None)
            if lost is not None and me.edits:
                told_gone(lost.name, me.act(partial(_back, me, lost.id)))
            chosen: list[Any] = []
            with ui.row().classes("items-center gap-3 w-full"):
                search = ui.input(placeholder="search").props("dense outlined clearable debounce=200").classes("w-64")
                ui.space()
                ui.button("Compare chosen", on_click=lambda: _compare(chosen[0] if chosen else None)).props(
                    "outline dense color=primary"
                )
                if me.edits:
                    ui.button("New run", on_click=lambda: ui.navigate.to("/runs/new")).props(
                        "unelevated dense color=primary"
                    )
            rows = _rows(studio, project)
            if not rows:
                empty("No runs yet", "Choose data and a model; the form says what every setting is for.")
                if me.edits:
                    _take_in(me)
                return
            found = table(
                [
                    ("name", "Name"),
                    ("state", "State"),
                    ("project", "Project"),
                    ("data", "Data"),
                    ("said", "Result"),
                    ("created", "Set up"),
                ],
                rows,
                links={"name": "url"},
            )
            chosen.append(found)
            found.props("selection=multiple")
            found._props["selected"] = []
            found.add_slot(
                "body-cell-state",
                '<q-td :props="props"><span :class="\'state \' + props.row.colour">{{ props.value }}</span></q-td>',
            )
            found.add_slot(
                "body-cell-said",
                '<q-td :props="props" style="white-space:normal;max-width:34rem;min-width:26rem">{{ props.value }}</q-td>',
            )
            found.bind_filter_from(search, "value")

            def look() -> None:
                fresh = _rows(studio, project)
                if fresh != rows:
                    rows[:] = fresh
                    found.rows = list(fresh)

            ui.timer(2.0, look)
            if me.edits:
                _take_in(me)

    @ui.page("/runs/new", response_timeout=60)
    async def new(
        request: Request, version: int | None = None, split: int | None = None, draft: int | None = None, source: int | None = None,
        weights: int = 0,
    ) -> None:  # fmt: skip
        with frame(studio, request, "New run", here="/runs") as me:
            if not me.edits:
                empty("Viewers look at runs", "An editor's token is needed to set one up.")
                return
            heading(
                "New run",
                "Everything has a sensible default; what you set here is an experiment file, which you can take with you.",
            )
            versions = living_versions(studio.store)
            with studio.store.begin() as session:
                drafts = list(session.scalars(select(Draft).order_by(Draft.id.desc())))
            if not versions and source is None:
                empty("First bring data in", "A run needs a data set.")
                ui.link("Data", "/data")
                return
            try:
                setup = Setup(me, versions, drafts, version=version, source=source)
                await in_thread(setup.begin, split=split, draft=draft, weights=bool(weights))
            except UsageError as error:
                empty(error.message, error.hint or "")
                return
            setup.show()


def _take_in(me: Me) -> None:
    """A run that was exported, here or elsewhere."""
    studio = me.studio

    async def arrived(path: Path, _: str) -> None:
        try:
            number = await in_thread(studio.unpack, path, project=studio.projects()[0].id, author=me.caller.name)
        finally:
            path.unlink(missing_ok=True)
        ui.navigate.to(f"/runs/{number}")

    with ui.expansion("Bring in a run that was exported").classes("w-full"):
        upload_field(me, "Choose the file (….strandloom.zip)", arrived)
    gone = studio.queue.deleted()
    if gone:
        with ui.expansion(f"Trash: {plural(len(gone), 'run')}").classes("w-full"):
            for run in gone[:100]:
                trash_row(
                    run.name,
                    run.deleted,
                    back=me.act(partial(_back, me, run.id)),
                    purge=me.act(partial(_purge, me, run.id)),
                )


def _back(me: Me, number: int) -> None:
    me.studio.queue.restore(number)
    ui.navigate.to(f"/runs/{number}")


def _purge(me: Me, number: int) -> None:
    me.studio.queue.purge(number)
    ui.navigate.to("/runs")


def _compare(found: Any) -> None:
    numbers = [str(x["id"]) for x in found.selected] if found is not None else []
    if len(numbers) < 2:
        tell(UsageError("choose two runs or more"))
        return
    ui.navigate.to("/compare?runs=" + ",".join(numbers))


def _rows(studio: Studio, project: int | None) -> list[dict[str, Any]]:
    from strandloom.studio.look import STATES

    with studio.store.begin() as session:
        query = select(Run).where(Run.deleted == "").order_by(Run.id.desc())
        query = query.options(joinedload(Run.project), joinedload(Run.version).joinedload(Version.dataset))
        runs = [x for x in session.scalars(query) if project is None or x.project_id == project]
    found = []
    for run in runs:
        said = run.message.split("\n")[0]
        if run.state == "completed":
            path = studio.space.root / run.folder / "run" / "verdict.txt"
            said = path.read_text().strip() if path.is_file() else ""
        data = "" if run.version is None else f"{run.version.dataset.name} v{run.version.number}"
        found.append(
            {
                "id": run.id, "name": run.name, "url": f"/runs/{run.id}", "state": run.state, "colour": STATES[run.state],
                "project": run.project.name,
                "data": data, "said": said if run.wish == "" else f"{run.wish} asked for", "created": run.created[:16].replace("T", " "),
            }
        )  # fmt: skip
    return found
