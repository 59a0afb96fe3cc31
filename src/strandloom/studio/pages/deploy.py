"""Deployments: a model behind an address, switched on and off, and a plain page for colleagues."""

from __future__ import annotations

import json
import shlex
from typing import Any

from fastapi import Request
from nicegui import ui

from strandloom.errors import StrandloomError
from strandloom.serve.problems import Problem
from strandloom.serve.rows import asked_of_json
from strandloom.studio.look import Me, card, command, empty, frame, heading, in_thread, spinner_while, table, tell
from strandloom.studio.store import Deployment
from strandloom.studio.studio import Studio, check_role

_EXAMPLE = "ACGTACGTTGCA"


def register(studio: Studio) -> None:
    """The list, and the page for colleagues."""

    @ui.page("/deploy")
    def deploy(request: Request, run: int | None = None) -> None:
        with frame(studio, request, "Deploy", here="/deploy") as me:
            heading(
                "Deploy", "A finished model behind an address, on this port; the same answers as strandloom predict."
            )
            if me.edits:
                _new(me, run)
            found = studio.deployments()
            if not found:
                empty(
                    "Nothing is deployed",
                    "Choose a finished run, give it a name, switch it on: programs and colleagues can ask it.",
                )
            for one in found:
                _one(me, one, str(request.base_url).rstrip("/"))

    @ui.page("/ask/{name}")
    def colleagues(name: str, request: Request) -> None:
        with frame(studio, request, name, here="/deploy") as me:
            heading(name, "Paste sequences, one a line or as FASTA.")
            try:
                model = studio.models.find(name)
            except Problem:
                empty("This model is not switched on", "Ask who sent you here.")
                return
            words = {"classes": "one of", "labels": "any of", "value": "measured values:"}[model.manifest.task]
            ui.label(f"It answers with {words} {', '.join(model.manifest.labels[:12])}.").classes("soft small")
            _form(me, model)


def _new(me: Me, run: int | None) -> None:
    studio = me.studio
    done = {x.id: x.name for x in studio.queue.every() if x.state == "completed"}
    if not done:
        return
    with card("Deploy a model"), ui.row().classes("items-end gap-3"):
        chosen = (
            ui.select(done, value=run if run in done else next(iter(done)), label="Run")
            .props("dense outlined options-dense")
            .classes("min-w-72")
        )
        name = ui.input("Name in the address", value=done[chosen.value]).props("dense outlined")

        async def make() -> None:
            found = studio.deploy(chosen.value, str(name.value), author=me.caller.name)
            await spinner_while(in_thread(studio.switch, found.id, on=True))
            ui.navigate.to("/deploy")

        ui.button("Deploy", on_click=me.act(make)).props("unelevated color=primary")


def _one(me: Me, one: Deployment, address: str) -> None:
    studio = me.studio
    token = " -H 'Authorization: Bearer TOKEN'" if studio.tokens is not None else ""
    url = f"{address}/v1/models/{one.name}/predict"
    with card():
        with ui.row().classes("w-full items-center gap-3"):
            ui.label(one.name).classes("h2")
            ui.link(f"run {one.run.name}", f"/runs/{one.run_id}").classes("small")
            ui.label(f"bundle {one.digest[:12]}…").classes("soft small")
            ui.space()
            if me.edits:

                async def turn(event: Any) -> None:
                    try:
                        check_role(studio, me.caller)
                        await in_thread(studio.switch, one.id, on=bool(event.value))
                    except StrandloomError as error:
                        tell(error)
                        switch.set_value(False)

                switch = ui.switch("answers", value=one.enabled)
                switch.on_value_change(turn)
                ui.button(
                    "accept the bundle as it is", on_click=me.act(lambda: studio.accept(one.id), done="accepted")
                ).props("flat dense size=sm color=grey")

                def forget() -> None:
                    studio.undeploy(one.id)
                    ui.navigate.to("/deploy")

                ui.button("delete", on_click=me.act(forget)).props("flat dense size=sm color=negative")
            else:
                ui.label("on" if one.enabled else "off").classes("soft small")
        if one.message:
            ui.label(one.message).classes("problem small")
        ui.link("A page for colleagues", f"/ask/{one.name}").classes("small")
        command(f"curl {url}{token} -H 'Content-Type: application/json' -d {shlex.quote(json.dumps([_EXAMPLE]))}")
        who = ', token="TOKEN"' if studio.tokens is not None else ""
        command(f'from strandloom.client import Client\nClient("{address}"{who}).predict("{one.name}", ["{_EXAMPLE}"])')


def _form(me: Me, model: Any) -> None:
    text = (
        ui.textarea("Sequences", placeholder=f">one\n{_EXAMPLE}")
        .props("outlined spellcheck=false rows=8")
        .classes("w-full mono")
    )
    place: list[Any] = []

    def answer() -> list[dict[str, Any]]:
        held = model.current()
        asked = asked_of_json(_typed(str(text.value or "")), held, me.studio.settings.limits)
        lines: list[str] = []
        if asked.rows is not None:
            lines = held.batcher.submit(asked.rows, rows=asked.rows.size).result(120)
        return [json.loads(x) for x in asked.merged(lines)]

    async def ask() -> None:
        rows = await spinner_while(in_thread(answer))
        place[0].clear()
        with place[0]:
            _table(rows)
            text_out = "\n".join(json.dumps(x) for x in rows)
            ui.button("Download", on_click=lambda: ui.download.content(text_out, "answers.ndjson")).props(
                "outline dense color=primary"
            )

    ui.button("Ask", on_click=me.act(ask, role="viewer")).props("unelevated color=primary")
    place.append(ui.column().classes("w-full"))


def _typed(text: str) -> list[dict[str, str]]:
    """Sequences as they were typed: FASTA, or one a line."""
    lines = [x.strip() for x in text.splitlines() if x.strip()]
    found: list[dict[str, str]] = []
    for line in lines:
        if line.startswith(">"):
            found.append({"id": line[1:].strip() or str(len(found) + 1), "sequence": ""})
        elif found and lines[0].startswith(">"):
            found[-1]["sequence"] += line
        else:
            found.append({"id": str(len(found) + 1), "sequence": line})
    return found


def _table(rows: list[dict[str, Any]]) -> None:
    names = list(dict.fromkeys(k for x in rows for k in x))
    shown = [{"key": i, **{k: _cell(x.get(k)) for k in names}} for i, x in enumerate(rows)]
    table([(x, "what is wrong" if x == "error" else x.removeprefix("p_")) for x in names], shown, key="key").props(
        "wrap-cells"
    )


def _cell(value: Any) -> Any:
    if isinstance(value, dict):
        return value.get("message", "")
    return round(value, 4) if isinstance(value, float) else value
