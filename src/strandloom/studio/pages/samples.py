"""Samples: which fish are in them and where, which environments their reads come from."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import polars as pl
from fastapi import Request
from nicegui import ui

from strandloom.errors import UsageError
from strandloom.io.coordinate_text import Axis, parse_coordinate
from strandloom.report.svg import Figure
from strandloom.report.taxonomy_inputs import SamplePlace
from strandloom.report.taxonomy_page import sample_map
from strandloom.studio import charts
from strandloom.studio.look import (
    Me,
    card,
    command,
    empty,
    facts,
    frame,
    heading,
    in_thread,
    spinner_while,
    table,
    trash_row,
    upload_field,
)
from strandloom.studio.samples import (
    KINDS,
    Given,
    SampleAnswer,
    SampleModel,
    answers,
    ask_model,
    bring_back,
    calls,
    compositions,
    find_answer,
    find_model,
    forget,
    sample_models,
    sightings,
    take_in,
)
from strandloom.studio.studio import Studio
from strandloom.words import plural

_MOST = 2_000
"""Rows of a table, and points of a map."""
_SLOTS = {
    "taxonomy": (
        "Sequences (FASTA, or a table with id, sequence, lat, lon)",
        "Counts (reads of each sequence in each sample)",
        "Samples (where and when)",
    ),
    "sources": ("Reads (FASTQ or FASTA, a file a sample; X_R1 and X_R2 are mates)",),
}


def register(studio: Studio) -> None:
    """The list, one page a model, one an answer."""

    @ui.page("/samples", response_timeout=30)
    async def every(request: Request) -> None:
        with frame(studio, request, "Samples", here="/samples") as me:
            heading(
                "Samples",
                "Taxonomy models say which species are in a sample, source models which environments its reads come from.",
            )
            models = await in_thread(sample_models, studio.space)
            if models:
                rows = [_about(x) for x in models]
                columns = [("name", "Model"), ("what", "Says"), ("labels", "Knows")]
                table(columns, rows, links={"name": "url"}, right=("labels",))
            else:
                empty(
                    "No model of samples yet",
                    "Make one on the command line: strandloom taxonomy train REFERENCE --ranges FILE --out RUN",
                    "or: strandloom sources train GENOMES.tsv --out RUN,",
                    "then bring RUN/bundle in below.",
                )
            done = await in_thread(answers, studio.space)
            if done:
                with card("Answers"):
                    rows = [
                        {
                            "id": x.name, "name": x.facts["name"], "url": f"/answers/{x.name}", "model": x.facts["model"],
                            "said": x.facts["sentence"], "created": x.facts["created"][:16].replace("T", " "),
                        }
                        for x in done
                    ]  # fmt: skip
                    columns = [("name", "Name"), ("model", "Model"), ("said", "Result"), ("created", "Asked")]
                    table(columns, rows, links={"name": "url"}).props("wrap-cells")
            if me.edits:
                _bring(me)
                gone = await in_thread(answers, studio.space, deleted=True)
                if gone:
                    with ui.expansion(f"Trash: {plural(len(gone), 'answer')}").classes("w-full"):
                        for one in gone[:100]:
                            trash_row(one.facts["name"], "", back=me.act(partial(_back, me, one.name)))

    @ui.page("/samples/{name}", response_timeout=30)
    async def one(name: str, request: Request) -> None:
        with frame(studio, request, "Samples", here="/samples") as me:
            try:
                model = await in_thread(find_model, studio.space, name)
            except UsageError as error:
                empty(error.message)
                return
            heading(model.name, f"{KINDS[model.kind]} · {plural(len(model.manifest.labels), 'name')}")
            if not me.edits:
                empty("Viewers look at answers", "An editor's token is needed to ask.")
            else:
                Question(me, model).show()
            serving = f"strandloom serve {model.name}={studio.space.models.name}/{model.name}"
            with ui.expansion("Ask it from programs").classes("w-full"):
                command(serving)

    @ui.page("/answers/{name}", response_timeout=60)
    async def answer(name: str, request: Request) -> None:
        with frame(studio, request, "Samples", here="/samples") as me:
            try:
                found = await in_thread(find_answer, studio.space, name)
            except UsageError as error:
                empty(error.message)
                return
            heading(found.facts["name"], found.facts["sentence"])
            with ui.row().classes("items-center gap-3"):
                ui.link("The whole report", f"/studio/answers/{found.name}/report.html", new_tab=True)
                if me.edits:
                    ui.button("Delete", on_click=me.act(partial(_forget, me, found))).props(
                        "flat dense size=sm color=negative"
                    )
            await (_species if found.facts["kind"] == "taxonomy" else _environments)(found)
            with card("How it was made"):
                made = [
                    ("model", found.facts["model"]), ("files", ", ".join(found.facts["files"])),
                    ("asked", f"{found.facts['created'][:16].replace('T', ' ')} by {found.facts['author']}"),
                ]  # fmt: skip
                facts(made)
                command(found.facts["command"])


def _about(model: SampleModel) -> dict[str, Any]:
    labels = model.manifest.labels
    return {
        "id": model.name, "name": model.name, "url": f"/samples/{model.name}", "what": KINDS[model.kind],
        "labels": f"{len(labels):,} species" if model.kind == "taxonomy" else ", ".join(labels),
    }  # fmt: skip


def _bring(me: Me) -> None:
    studio = me.studio
    with card("Bring a model in"):

        async def arrived(path: Path, called: str) -> None:
            try:
                made = await spinner_while(in_thread(take_in, studio.space, path, called.split(".")[0]))
            finally:
                path.unlink(missing_ok=True)
            ui.navigate.to(f"/samples/{made.name}")

        upload_field(me, "A zip file of RUN/bundle", arrived)
        if studio.settings.local and studio.tokens is None:
            with ui.row().classes("items-center gap-2 w-full"):
                path = (
                    ui.input("Or a folder of this machine", placeholder="RUN/bundle")
                    .props("dense outlined")
                    .classes("grow")
                )

                async def named() -> None:
                    source = Path(str(path.value)).expanduser()
                    if not str(path.value or "").strip() or not source.is_dir():
                        raise UsageError("there is no such folder", hint="give its whole path")
                    own = source.absolute()
                    name = own.parent.name if own.name == "bundle" else own.name
                    made = await spinner_while(in_thread(take_in, studio.space, source, name))
                    ui.navigate.to(f"/samples/{made.name}")

                ui.button("Bring in", on_click=me.act(named)).props("unelevated dense color=primary")


class Question:
    """Files for a model, where they are from, and the button.

    Parameters
    ----------
    me, model
        Who asks which.
    """

    def __init__(self, me: Me, model: SampleModel) -> None:
        self.me, self.model = me, model
        self.files: dict[int, list[tuple[Path, str]]] = {}
        self.busy = False
        self.listed: list[Any] = []

    def show(self) -> None:
        """Put it on the page."""
        with card("Ask about a sample"):
            for slot, words in enumerate(_SLOTS[self.model.kind]):
                upload_field(self.me, words, partial(self._arrived, slot))
                self.listed.append(ui.label().classes("soft small"))
            with ui.row().classes("items-center gap-2"):
                self.name = ui.input("Name of the answer").props("dense outlined")
                if self.model.kind == "taxonomy":
                    self.lat = ui.input("Latitude", placeholder="55.3").props("dense outlined").classes("w-32")
                    self.lon = ui.input("Longitude", placeholder="-132.5").props("dense outlined").classes("w-32")
                    ui.label("of sequences without a place of their own; empty: none is known").classes("soft small")
            ui.button("Ask", on_click=self.me.act(self._ask)).props("unelevated color=primary")

    async def _arrived(self, slot: int, path: Path, called: str) -> None:
        if self.model.kind == "taxonomy":
            for old, _ in self.files.get(slot, ()):
                old.unlink(missing_ok=True)
            self.files[slot] = [(path, called)]
        else:
            self.files.setdefault(slot, []).append((path, called))
        self.listed[slot].set_text("; ".join(x for _, x in self.files[slot]))

    async def _ask(self) -> None:
        if self.busy:
            return
        self.busy = True
        try:
            await self._asked()
        finally:
            self.busy = False

    async def _asked(self) -> None:
        if not self.files.get(0):
            raise UsageError(
                "there is nothing to ask about", hint=f"give {_SLOTS[self.model.kind][0].split(' (')[0].lower()}"
            )
        slots = [x for x in sorted(self.files) if self.files[x]]
        files = tuple(x for slot in slots for x in self.files[slot])
        of = {slot: number for number, slot in enumerate(slots)}
        taxonomy = self.model.kind == "taxonomy"
        given = Given(
            files,
            _place(self.lat.value, self.lon.value) if taxonomy else None,
            of.get(1) if taxonomy else None,
            of.get(2) if taxonomy else None,
        )
        named = str(self.name.value or "").strip()[:80]
        made = await spinner_while(in_thread(_in_turn, self.me, self.model, given, named))
        for path, _ in files:
            path.unlink(missing_ok=True)
        ui.navigate.to(f"/answers/{made.name}")


def _in_turn(me: Me, model: SampleModel, given: Given, name: str) -> SampleAnswer:
    """Ask when no other question is being answered."""
    studio = me.studio
    with studio.asking:
        return ask_model(studio.space, model, given, name=name, author=me.caller.name, threads=studio.settings.threads)


def _place(*texts: Any) -> tuple[float, float] | None:
    """Latitude and longitude as they were typed."""
    if not any(str(x or "").strip() for x in texts):
        return None
    axes: tuple[Axis, Axis] = ("latitude", "longitude")
    found = []
    for text, axis in zip(texts, axes, strict=True):
        read = parse_coordinate(str(text or ""), axis)
        if read.value is None:
            raise UsageError(
                f"a {axis} is wanted: {read.fault or 'the field is empty'}", hint="such as 55.3 and -132.5"
            )
        found.append(read.value)
    return found[0], found[1]


def _forget(me: Me, answer: SampleAnswer) -> None:
    forget(me.studio.space, answer)
    ui.navigate.to("/samples")


def _back(me: Me, name: str) -> None:
    ui.navigate.to(f"/answers/{bring_back(me.studio.space, name).name}")


async def _species(found: SampleAnswer) -> None:
    """Calls of a taxonomy model and where they are."""
    seen = await in_thread(sightings, found)
    frame_of = await in_thread(calls, found)
    figure = await in_thread(_map, seen)
    if figure is not None:
        with card(figure.title, figure.caption):
            ui.html(f'<div class="map">{figure.svg}</div>', sanitize=False).classes("w-full")
    named = frame_of.filter(pl.col("rank") != "unknown")
    if named.height:
        with card("Taxa", "By how many sequences each was called."):
            most = named.group_by("taxon").len().sort("len", "taxon", descending=[True, False]).head(30)
            ui.echart(charts.bars(most["taxon"].to_list(), most["len"].to_list(), y="sequences")).classes("h-64 w-full")
    with card(
        "Calls",
        f"{plural(frame_of.height, 'sequence')}; the first {_MOST:,} are shown." if frame_of.height > _MOST else "",
    ):
        columns = [
            ("id", "Sequence"),
            ("taxon", "Is"),
            ("rank", "rank"),
            ("probability", "probability"),
            ("nearest", "Nearest in the reference"),
            ("differences", "differences"),
        ]
        if frame_of["reads"].is_not_null().any():
            columns.append(("reads", "reads"))
        rows = [
            {"key": i, **{k: round(v, 3) if isinstance(v, float) else v for k, v in row.items()}}
            for i, row in enumerate(frame_of.select([k for k, _ in columns]).head(_MOST).iter_rows(named=True))
        ]  # fmt: skip
        table(columns, rows, right=("probability", "differences", "reads"), key="key")


def _map(seen: pl.DataFrame) -> Figure | None:
    """Where the samples are from."""
    places = seen.group_by("sample", maintain_order=True).agg(
        pl.first("lat"), pl.first("lon"), taxa=pl.col("taxon").drop_nulls().n_unique(), reads=pl.col("reads").sum()
    )
    counted = bool(seen["reads"].is_not_null().any()) if seen.height else False
    figure = sample_map(
        [SamplePlace(a, b, c, d, e if counted else None) for a, b, c, d, e in places.head(_MOST).iter_rows()],
        of="sample" if counted else "sequence",
    )
    if figure is None or places.height <= _MOST:
        return figure
    return replace(figure, caption=f"{figure.caption} The first {_MOST:,} of {places.height:,}.")


async def _environments(found: SampleAnswer) -> None:
    """Shares of a source model."""
    shares = (await in_thread(compositions, found)).filter(pl.col("proportion").is_not_null())
    samples = shares["sample"].unique(maintain_order=True).to_list()
    sources = shares["source"].unique(maintain_order=True).to_list()
    at = {(a, b): c for a, b, c in shares.select("sample", "source", "proportion").iter_rows()}
    with card(
        "Where the reads come from", "Share of the reads of each sample; unknown is what no environment explains."
    ):
        values = {source: [at.get((sample, source), 0.0) for sample in samples] for source in sources}
        ui.echart(charts.stacked(samples, values)).classes("w-full").style(f"height:{90 + 34 * max(len(samples), 2)}px")
    with card("Shares with intervals"):
        rows = [
            {"key": i, "sample": a, "source": b, "share": f"{c:.1%}", "interval": f"{d:.1%} to {e:.1%}"}
            for i, (a, b, c, d, e) in enumerate(
                shares.select("sample", "source", "proportion", "low", "high").iter_rows()
            )
        ]
        columns = [
            ("sample", "Sample"),
            ("source", "Environment"),
            ("share", "share of reads"),
            ("interval", "90 % interval"),
        ]
        table(columns, rows, right=("share", "interval"), key="key")
