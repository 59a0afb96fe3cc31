"""Data sets: bringing files in, what is in them, versions, changes, and trying out splits."""

from __future__ import annotations

import contextlib
import secrets
from pathlib import Path
from typing import Any

from fastapi import Request
from nicegui import ui
from sqlalchemy.orm import joinedload, selectinload

from strandloom.data.settings import DataSettings
from strandloom.data.split.settings import Condition
from strandloom.errors import StrandloomError, UsageError
from strandloom.settings_file import check_settings
from strandloom.studio import charts
from strandloom.studio.datasets import (
    Change,
    DropDuplicates,
    KeepRows,
    LogColumn,
    RenameColumn,
    change_version,
    columns_of,
    import_file,
    preview,
)
from strandloom.studio.dividing import try_split
from strandloom.studio.forms import parsed
from strandloom.studio.genomes import map_of
from strandloom.studio.look import (
    Me,
    bytes_words,
    card,
    coloured,
    command,
    empty,
    facts,
    frame,
    heading,
    in_thread,
    says,
    spinner_while,
    table,
    tell,
    upload_field,
)
from strandloom.studio.pages.data_trash import just_deleted, tidy_buttons, trash
from strandloom.studio.split_form import SplitForm, SplitHolder
from strandloom.studio.store import DataSet, SavedSplit, Version
from strandloom.studio.studio import Studio
from strandloom.studio.tidy import datasets

FORMATS = "FASTA, FASTQ, CSV, TSV, Parquet, NPY, HDF5 …, gzip or not"


def register(studio: Studio) -> None:
    """The list, and one page a data set."""

    @ui.page("/data")
    def every(request: Request, project: int | None = None, gone: int | None = None) -> None:
        with frame(studio, request, "Data", here="/data") as me:
            heading("Data", "Every version is kept as it was; a change makes a new one.")
            just_deleted(me, gone)
            found = datasets(studio.store, project=project)
            if found:
                table(
                    [
                        ("name", "Name"),
                        ("project", "Project"),
                        ("rows", "Rows"),
                        ("versions", "Versions"),
                        ("task", "Learns"),
                        ("created", "Brought in"),
                    ],
                    [_row(x) for x in found],
                    links={"name": "url"},
                    right=("rows", "versions"),
                )
            else:
                empty(
                    "No data yet",
                    f"Bring a file with sequences: {FORMATS}. A column is learned: a class, a number, or names separated by commas.",
                    "Try the shape of it first: a table with the columns sequence, label is enough.",
                )
            if me.edits:
                _bring(me)
                trash(me)

    @ui.page("/data/{number}")
    def one(number: int, request: Request, version: int | None = None) -> None:
        with frame(studio, request, "Data", here="/data") as me:
            with studio.store.begin() as session:
                options = (joinedload(DataSet.project), selectinload(DataSet.versions).selectinload(Version.splits))
                found = session.get(DataSet, number, options=options)
            if found is None or not found.versions:
                empty("There is no such data set", "It may have been deleted.")
                return
            chosen = next((x for x in found.versions if x.number == version), found.versions[-1])
            heading(
                found.name, f"{found.project.name} · version {chosen.number} of {len(found.versions)} · {chosen.note}"
            )
            ui.page_title(f"{found.name} · strandloom")
            with ui.row().classes("items-center gap-3"):
                if len(found.versions) > 1:
                    names = {x.number: f"version {x.number}: {x.note}" for x in found.versions}
                    ui.select(
                        names,
                        value=chosen.number,
                        on_change=lambda e: ui.navigate.to(f"/data/{number}?version={e.value}"),
                    ).props("dense outlined options-dense").classes("min-w-60")
                if found.deleted:
                    ui.label("in the trash").classes("problem small")
                elif me.edits:
                    tidy_buttons(me, found)
                if not found.deleted:
                    ui.button("Train on this", on_click=lambda: ui.navigate.to(f"/runs/new?version={chosen.id}")).props(
                        "unelevated color=primary"
                    )
            _about(me, chosen)
            _rows(me, chosen)
            _splits(me, chosen)
            if me.edits and chosen is found.versions[-1]:
                _changes(me, chosen)


def _row(one: DataSet) -> dict[str, Any]:
    last = one.versions[-1] if one.versions else None
    recognised = {} if last is None else last.facts["recognised"]
    return {
        "id": one.id, "name": one.name, "url": f"/data/{one.id}", "project": one.project.name,
        "rows": 0 if last is None else last.facts["facts"]["rows"], "versions": len(one.versions),
        "task": recognised.get("target") or "–", "created": one.created[:16].replace("T", " "),
    }  # fmt: skip


