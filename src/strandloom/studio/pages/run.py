"""One run: what it is doing, its curves as they grow, and what came out of it."""

from __future__ import annotations

from functools import partial
from typing import Any

from fastapi import Request
from nicegui import ui

from strandloom.errors import StrandloomError, UsageError
from strandloom.experiment import read_experiment
from strandloom.io.plain import read_json
from strandloom.studio import charts, suggest
from strandloom.studio.jobs import EXPERIMENT, Look, tail
from strandloom.studio.look import (
    STATES,
    Me,
    card,
    command,
    duration,
    empty,
    frame,
    heading,
    number,
    says,
)
from strandloom.studio.pages.evaluation import show_evaluation
from strandloom.studio.progress import Progress, progress_of
from strandloom.studio.studio import Studio

ACTIONS = {
    "created": ("start", "delete"), "queued": ("pause", "cancel"), "running": ("pause", "cancel"), "paused": ("resume", "cancel", "delete"),
    "completed": ("delete",), "cancelled": ("start again", "delete"), "failed": ("start again", "delete"),
}  # fmt: skip


def register(studio: Studio) -> None:
    """The page of a run, and the files that it offers."""

    @ui.page("/runs/{number}")
    def one(number: int, request: Request) -> None:
        with frame(studio, request, "Run", here="/runs") as me:
            try:
                look = studio.queue.look(number)
            except UsageError:
                empty("There is no such run", "It may be in the trash.")
                if me.edits and (studio.space.trash / f"run-{number}").is_dir():

                    def restore() -> None:
                        studio.queue.restore(number)
                        ui.navigate.reload()

                    ui.button("Bring it back", on_click=me.act(restore)).props("outline color=primary")
                return
            ui.page_title(f"{look.run.name} · strandloom")
            Page(me, look).show()


