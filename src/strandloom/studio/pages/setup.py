"""The form of a new run: an experiment from its columns to its evaluation, and the file beside it."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import yaml
from nicegui import ui

from strandloom.data.settings import DataSettings
from strandloom.errors import SettingsError, StrandloomError, UsageError
from strandloom.evaluation.settings import EvaluationSettings
from strandloom.experiment import Experiment, check_experiment, read_experiment
from strandloom.models.build import describe
from strandloom.studio import builder
from strandloom.studio.datasets import columns_of
from strandloom.studio.forms import Entry, compact, entries, get, parsed, put, shown, with_own
from strandloom.studio.jobs import EXPERIMENT
from strandloom.studio.look import Me, card, editor_theme, in_thread, says
from strandloom.studio.split_form import SplitForm
from strandloom.studio.store import Draft, Version
from strandloom.training.settings import TrainingSettings

FIRST = {
    "training": ("epochs", "batch_size", "seed", "patience", "class_weights", "augmentation"),
}  # fmt: skip
"""Settings that are shown before the others."""


class Setup:
    """The form of a new run.

    Parameters
    ----------
    me
        Who sets it up.
    versions, drafts
        What can be trained on, and models that were built.
    version
        The data that are chosen already.
    source
        A run that this one is a copy of.
    """

    def __init__(
        self, me: Me, versions: list[Version], drafts: list[Draft], *, version: int | None, source: int | None
    ) -> None:
        self.me, self.studio = me, me.studio
        self.versions = {x.id: x for x in versions}
        self.drafts = {x.id: x for x in drafts}
        self.source = source
        if version is not None and version not in self.versions:
            raise UsageError("the data set is in the trash, or there is no such version", hint="bring it back first")
        if not self.versions:
            raise UsageError("the data of this run are in the trash", hint="bring the data set back first")
        self.version = version if version in self.versions else next(iter(self.versions))
        self.seeds = 1
        self.notes: list[str] = []
        self.raw: dict[str, Any] = {}
        self.columns: dict[str, str] = {}

    def begin(self, *, split: int | None = None, draft: int | None = None, weights: bool = False) -> None:
        """What the form begins with; reads the data.

        Parameters
        ----------
        split, draft
            A saved split and a model that was built.
        weights
            Whether to begin with the weights of the source.
        """
        self.raw = self._begin()
        if self.source is not None:
            self._copy(self.source, weights=weights)
        self.columns = columns_of(self._path)
        saved = next((x for x in self.versions[self.version].splits if x.id == split), None)
        if saved is not None:
            self.raw["split"] = saved.settings
        if draft in self.drafts:
            self.raw["model"] = self.drafts[draft].model

    @property
    def _path(self) -> Path:
        """The file of the chosen data."""
        return self.studio.space.inside(self.versions[self.version].file)

    def _begin(self) -> dict[str, Any]:
        """What ``strandloom init`` would recognise."""
        from strandloom.run.starter import experiment_of_table

        version = self.versions[self.version]
        path = self.studio.space.inside(version.file)
        try:
            experiment, notes = experiment_of_table(path)
            self.notes = notes
        except StrandloomError as error:
            self.notes = [error.message]
            return {"name": _name(version), "data": {"table": str(path)}, "model": {"kind": "residual"}}
        raw = compact(experiment)
        raw["name"] = _name(version)
        raw["data"]["table"] = str(path)
        raw.setdefault("model", {"kind": "residual"})
        raw.setdefault("split", compact(experiment.split))
        return raw

    def _copy(self, source: int, *, weights: bool) -> None:
        look = self.studio.queue.look(source)
        experiment = read_experiment(look.home / EXPERIMENT)
        self.raw = compact(experiment)
        self.raw.setdefault("model", {"kind": experiment.model.kind})
        self.raw["name"] = f"{look.run.name} again"
        if look.run.version_id in self.versions:
            self.version = look.run.version_id
        elif look.run.version_id is not None:
            raise UsageError("the data of this run are in the trash", hint="bring the data set back first")
        self.seeds = look.run.seeds
        if weights:
            self.raw.setdefault("training", {})["start_from"] = str(look.folder.bundle)
            self.raw["name"] = f"{look.run.name} continued"

    def show(self) -> None:
        """Put it on the page."""
        self.place = ui.column().classes("w-full gap-4")
        self._render()

    def _render(self) -> None:
        """All fields as the settings are now."""
        self.place.clear()
        with self.place:
            self._head()
            with ui.row().classes("w-full gap-4 items-start"):
                with ui.column().classes("gap-4").style("flex:3;min-width:24rem"):
                    with card("Columns"):
                        self._columns()
                    with card("Train, validation and test"):
                        self._split()
                    with card("Model"):
                        self._model()
                    with card("Training"):
                        self._group("training", TrainingSettings)
                    with card("Evaluation"):
                        self._group("evaluation", EvaluationSettings)
                with (
                    ui.column().classes("gap-3").style("flex:2;min-width:20rem;position:sticky;top:5rem"),
                    card("The experiment file", "The same thing: change it here or on the left."),
                ):
                    self._file()
        self._refresh()

    def _head(self) -> None:
        with card("What is it called, and what is it trained on?"):
            with ui.row().classes("w-full items-end gap-3"):
                name = ui.input("Name", value=self.raw["name"], on_change=lambda e: self._set(("name",), e.value))
                name.props("dense outlined").classes("min-w-72")
                names = {x.id: f"{x.dataset.name}, version {x.number}: {x.note}" for x in self.versions.values()}
                data = ui.select(names, value=self.version, label="Data", on_change=self._other_data)
                data.props("dense outlined options-dense").classes("min-w-80")
                seeds = ui.number("Seeds", value=self.seeds, min=1, max=20, format="%d")
                seeds.on_value_change(lambda e: setattr(self, "seeds", int(e.value or 1)))
                seeds.props("dense outlined").classes("w-24")
                seeds.tooltip("Networks from different starts, pooled into one report and one model")
            says(self.notes)

    async def _other_data(self, event: Any) -> None:
        """Other data, everything else as it is."""
        self.version = event.value
        self.columns = await in_thread(columns_of, self._path)
        self.raw["data"]["table"] = str(self._path)
        self._render()

    def _file(self) -> None:
        self.text = (
            ui.codemirror("", language="YAML", line_wrapping=True, theme=editor_theme())
            .classes("w-full")
            .style("height:26rem")
        )
        self.trouble = ui.label().classes("problem small").style("white-space:pre-wrap")
        with ui.row().classes("gap-2"):
            ui.button("Take this text", on_click=self.me.act(self._from_text, done="taken")).props(
                "outline dense color=primary"
            )
            ui.button("Put into the queue", on_click=self.me.act(lambda: self._create(start=True))).props(
                "unelevated color=primary"
            )
            ui.button("Only save", on_click=self.me.act(lambda: self._create(start=False))).props(
                "flat dense color=grey"
            )

    def _columns(self) -> None:
        task = ui.select(
            {"classes": "one of two or more classes", "labels": "any of several labels", "value": "one or more measured numbers"},
            value=self.raw.get("task", "classes"), label="What is predicted", on_change=lambda e: self._set(("task",), e.value),
        )  # fmt: skip
        task.props("dense outlined").classes("w-full")
        fields = {x.path[0]: x for x in entries(DataSettings)}
        for name in ("sequence", "target", "id", "weight"):
            value = self.raw["data"].get(name)
            options = [*self.columns]
            if name == "sequence" or (isinstance(value, str) and value not in options):
                options = [*([value] if isinstance(value, str) and value not in options else []), *options]
            many = name == "target"
            start = list(value) if isinstance(value, (list, tuple)) else [value] if many and value else value
            found = ui.select(
                options, value=start or ([] if many else None), label=name, multiple=many, clearable=True,
                on_change=lambda e, n=name: self._role(n, e.value),
            )  # fmt: skip
            found.props("dense outlined use-chips" if many else "dense outlined").classes("w-full").tooltip(
                fields[name].help
            )
        self._entries([x for x in entries(DataSettings, ("data",)) if x.path[1] in ("strand", "counts")])
        with ui.expansion("Windows, letters and more").classes("w-full"):
            leave = ("table", "sequence", "target", "id", "weight", "strand", "counts", "memory", "genome")
            self._entries(entries(DataSettings, ("data",), leave=leave))

    def _role(self, name: str, value: Any) -> None:
        if isinstance(value, list):
            value = value[0] if len(value) == 1 else value or None
        self._set(("data", name), value)

    def _split(self) -> None:
        saved = self.versions[self.version].splits
        if saved:
            ui.select(
                {x.id: f"{x.name}: {x.report['how']}" for x in saved}, label="Saved splits",
                on_change=self._saved_split,
            ).props("dense outlined options-dense").classes("w-full")  # fmt: skip
        self.split = SplitForm(self.columns, split_column=None, given=copy.deepcopy(self.raw.get("split")))
        ui.button("Use this split", on_click=self.me.act(lambda: self._set(("split",), self.split.settings()))).props(
            "outline dense color=primary"
        )

    def _saved_split(self, event: Any) -> None:
        saved = next((x for x in self.versions[self.version].splits if x.id == event.value), None)
        if saved is not None:
            self.raw["split"] = copy.deepcopy(saved.settings)
            self._render()

    def _model(self) -> None:
        drafts = {f"draft {x.id}": f"built here: {x.name}" for x in self.drafts.values()}
        options = {**{x: x for x in builder.PRESETS}, **drafts}

        def choose(event: Any) -> None:
            if not event.value:
                return
            model = (
                self.drafts[int(event.value.split()[1])].model
                if event.value.startswith("draft ")
                else copy.deepcopy(builder.PRESETS[event.value])
            )
            self._set(("model",), model)

        ui.select(options, label="Take", on_change=choose).props("dense outlined options-dense").classes("w-full")
        self.model_words = ui.label().classes("soft small")

    def _group(self, name: str, kind: Any) -> None:
        every = entries(kind, (name,))
        first = FIRST.get(name, ())
        top = [x for x in every if x.path[1] in first and len(x.path) == 2 and x.kind != "group"]
        self._entries(top or every[:4])
        with ui.expansion("All settings").classes("w-full"):
            self._entries([x for x in every if x not in (top or every[:4])])

    def _entries(self, fields: list[Entry]) -> None:
        for entry in fields:
            if entry.kind == "group":
                ui.label(entry.label).classes("small").style("font-weight:600")
                continue
            value = get(self.raw, entry.path)
            value = entry.default if value is None else value
            told = "none" if value is None else str(value)
            if entry.kind == "choice":
                found: Any = ui.select(
                    with_own(entry.options, told), value=told, label=entry.label,
                    on_change=lambda e, x=entry: self._put(x, None if e.value == "none" and "none" not in _literal(x) else e.value),
                )  # fmt: skip
            elif entry.kind == "switch":
                found = ui.checkbox(entry.label, value=bool(value), on_change=lambda e, x=entry: self._put(x, e.value))
            else:
                found = ui.input(entry.label, value=shown(value)).props("debounce=400")
                found.on_value_change(lambda e, x=entry: self._text(x, e.value))
            found.props("dense outlined").classes("w-full").tooltip(entry.help)

    def _text(self, entry: Entry, text: str) -> None:
        try:
            self._put(entry, parsed(text) if text != "" else None)
        except UsageError as error:
            self.trouble.set_text(error.message)

    def _put(self, entry: Entry, value: Any) -> None:
        self._set(entry.path, None if value == entry.default else value)

    def _set(self, path: tuple[str, ...], value: Any) -> None:
        put(self.raw, path, value)
        self._refresh()

    def _refresh(self) -> None:
        model = self.raw.get("model") or {"kind": "residual"}
        self.model_words.set_text(
            f"{model['kind']}" + (f" of {len(model['blocks'])} blocks" if "blocks" in model else "")
        )
        text = self._written()
        if self.text.value != text:
            self.text.set_value(text)
        try:
            self._check()
            self.trouble.set_text("")
        except SettingsError as error:
            self.trouble.set_text(str(error))

    def _check(self) -> Experiment:
        return check_experiment(self.raw)

    def _from_text(self) -> None:
        """Take what is written in the file."""
        try:
            raw = yaml.safe_load(self.text.value)
        except (yaml.YAMLError, ValueError) as error:
            raise SettingsError(f"this is not YAML: {getattr(error, 'problem', None) or error}") from None
        if not isinstance(raw, dict) or not isinstance(raw.get("data"), dict):
            raise SettingsError("an experiment is a mapping with its data")
        check_experiment(raw)
        self.raw = {"name": "run", "model": {"kind": "residual"}, **raw}
        self._render()

    def _create(self, *, start: bool) -> None:
        if self.text.value.strip() != self._written().strip():  # what stands there is what is trained
            self._from_text()
        experiment = self._check()
        version = self.versions[self.version]
        table_path = experiment.data.table
        if not isinstance(table_path, str) or Path(table_path) != self._path:
            raise UsageError(
                "data.table is not the chosen data", hint="choose the data above; a file elsewhere is brought in first"
            )
        if self.studio.tokens is not None:
            self._only_inside(experiment)
        length = experiment.data.window.length or int(version.facts["facts"]["length"]["highest"])
        describe(experiment.model, channels=4, length=length, outputs=1)  # a network that cannot be is not queued
        number = self.studio.queue.create(
            experiment, project=version.dataset.project_id, version=version.id, author=self.me.caller.name, seeds=self.seeds,
            parent=self.source,
        )  # fmt: skip
        if start:
            self.studio.queue.start(number)
        ui.navigate.to(f"/runs/{number}")

    def _only_inside(self, experiment: Experiment) -> None:
        """On a shared studio an experiment names no other file of the machine."""
        filters, explained = experiment.training.first_filters, experiment.explain
        named = {
            "data.genome": experiment.data.genome,
            "training.start_from": experiment.training.start_from,
            "training.first_filters.motifs": None if filters is None else filters.motifs,
            "explain.motifs": None if explained is None else explained.motifs,
        }
        for where, path in named.items():
            if path is not None and not Path(path).resolve().is_relative_to(self.studio.space.root.resolve()):
                raise UsageError(
                    f"{where} names a file outside the workspace", hint="on a shared studio that is not read"
                )

    def _written(self) -> str:
        return str(yaml.safe_dump(self.raw, sort_keys=False, allow_unicode=True, width=100))


def _literal(entry: Entry) -> tuple[str, ...]:
    """Options that are said so, without the one that stands for nothing."""
    return entry.options[:-1] if entry.options and entry.options[-1] == "none" else entry.options


def _name(version: Version) -> str:
    plain = "".join(x if x.isalnum() or x in " ._-" else "-" for x in version.dataset.name if x.isascii()).strip(" ._-")
    return plain[:100] or "run"