def _bring(me: Me) -> None:
    """Upload a file, name one of this machine, or label a genome with peaks."""
    studio = me.studio
    with card("Bring data in", f"{FORMATS}. Files of any size: they are written to disk as they arrive."):
        projects = {x.id: x.name for x in studio.projects()}
        with ui.row().classes("items-center gap-3 w-full"):
            project = (
                ui.select(projects, value=next(iter(projects)), label="Project")
                .props("dense outlined")
                .classes("min-w-40")
            )
            name = ui.input("Name", placeholder="as the file").props("dense outlined").classes("min-w-60")

        async def take(path: Path, sent_as: str) -> None:
            given = name.value or sent_as.split(".")[0]
            try:
                made = await spinner_while(
                    in_thread(
                        import_file, studio.space, studio.store, path, name=given, project=project.value, sent_as=sent_as,
                        author=me.caller.name,
                    )
                )  # fmt: skip
            except StrandloomError as error:  # the place in the workspace means nothing to whoever sent it
                raise type(error)(str(error.message).replace(str(path), sent_as), hint=error.hint) from None
            ui.navigate.to(f"/data/{made.dataset_id}")

        upload_field(me, "Choose a file, or drop it here", take)
        if studio.settings.local and studio.tokens is None:
            with ui.row().classes("items-center gap-2 w-full"):
                path = (
                    ui.input("Or a file of this machine", placeholder="/data/sequences.csv")
                    .props("dense outlined")
                    .classes("grow")
                )

                async def named() -> None:
                    source = Path(str(path.value)).expanduser()
                    if not source.is_file():
                        raise UsageError("there is no such file", hint="give its whole path")
                    await take(source, source.name)

                ui.button("Bring in", on_click=me.act(named)).props("unelevated dense color=primary")
        with ui.expansion("A genome and peaks (BED) → a labelled table").classes("w-full"):
            _genome(me, project)


def _genome(me: Me, project: Any) -> None:
    """Bins of a genome labelled with peaks, as ``strandloom data label`` does."""
    studio = me.studio
    if not (studio.settings.local and studio.tokens is None):
        ui.label("On a shared studio label the genome on the command line, then bring the table in.").classes(
            "soft small"
        )
        command(
            "strandloom data label genome.fa.gz --peaks peaks.bed --test chr8 --validation chr7 --window 1000 --out bins.tsv"
        )
        return
    genome = ui.input("FASTA of the genome", placeholder="/data/genome.fa.gz").props("dense outlined").classes("w-full")
    peaks = (
        ui.input("Peaks (BED; several separated by blanks)", placeholder="/data/peaks.bed")
        .props("dense outlined")
        .classes("w-full")
    )
    with ui.row().classes("gap-2"):
        size = ui.number("Bases of a bin", value=200, min=1).props("dense outlined")
        window = ui.number("Bases around it", value=1000, min=1).props("dense outlined")
        test = ui.input("Contigs of the test", placeholder="chr8").props("dense outlined")
        validation = ui.input("of validation", placeholder="chr7").props("dense outlined")

    async def label() -> None:
        from strandloom.data.label import label_genome

        out = studio.space.uploads / f"{secrets.token_hex(8)}-bins.tsv.gz"
        try:
            await spinner_while(
                in_thread(
                    label_genome, Path(genome.value), [Path(x) for x in str(peaks.value).split()], out=out, size=int(size.value),
                    rule="half", least=1, empty=False, alias=None, blacklist=None, validation=tuple(str(validation.value).split()),
                    test=tuple(str(test.value).split()), window=int(window.value), cache=map_of(studio.space, Path(genome.value)),
                )
            )  # fmt: skip
            made = await in_thread(
                import_file, studio.space, studio.store, out, name=Path(genome.value).name.split(".")[0], project=project.value,
                sent_as="bins.tsv.gz", author=me.caller.name, note="labelled bins",
            )  # fmt: skip
        except StrandloomError as error:
            tell(error)
            return
        ui.navigate.to(f"/data/{made.dataset_id}")

    ui.button("Label", on_click=me.act(label)).props("unelevated dense color=primary")


