"""The form of a split: its kind, and the fields of that kind."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, get_args

from nicegui import ui
from pydantic import BaseModel

from strandloom.data.split.settings import SplitSettings
from strandloom.errors import UsageError
from strandloom.studio.forms import Entry, entries, parsed, put, shown
from strandloom.studio.look import tell

KINDS: dict[str, type[BaseModel]] = {x.model_fields["kind"].default: x for x in get_args(get_args(SplitSettings)[0])}
WORDS = {
    "homology": "by homology: near duplicates stay together", "stratified": "at random, classes alike", "random": "at random",
    "column": "as a column says", "condition": "rows that meet a condition are the test",
    "quantile": "the top (or bottom) of a column is the test",
    "group": "by group: rows with the same value stay together", "chromosome": "by chromosome", "folds": "k folds",
    "leave_one_group_out": "leave one group out",
}  # fmt: skip


class SplitHolder(BaseModel):
    """A split on its own, for checking."""

    split: SplitSettings


class SplitForm:
    """Fields of a split on a page.

    Parameters
    ----------
    columns
        Columns of the table, to choose from.
    split_column
        One that says the part of each row.
    """

    def __init__(
        self, columns: Mapping[str, str], *, split_column: str | None, given: dict[str, Any] | None = None
    ) -> None:
        self.columns = columns
        first = (given or {}).get("kind") or ("column" if split_column else "homology")
        self.raw: dict[str, Any] = dict(given or ({"column": split_column} if split_column else {}))
        self.raw["kind"] = first
        self._kind = ui.select(
            {kind: WORDS.get(kind, kind) for kind in sorted(KINDS, key=list(WORDS).index)},
            value=first,
            label="Divided",
            on_change=self._change,
        ).props("dense outlined options-dense")
        self._kind.classes("w-full max-w-xl")
        self._fields = ui.row().classes("w-full items-end gap-3")
        self._show()

    def settings(self) -> dict[str, Any]:
        """What was entered."""
        return {"kind": self._kind.value, **{k: v for k, v in self.raw.items() if k != "kind"}}

    def _change(self, event: Any) -> None:
        self.raw = {"kind": event.value}
        self._show()

    def _show(self) -> None:
        self._fields.clear()
        with self._fields:
            for entry in entries(KINDS[self._kind.value], leave=("kind",)):
                self._field(entry)

    def _field(self, entry: Entry) -> None:
        name = entry.path[-1]
        if name in ("column", "by") and self.columns:
            options = [*(["rows", "homology"] if name == "by" else []), *self.columns]
            value = self.raw.get(name, entry.default if entry.default in options else None)
            found: Any = ui.select(options, value=value, label=entry.label, clearable=True, on_change=self._put(entry))
        elif entry.kind == "choice":
            found = ui.select(
                list(entry.options),
                value=self.raw.get(name, entry.default),
                label=entry.label,
                on_change=self._put(entry),
            )
        elif entry.kind == "switch":
            found = ui.checkbox(entry.label, value=bool(self.raw.get(name, entry.default)), on_change=self._put(entry))
        else:
            hint = (
                "[{column: t0, op: '>', value: 100}]"
                if name in ("test", "validation") and self._kind.value == "condition"
                else ""
            )
            found = ui.input(
                entry.label,
                value=shown(self.raw.get(name, entry.default)),
                placeholder=hint,
                on_change=self._put(entry, text=True),
            )
            if hint:
                found.classes("min-w-96")
        found.props("dense outlined").tooltip(entry.help)

    def _put(self, entry: Entry, *, text: bool = False) -> Any:
        def change(event: Any) -> None:
            try:
                value = parsed(event.value) if text and event.value != "" else event.value
            except UsageError as error:
                tell(error)
                return
            put(self.raw, entry.path[-1:], None if value == "" or value == entry.default else value)

        return change
