"""The model builder: presets, blocks with their shapes and weights live, the same as YAML, editable both ways."""

from __future__ import annotations

import copy
from typing import Any

from fastapi import Request
from nicegui import ui
from sqlalchemy import select

from strandloom.errors import SettingsError, StrandloomError, UsageError
from strandloom.studio import builder
from strandloom.studio.forms import Entry, entries, parsed, shown, with_own
from strandloom.studio.look import Me, card, editor_theme, empty, frame, heading, table, tell
from strandloom.studio.store import Draft, now
from strandloom.studio.studio import Studio, check_role


def register(studio: Studio) -> None:
    """The list of models that are being built, and the builder."""

    @ui.page("/models")
    def every(request: Request) -> None:
        with frame(studio, request, "Models", here="/models") as me:
            heading("Models", "Presets of every architecture, or your own network block by block.")
            with studio.store.begin() as session:
                drafts = list(session.scalars(select(Draft).order_by(Draft.id.desc())))
            if drafts:
                rows = [
                    {
                        "id": x.id, "name": x.name, "url": f"/models/{x.id}", "kind": x.model["kind"],
                        "size": f"{x.length:,} bases → {x.outputs}", "changed": x.changed[:16].replace("T", " "),
                    }
                    for x in drafts
                ]  # fmt: skip
                table(
                    [("name", "Name"), ("kind", "Kind"), ("size", "Input and outputs"), ("changed", "Changed")],
                    rows,
                    links={"name": "url"},
                )
            else:
                empty("No model yet", "Begin with a preset: it can be taken apart and changed block by block.")
            if me.edits:
                with card("Begin a model"), ui.row().classes("items-end gap-3"):
                    name = ui.input("Name", value="my network").props("dense outlined")
                    preset = ui.select(
                        list(builder.PRESETS), value=next(iter(builder.PRESETS)), label="Begin with"
                    ).props("dense outlined")
                    preset.classes("min-w-72")
                    projects = {x.id: x.name for x in studio.projects()}
                    project = ui.select(projects, value=next(iter(projects)), label="Project").props("dense outlined")
                    length = ui.number("Bases of the input", value=200, min=1, max=1_000_000, format="%d").props(
                        "dense outlined"
                    )
                    outputs = ui.number("Outputs", value=1, min=1, max=100_000, format="%d").props("dense outlined")

                    def begin() -> None:
                        with studio.store.begin() as session:
                            draft = Draft(
                                project_id=project.value, name=str(name.value)[:80] or "my network",
                                model=copy.deepcopy(builder.PRESETS[preset.value]),
                                length=int(length.value or 1), outputs=int(outputs.value or 1),
                            )  # fmt: skip
                            session.add(draft)
                            session.flush()
                            number = draft.id
                        ui.navigate.to(f"/models/{number}")

                    ui.button("Begin", on_click=me.act(begin)).props("unelevated color=primary")

    @ui.page("/models/{number}")
    def one(number: int, request: Request) -> None:
        with frame(studio, request, "Model", here="/models") as me:
            with studio.store.begin() as session:
                draft = session.get(Draft, number)
            if draft is None:
                empty("There is no such model")
                return
            ui.page_title(f"{draft.name} · strandloom")
            heading(draft.name, "Shapes read (positions, channels); weights are counted without computing anything.")
            Builder(me, draft).show()