def _about(me: Me, version: Version) -> None:
    """What is in it and what is wrong with it."""
    found, about = version.facts, version.facts["facts"]
    recognised = found["recognised"]
    with ui.row().classes("w-full gap-4 items-stretch"):
        with card("What is in it") as column:
            column.classes("flex-1 min-w-80")
            length, gc, letters, again = about["length"], about["gc"], about["letters"], about["duplicates"]
            pairs = [
                ("rows", f"{about['rows']:,}" + ("" if found["complete"] else " (the first of them)")),
                ("file", f"{found['format']}, {bytes_words(version.bytes)}"),
                ("lengths", f"{length['lowest']:,.0f} to {length['highest']:,.0f} bases, median {length['median']:,.0f}"),
                ("G and C", f"median {gc['median']:.0%}" if gc else "–"),
                ("letters", f"{letters['bases']:,} bases, {letters['n']:,} N, {letters['ambiguous']:,} others, {letters['gaps']:,} gaps"),
                ("duplicates", f"{again['exact_rows']:,} rows stand twice, {again['reverse_complement_rows']:,} as reverse complements"),
                ("SHA-256", version.digest[:16] + "…"),
                ("saved", f"{version.created[:16].replace('T', ' ')} by {version.author}"),
            ]  # fmt: skip
            facts(pairs)
        with card("Columns and what they seem to be for") as column:
            column.classes("flex-1 min-w-80")
            learned = f"{recognised['target']} ({recognised['task']})" if recognised["target"] else "nothing recognised"
            roles = [
                ("sequence", recognised["sequence"] or "the file's own"), ("learned", learned), ("id", recognised["id"] or "row number"),
                ("split", recognised["split_column"] or "none"), ("fold", recognised["fold"] or "none"),
            ]  # fmt: skip
            facts(roles)
            ui.label("Every role can be changed where a run is set up.").classes("soft small")
            command(f"strandloom data check {version.file}")
    if found["problems"]:
        with card("Before you train"):
            says(found["problems"])
    with ui.row().classes("w-full gap-4 items-stretch"):
        for key, title, unit in (("length_histogram", "Lengths", "bases"), ("gc_histogram", "G and C", "share")):
            bins = about.get(key)
            if bins:
                with card(title) as column:
                    column.classes("flex-1 min-w-80")
                    ui.echart(charts.histogram(bins["edges"], bins["counts"], x=unit)).classes("h-52 w-full")
        classes = about.get("classes") or []
        if classes:
            with card("Classes" if recognised["task"] != "labels" else "Labels") as column:
                column.classes("flex-1 min-w-80")
                most = sorted(classes, key=lambda x: -x["rows"])[:30]
                ui.echart(charts.bars([x["name"] for x in most], [x["rows"] for x in most])).classes("h-52 w-full")


def _rows(me: Me, version: Version) -> None:
    """The first rows, bases in colours."""
    shown = preview(me.studio.space.inside(version.file), rows=25)
    with card("First rows"):
        rows = [
            {
                "id": i, "row": name, "length": length,
                "sequence": coloured(letters) + (f" … {length:,} bases" if length > len(letters) else ""),
                **{f"c{j}": cell for j, cell in enumerate(cells)},
            }
            for i, (name, letters, length, cells) in enumerate(shown.rows)
        ]  # fmt: skip
        columns = [
            ("row", "id"),
            ("sequence", "sequence"),
            ("length", "bases"),
            *((f"c{j}", x) for j, x in enumerate(shown.columns[:8])),
        ]
        found = table(columns, rows, html=("sequence",), right=("length",), per_page=10)
        found.add_slot(
            "body-cell-sequence",
            '<q-td :props="props" style="max-width:46rem;white-space:normal"><span class="bases" v-html="props.value"></span></q-td>',
        )


def _splits(me: Me, version: Version) -> None:
    """Divisions that were saved, and trying out another."""
    studio = me.studio
    with card(
        "Train, validation and test",
        "Tried out before training: how many rows each part has, and what leaks from one into another.",
    ):
        if version.splits:
            rows = [
                {
                    "id": x.id, "name": x.name,
                    **{part: x.report["parts"].get(part, {}).get("rows", 0) for part in ("train", "validation", "test")},
                    "leakage": x.report["leakage"]["verdict"],
                }
                for x in version.splits
            ]  # fmt: skip
            table(
                [
                    ("name", "Name"),
                    ("train", "train"),
                    ("validation", "validation"),
                    ("test", "test"),
                    ("leakage", "Leakage"),
                ],
                rows,
                right=("train", "validation", "test"),
            ).props("wrap-cells")
        recognised = version.facts["recognised"]
        columns = columns_of(studio.space.inside(version.file))
        form = SplitForm(columns, split_column=recognised["split_column"])
        place: list[Any] = []

        async def tried() -> None:
            settings = form.settings()
            data = check_settings(DataSettings, {"table": "data", **_roles(version)}, where="data")
            split = check_settings(SplitHolder, {"split": settings}, where="split").split
            path = studio.space.inside(version.file)
            try:
                report = await spinner_while(
                    in_thread(try_split, path, data, split, task=recognised["task"] or "classes")
                )
            except StrandloomError as error:
                tell(error)
                return
            place[0].clear()
            with place[0]:
                _report(me, version, settings, report)

        ui.button("Try it", on_click=me.act(tried, role="viewer")).props("outline dense color=primary")
        place.append(ui.column().classes("w-full gap-2"))