class Page:
    """A run on its page.

    Parameters
    ----------
    me
        Who looks.
    look
        The run.
    """

    def __init__(self, me: Me, look: Look, *, shared: bool = False) -> None:
        self.me, self.look, self.shared = me, look, shared
        self.studio = me.studio
        self.number = look.run.id
        self.experiment = read_experiment(look.home / EXPERIMENT)

    def show(self) -> None:
        """Put it on the page."""
        run = self.look.run
        data = "" if run.version is None else f" · {run.version.dataset.name}, version {run.version.number}"
        heading(run.name, f"{run.project.name}{data} · set up {run.created[:16].replace('T', ' ')} by {run.author}")
        with ui.row().classes("items-center gap-2"):
            self.badge = ui.label(run.state).classes(f"state {STATES[run.state]}")
            self.wish = ui.label().classes("soft small")
            self.buttons = ui.row().classes("gap-1")
        self.message = ui.label().classes("problem small").style("white-space:pre-wrap")
        self.state = ""
        self.main = ui.column().classes("w-full gap-4")
        self._update()
        if run.state != "completed":
            self.timer = ui.timer(1.0, self._update)

    def _update(self) -> None:
        if not self.shared and self.studio.still(self.me.caller) is None:
            ui.navigate.to("/login")
            return
        try:
            self.look = self.studio.queue.look(self.number)
        except StrandloomError:
            return
        run = self.look.run
        self.wish.set_text({"pause": "stops after this epoch …", "cancel": "is being stopped …"}.get(run.wish, ""))
        self.message.set_text(run.message if run.state == "failed" else "")
        if run.state != self.state:
            self.badge.set_text(run.state)
            self.badge.classes(replace=f"state {STATES[run.state]}")
            self._actions()
            self.state = run.state
            self._body()
        elif run.state == "running":
            self._live()

    def _actions(self) -> None:
        self.buttons.clear()
        if self.shared:
            return
        queue, number = self.studio.queue, self.number
        works: dict[str, Any] = {
            "start": queue.start, "resume": queue.start, "start again": queue.start, "pause": queue.pause, "cancel": queue.cancel,
            "delete": self._delete,
        }  # fmt: skip
        with self.buttons:
            if self.me.edits:
                for name in ACTIONS[self.look.run.state]:
                    look = (
                        "unelevated color=primary"
                        if name in ("start", "resume", "start again")
                        else "outline color=grey"
                    )
                    ui.button(name, on_click=self.me.act(partial(works[name], number))).props(f"dense {look}")
                ui.button("duplicate", on_click=lambda: ui.navigate.to(f"/runs/new?source={number}")).props(
                    "dense outline color=grey"
                )
            if self.look.run.state == "completed":
                if self.me.edits:
                    ui.button(
                        "continue from its weights",
                        on_click=lambda: ui.navigate.to(f"/runs/new?source={number}&weights=1"),
                    ).props("dense outline color=grey")
                    ui.button("deploy", on_click=lambda: ui.navigate.to(f"/deploy?run={number}")).props(
                        "dense outline color=grey"
                    )
                    ui.button("share", on_click=self.me.act(self._share)).props("dense outline color=grey")
                ui.button("playground", on_click=lambda: ui.navigate.to(f"/playground?run={number}")).props(
                    "dense outline color=primary"
                )
                ui.button("export", on_click=lambda: ui.download(f"/studio/runs/{number}/export")).props(
                    "dense outline color=grey"
                )

    def _delete(self, number: int) -> None:
        self.studio.queue.delete(number)
        ui.navigate.to(f"/runs?gone={number}")

    def _share(self) -> None:
        secret = self.studio.share(self.number, author=self.me.caller.name)
        with ui.dialog() as dialog, ui.card():
            ui.label("A link to read this run").classes("h2")
            ui.label("Whoever has it sees the run, nothing else; it is shown this once.").classes("soft small")
            command(f"{str(ui.context.client.request.base_url).rstrip('/')}/share/{secret}")
            links = self.studio.shares(self.number)
            ui.label(f"{len(links)} link{'s' if len(links) != 1 else ''} to this run").classes("soft small")
            ui.button("Take all links back", on_click=self.me.act(self._unshare, done="no link works any more")).props(
                "flat dense color=negative"
            )
        dialog.open()

    def _unshare(self) -> None:
        for link in self.studio.shares(self.number):
            self.studio.unshare(link.id)

    def _progress(self) -> Progress:
        folder = self.look.folder
        rows = None
        if folder.data.is_file() and folder.decision.is_file():
            rows = read_json(folder.decision).get("train_rows")
        return progress_of(folder, epochs=self.experiment.training.epochs, rows=rows)

    def _body(self) -> None:
        self.main.clear()
        with self.main:
            self._training()
            if self.look.run.state == "completed":
                show_evaluation(self.me, self.look, shared=self.shared)
            with ui.expansion("Settings, command and log").classes("w-full"):
                if not self.shared:
                    ui.label("The same on the command line").classes("soft small")
                    command(self.studio.queue.command(self.look))
                ui.label("Experiment").classes("soft small")
                text = (self.look.home / EXPERIMENT).read_text()
                if self.shared:  # where things lie on this machine is nobody's business
                    text = text.replace(str(self.studio.space.root), "…")
                ui.code(text, language="yaml").classes("w-full")
                if not self.shared:
                    ui.label("Log").classes("soft small")
                    self.log = (
                        ui.label("\n".join(tail(self.look.log)))
                        .classes("command")
                        .style("max-height:22rem;overflow:auto")
                    )

    def _training(self) -> None:
        progress = self._progress()
        with card("Training"):
            with ui.row().classes("gap-8"):
                self.figures = {}
                for key, title in (
                    ("epoch", "epoch"),
                    ("speed", "rows a second"),
                    ("left", "time left, at most"),
                    ("device", "device"),
                ):
                    with ui.column().classes("gap-0"):
                        ui.label(title).classes("soft small")
                        self.figures[key] = ui.label("–").style("min-width:6rem")
            self.loss = ui.echart(charts.losses(progress.curves, planned=progress.planned)).classes("w-full h-72")
            self.tips = ui.column().classes("gap-1")
            names = progress.curves[0].metrics if progress.curves else []
            self.metric_charts = {}
            with ui.row().classes("w-full gap-4"):
                for name in names[:3]:
                    chart = (
                        ui.echart(charts.metrics(progress.curves, name, planned=progress.planned))
                        .classes("h-48 flex-1")
                        .style("min-width:16rem")
                    )
                    self.metric_charts[name] = chart
        self._fill(progress)

    def _fill(self, progress: Progress) -> None:
        done = sum(len(x.epochs) for x in progress.curves)
        planned = f" of {progress.planned} at most" if progress.planned else ""
        networks = f" of network {len(progress.curves)}" if len(progress.curves) > 1 else ""
        last = len(progress.curves[-1].epochs) if progress.curves else 0
        self.figures["epoch"].set_text(f"{last}{planned}{networks}" if done else "none yet")
        self.figures["speed"].set_text(number(progress.per_second, 0) if progress.per_second else "–")
        runs = self.look.run.state == "running"
        self.figures["left"].set_text(duration(progress.left) if runs and progress.left is not None else "–")
        self.figures["device"].set_text(progress.device or "–")
        self.tips.clear()
        with self.tips:
            says(suggest.about_curves(progress.curves, planned=progress.planned))

    def _live(self) -> None:
        progress = self._progress()
        fresh = charts.losses(progress.curves, planned=progress.planned)
        if fresh["series"] != self.loss.options.get("series"):
            if progress.curves and not self.metric_charts:  # the first epoch: the other figures are known now
                self._body()
                return
            self.loss.options.clear()
            self.loss.options.update(fresh)
            self.loss.update()
            for name, chart in self.metric_charts.items():
                chart.options.clear()
                chart.options.update(charts.metrics(progress.curves, name, planned=progress.planned))
                chart.update()
            self._fill(progress)
        if not self.shared:
            self.log.set_text("\n".join(tail(self.look.log)))
