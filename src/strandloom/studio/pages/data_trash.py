"""Data sets renamed, deleted, brought back: the buttons of their pages."""

from __future__ import annotations

from functools import partial

from nicegui import ui

from strandloom.studio.look import Me, gone, trash_row
from strandloom.studio.store import DataSet
from strandloom.studio.tidy import datasets, delete_dataset, purge_dataset, rename_dataset, restore_dataset
from strandloom.words import plural


def tidy_buttons(me: Me, found: DataSet) -> None:
    """Another name, or the trash."""
    store = me.studio.store

    def rename() -> None:
        rename_dataset(store, found.id, str(name.value))
        ui.navigate.reload()

    def delete() -> None:
        delete_dataset(store, found.id)
        ui.navigate.to(f"/data?gone={found.id}")

    with (
        ui.button("Rename").props("flat dense color=primary"),
        ui.menu(),
        ui.row().classes("items-center q-pa-sm gap-2"),
    ):
        name = ui.input("Name", value=found.name).props("dense outlined")
        ui.button("Keep", on_click=me.act(rename)).props("unelevated dense color=primary")
    ui.button("Delete", on_click=me.act(delete)).props("flat dense color=negative").tooltip(
        "Into the trash: runs keep their data, and it can be brought back"
    )


def just_deleted(me: Me, number: int | None) -> None:
    """The data set that was deleted a moment ago, and the way back."""
    lost = next((x for x in datasets(me.studio.store, deleted=True) if x.id == number), None)

    def undo() -> None:
        restore_dataset(me.studio.store, int(number or 0))
        ui.navigate.to("/data")

    if lost is not None and me.edits:
        gone(lost.name, me.act(undo))


def trash(me: Me) -> None:
    """Data sets that were deleted."""
    studio = me.studio
    lost = datasets(studio.store, deleted=True)
    if not lost:
        return

    def back(number: int) -> None:
        restore_dataset(studio.store, number)
        ui.navigate.reload()

    def purge(number: int) -> None:
        purge_dataset(studio.space, studio.store, number)
        ui.navigate.reload()

    with ui.expansion(f"Trash: {plural(len(lost), 'data set')}").classes("w-full"):
        for one in lost[:100]:
            trash_row(one.name, one.deleted, back=me.act(partial(back, one.id)), purge=me.act(partial(purge, one.id)))