class Builder:
    """The builder on a page.

    Parameters
    ----------
    me
        Who looks.
    draft
        What is built.
    """

    def __init__(self, me: Me, draft: Draft) -> None:
        self.me, self.draft = me, draft
        self.model: dict[str, Any] = draft.model
        self.length, self.outputs = draft.length, draft.outputs
        self.edits = draft.edits
        self.chosen: builder.Path | None = None
        self.held: dict[str, Any] | None = None
        self.before: list[dict[str, Any]] = []

    def show(self) -> None:
        """Put it on the page."""
        with ui.row().classes("items-end gap-3"):
            length = ui.number("Bases of the input", value=self.length, min=1, max=1_000_000, format="%d").props(
                "dense outlined debounce=300"
            )
            outputs = ui.number("Outputs", value=self.outputs, min=1, max=100_000, format="%d").props(
                "dense outlined debounce=300"
            )
            length.on_value_change(lambda e: self._resize(length=e.value))
            outputs.on_value_change(lambda e: self._resize(outputs=e.value))
            presets = ui.select(
                list(builder.PRESETS), label="Begin again with", on_change=lambda e: self._preset(e.value)
            ).props("dense outlined")
            presets.classes("min-w-64").set_enabled(self.me.edits)
            ui.button("Undo", icon="undo", on_click=self._undo).props("flat dense color=grey")
            ui.button("Train it", on_click=lambda: ui.navigate.to(f"/runs/new?draft={self.draft.id}")).props(
                "unelevated color=primary"
            )
        self.total = ui.label().classes("h2")
        self.trouble = ui.label().classes("problem small")
        with ui.row().classes("w-full gap-4 items-start"):
            with ui.column().classes("flex-1 gap-2").style("min-width:22rem"):
                self.blocks = ui.column().classes("w-full gap-2")
            with ui.column().classes("flex-1 gap-3").style("min-width:20rem"):
                self.inspector = ui.column().classes("card")
                with card("As YAML", "The same thing: change it here or there."):
                    self.yaml = ui.codemirror("", language="YAML", line_wrapping=True, theme=editor_theme()).classes(
                        "w-full h-80"
                    )
                    self.wrong = ui.label().classes("problem small")
                    if self.me.edits:
                        ui.button("Take this text", on_click=self._from_yaml).props("outline dense color=primary")
        self._refresh()

    def change(self, model: dict[str, Any]) -> None:
        """Take another state of the model, and keep it."""
        before, self.model = self.model, model
        try:
            self._keep()
        except StrandloomError as error:
            self.model = before
            tell(error)
            return
        self.before.append(before)
        self._refresh()

    def _keep(self) -> None:
        """Write it down, unless somebody else did so meanwhile."""
        check_role(self.me.studio, self.me.caller)
        with self.me.studio.store.begin() as session:
            draft = session.get_one(Draft, self.draft.id)
            if draft.edits != self.edits:
                raise UsageError("somebody else changed this model meanwhile", hint="reload the page to see it")
            draft.model, draft.length, draft.outputs, draft.changed = self.model, self.length, self.outputs, now()
            draft.edits = self.edits = self.edits + 1

    def _undo(self) -> None:
        if self.before:
            self.model = self.before.pop()
            self._kept()

    def _kept(self) -> None:
        try:
            self._keep()
        except StrandloomError as error:
            tell(error)
        self._refresh()

    def _preset(self, name: str | None) -> None:
        if name:
            self.chosen = None
            self.change(copy.deepcopy(builder.PRESETS[name]))

    def _resize(self, *, length: Any = None, outputs: Any = None) -> None:
        self.length = int(length) if length else self.length
        self.outputs = int(outputs) if outputs else self.outputs
        if self.me.edits:
            self._kept()
        else:
            self._refresh()

    def _from_yaml(self) -> None:
        try:
            model = builder.from_yaml(self.yaml.value)
        except SettingsError as error:
            self.wrong.set_text(str(error))
            return
        self.wrong.set_text("")
        self.chosen = None
        self.change(model)

    def _refresh(self) -> None:
        built = builder.build(self.model, length=self.length, outputs=self.outputs)
        words = f"{built.parameters:,} weights" if built.parameters is not None else "not sound yet"
        self.total.set_text(f"{self.model['kind']}: {words}")
        self.trouble.set_text(f"{built.problem}{' – ' + built.hint if built.hint else ''}" if built.problem else "")
        if self.yaml.value != builder.to_yaml(self.model):
            self.yaml.set_value(builder.to_yaml(self.model))
        self.blocks.clear()
        with self.blocks:
            self._block("input", f"({self.length:,}, 4)", "one-hot bases, A C G T")
            for line in built.lines:
                self._line(line)
            self._block("output", built.output, "dense layer to the outputs")
            if self.model["kind"] == "layers" and self.me.edits:
                self._adder((len(self.model["blocks"]),))
        self._inspect()

    def _block(self, name: str, shape: str, words: str) -> None:
        with ui.column().classes("netblock"), ui.row().classes("w-full items-center no-wrap"):
            ui.label(name).classes("small").style("font-weight:600")
            ui.label(words).classes("soft small")
            ui.space()
            ui.label(shape).classes("mono small")

    def _line(self, line: builder.Line) -> None:
        depth = sum(isinstance(x, str) for x in line.path) if isinstance(line.path[0], int) else 0
        classes = "netblock" + (" chosen" if line.path == self.chosen else "") + (" broken" if line.problem else "")
        with (
            ui.column()
            .classes(classes)
            .style(f"margin-left:{1.4 * depth}rem;width:calc(100% - {1.4 * depth}rem)") as box
        ):
            with ui.row().classes("w-full items-center no-wrap"):
                ui.label(line.block).classes("small").style("font-weight:600")
                ui.label(line.settings).classes("soft small ellipsis")
                ui.space()
                if line.parameters:
                    ui.label(f"{line.parameters:,} weights").classes("soft small no-wrap")
                ui.label(line.shape or "–").classes("mono small no-wrap")
            if line.problem:
                ui.label(line.problem).classes("problem small")
                if line.hint:
                    ui.label(line.hint).classes("soft small")
        if self.model["kind"] == "layers":
            box.props('tabindex=0 role=button aria-label="' + line.block + '"').classes("cursor-pointer")
            for event in ("click", "keydown.enter"):
                box.on(event, lambda p=line.path: self._choose(p))

    def _choose(self, path: builder.Path) -> None:
        self.chosen = None if self.chosen == path else path
        self._refresh()

    def _adder(self, where: builder.Path) -> None:
        with ui.row().classes("gap-1"):
            for kind in builder.KINDS:
                ui.button(
                    f"+ {kind.replace('_', ' ')}",
                    on_click=lambda k=kind: self._do(lambda: builder.add(self.model, k, where=where)),
                ).props("outline dense size=sm color=grey")
            if self.held is not None:
                ui.button(
                    "paste", on_click=lambda: self._do(lambda: builder.paste(self.model, self.held or {}, where=where))
                ).props("outline dense size=sm color=primary")

    def _do(self, work: Any) -> None:
        try:
            self.change(work())
        except StrandloomError as error:
            tell(error)

    def _inspect(self) -> None:
        self.inspector.clear()
        with self.inspector:
            if self.model["kind"] != "layers":
                self._settings(entries(builder.ARCHITECTURES[self.model["kind"]], leave=("kind",)), self.model)
                return
            if self.chosen is None:
                ui.label("A block").classes("h2")
                ui.label(
                    "Choose a block to change, move or copy it; the row of buttons below the network adds one."
                ).classes("soft small")
                return
            try:
                block = builder.at(self.model, self.chosen)
            except StrandloomError:
                self.chosen = None
                return
            path = self.chosen
            ui.label(block["block"].replace("_", " ")).classes("h2")
            ui.label(builder.KINDS[block["block"]].__doc__ or "").classes("soft small")
            self._settings(entries(builder.KINDS[block["block"]], leave=("block", "branches", "blocks")), block)
            if not self.me.edits:
                return
            with ui.row().classes("gap-1"):
                for title, work in (
                    ("up", lambda: self._moved(path, -1)), ("down", lambda: self._moved(path, 1)),
                    ("copy", lambda: self._held(block)), ("remove", lambda: self._removed(path)),
                ):  # fmt: skip
                    ui.button(title, on_click=work).props("outline dense size=sm color=grey")
                if block["block"] == "parallel":
                    ui.button(
                        "+ branch", on_click=lambda: self._do(lambda: builder.add_branch(self.model, path))
                    ).props("outline dense size=sm")
            ui.label("Insert behind it").classes("soft small")
            self._adder((*path[:-1], int(path[-1]) + 1))
            for j, branch in enumerate(block.get("branches", ())):
                ui.label(f"Add to branch {j}").classes("soft small")
                self._adder((*path, "branches", j, len(branch)))
            if "blocks" in block:
                ui.label("Add inside").classes("soft small")
                self._adder((*path, "blocks", len(block["blocks"])))

    def _moved(self, path: builder.Path, by: int) -> None:
        last = int(path[-1]) + by
        self.chosen = (*path[:-1], max(last, 0))
        self._do(lambda: builder.move(self.model, path, by=by))

    def _held(self, block: dict[str, Any]) -> None:
        self.held = copy.deepcopy(block)
        ui.notify("copied: paste it below the network or behind another block")
        self._refresh()

    def _removed(self, path: builder.Path) -> None:
        self.chosen = None
        self._do(lambda: builder.remove(self.model, path))

    def _settings(self, fields: list[Entry], holder: dict[str, Any]) -> None:
        """Fields of a block, or of an architecture."""
        if holder is self.model:
            ui.label(f"Settings of {self.model['kind']}").classes("h2")
        for entry in fields:
            value = holder.get(entry.path[-1], entry.default)
            if entry.kind == "choice":
                found: Any = ui.select(
                    with_own(entry.options, value),
                    value=str(value),
                    label=entry.label,
                    on_change=lambda e, x=entry: self._put(x, e.value),
                )
            elif entry.kind == "switch":
                found = ui.checkbox(entry.label, value=bool(value), on_change=lambda e, x=entry: self._put(x, e.value))
            else:
                found = ui.input(entry.label, value=shown(value)).props("debounce=500")
                found.on_value_change(lambda e, x=entry: self._text(x, e.value))
            found.props("dense outlined").classes("w-full").tooltip(entry.help)
            found.set_enabled(self.me.edits)

    def _text(self, entry: Entry, text: str) -> None:
        try:
            self._put(entry, parsed(text) if text != "" else None)
        except UsageError as error:
            tell(error)

    def _put(self, entry: Entry, value: Any) -> None:
        name = entry.path[-1]
        if self.model["kind"] == "layers" and self.chosen is not None:
            self._do(lambda: builder.change(self.model, self.chosen or (), name, value))
            return
        changed = copy.deepcopy(self.model)
        if value is None or value == entry.default:
            changed.pop(name, None)
        else:
            changed[name] = value
        self.change(changed)