def _report(me: Me, version: Version, settings: dict[str, Any], report: dict[str, Any]) -> None:
    """A split that was tried out."""
    parts = report["parts"]
    says([report["how"], report["leakage"]["verdict"], *report["notes"]])
    facts([(name, f"{one['rows']:,} rows" + _of(one)) for name, one in parts.items()])
    if not me.edits:
        return
    with ui.row().classes("items-center gap-2"):
        name = ui.input("Name", value=settings["kind"]).props("dense outlined")

        def keep() -> None:
            with me.studio.store.begin() as session:
                session.add(
                    SavedSplit(
                        version_id=version.id,
                        name=str(name.value)[:80] or settings["kind"],
                        settings=settings,
                        report=report,
                    )
                )
            ui.navigate.reload()

        ui.button("Save this split", on_click=me.act(keep)).props("unelevated dense color=primary")


def _of(one: dict[str, Any]) -> str:
    if "mean" in one:
        return f", mean {one['mean']:.3g} ± {one['sd']:.2g}"
    classes = one.get("classes") or {}
    if not classes or len(classes) > 12:
        return ""
    return ": " + ", ".join(f"{name} {count:,}" for name, count in classes.items())


def _roles(version: Version) -> dict[str, Any]:
    recognised = version.facts["recognised"]
    found = {"target": recognised["target"], "sequence": recognised["sequence"]}
    return {key: value for key, value in found.items() if value is not None}


def _changes(me: Me, version: Version) -> None:
    """Making the next version."""
    studio = me.studio
    columns = columns_of(studio.space.inside(version.file))
    with card("Make a new version", "The present one stays as it is."), ui.row().classes("items-end gap-6 w-full"):

        def change(make: Any) -> Any:
            async def work() -> None:
                asked: Change = make()
                try:
                    await spinner_while(
                        in_thread(change_version, studio.space, studio.store, version.id, asked, author=me.caller.name)
                    )
                except StrandloomError as error:
                    tell(error)
                    return
                ui.navigate.to(f"/data/{version.dataset_id}")

            return me.act(work)

        ui.button("Without duplicates", on_click=change(DropDuplicates)).props("outline dense color=primary")
        if columns:
            names = list(columns)
            with ui.row().classes("items-end gap-2"):
                column = (
                    ui.select(names, value=names[0], label="Keep rows where")
                    .props("dense outlined")
                    .classes("min-w-32")
                )
                op = ui.select(["==", "!=", "<", "<=", ">", ">="], value="==").props("dense outlined")
                value = ui.input("value").props("dense outlined").classes("w-28")
                ui.button(
                    "Keep",
                    on_click=change(
                        lambda: KeepRows(
                            conditions=(Condition(column=column.value, op=op.value, value=_scalar(value.value)),)
                        )
                    ),
                ).props("outline dense color=primary")
            numbers = [x for x, kind in columns.items() if kind == "number"]
            if numbers:
                with ui.row().classes("items-end gap-2"):
                    logged = (
                        ui.select(numbers, value=numbers[0], label="log2 of")
                        .props("dense outlined")
                        .classes("min-w-32")
                    )
                    offset = ui.number("plus", value=0).props("dense outlined").classes("w-20")
                    ui.button(
                        "Add column",
                        on_click=change(
                            lambda: LogColumn(
                                column=logged.value, name=f"log2_{logged.value}", offset=float(offset.value or 0)
                            )
                        ),
                    ).props("outline dense color=primary")
            with ui.row().classes("items-end gap-2"):
                old = ui.select(names, value=names[0], label="Call").props("dense outlined").classes("min-w-32")
                new = ui.input("from now on").props("dense outlined").classes("w-32")
                ui.button("Rename", on_click=change(lambda: RenameColumn(column=old.value, name=str(new.value)))).props(
                    "outline dense color=primary"
                )


def _scalar(text: str) -> Any:
    with contextlib.suppress(StrandloomError):
        found = parsed(text)
        if isinstance(found, (bool, int, float, str)):
            return found
    return text
