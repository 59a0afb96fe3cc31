"""The one look of every page: frame, navigation, cards, tables, coloured bases, messages."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from html import escape
from inspect import isawaitable
from pathlib import Path
from typing import Any

from fastapi import Request
from nicegui import app, ui
from nicegui import run as background
from pydantic import ValidationError

from strandloom.errors import StrandloomError, UsageError
from strandloom.serve.problems import Problem
from strandloom.serve.tokens import Caller
from strandloom.studio.charts import BLUE
from strandloom.studio.studio import Studio, check_role

log = logging.getLogger("strandloom.studio")
PAGES = (
    ("/", "Projects"), ("/data", "Data"), ("/models", "Models"), ("/runs", "Runs"), ("/compare", "Compare"),
    ("/playground", "Playground"), ("/samples", "Samples"), ("/deploy", "Deploy"),
)  # fmt: skip
STATES = {
    "created": "grey", "queued": "grey", "running": "blue", "paused": "amber", "completed": "green", "cancelled": "grey", "failed": "red",
}  # fmt: skip
_BASES = {"A": "a", "C": "c", "G": "g", "T": "t"}

STYLE = f"<style>{(Path(__file__).parent / 'style.css').read_text()}</style>"
"""Of every page."""


@dataclass(frozen=True, eq=False)
class Me:
    """Who looks at a page.

    Parameters
    ----------
    studio
        What it is of.
    caller
        Who.
    """

    studio: Studio
    caller: Caller

    @property
    def edits(self) -> bool:
        """Whether changes are allowed."""
        return self.caller.role == "editor"

    def act(self, action: Callable[[], Any], *, role: str = "editor", done: str = "") -> Callable[..., Any]:
        """An event handler: does what the caller may do, and says what went wrong.

        Parameters
        ----------
        done
            What to say when it went well.
        """

        async def handler(*_: Any) -> None:
            try:
                check_role(self.studio, self.caller, role=role)
                found = action()
                if isawaitable(found):
                    await found
                if done:
                    ui.notify(done, type="positive")
            except StrandloomError as error:
                tell(error)
            except ValidationError as error:
                tell(UsageError(str(error.errors()[0]["msg"])))
            except Problem as problem:
                tell(UsageError(problem.message, hint=problem.hint))
            except Exception:
                log.exception("an action failed")
                tell(UsageError("this failed", hint="the log of the studio says why"))

        return handler


def tell(error: StrandloomError) -> None:
    """An error as a message."""
    text = error.message if not error.hint else f"{error.message} – {error.hint}"
    ui.notify(text, type="negative", multi_line=True, timeout=9000, close_button="close")


@contextmanager
def frame(studio: Studio, request: Request, title: str, *, here: str) -> Iterator[Me]:
    """A page with its navigation.

    Parameters
    ----------
    here
        Path of the navigation's entry that it belongs to.
    """
    me = Me(studio, request.state.caller)
    ui.page_title(f"{title} · strandloom")
    ui.add_head_html(STYLE)
    ui.colors(primary=BLUE)
    dark = ui.dark_mode(app.storage.user.get("dark"))
    with (
        ui.header().classes("items-center q-py-sm"),
        ui.row().classes("w-full items-center gap-1 no-wrap overflow-auto"),
    ):
        ui.link("strandloom", "/").classes("brand q-mr-md")
        for path, name in PAGES:
            ui.link(name, path).classes("nav" + (" here" if path == here else ""))
        ui.space()
        if studio.tokens is not None:
            ui.label(f"{me.caller.name} ({me.caller.role})").classes("soft small no-wrap")
            ui.link("Leave", "/logout").classes("nav")

        def turn() -> None:
            app.storage.user["dark"] = not bool(dark.value)
            dark.set_value(app.storage.user["dark"])

        ui.button(icon="contrast", on_click=turn).props("flat round dense size=sm color=grey").tooltip(
            "Light or dark"
        ).props('aria-label="light or dark"')
    with ui.column().classes("page"):
        yield me


def editor_theme() -> Any:
    """Of an editor of text, as the page is: light or dark."""
    return "basicDark" if app.storage.user.get("dark") else "basicLight"


def gone(name: str, undo: Callable[..., Any]) -> None:
    """What was just deleted, and the way back."""
    with ui.row().classes("card items-center gap-3"):
        ui.label(f"“{name}” is in the trash.").classes("small")
        ui.button("Undo", on_click=undo).props("outline dense color=primary")


def trash_row(name: str, when: str, *, back: Callable[..., Any], purge: Callable[..., Any] | None = None) -> None:
    """Something in the trash, and what can be done with it."""
    with ui.row().classes("items-center gap-3"):
        ui.label(name).classes("small")
        if when:
            ui.label(f"deleted {when[:16].replace('T', ' ')}").classes("soft small")
        ui.button("bring back", on_click=back).props("flat dense size=sm color=primary")
        if purge is not None:
            ui.button("off the disk", on_click=purge).props("flat dense size=sm color=negative")


def heading(text: str, under: str = "") -> None:
    """The title of a page, with a sentence under it."""
    with ui.column().classes("gap-0"):
        ui.label(text).classes("h1").props("role=heading aria-level=1")
        if under:
            ui.label(under).classes("soft")


@contextmanager
def card(title: str = "", under: str = "") -> Iterator[Any]:
    """A card with a title."""
    with ui.column().classes("card") as column:
        if title:
            ui.label(title).classes("h2").props("role=heading aria-level=2")
        if under:
            ui.label(under).classes("soft small")
        yield column


def empty(title: str, *lines: str) -> None:
    """What stands where nothing is yet: what it is for and how to begin."""
    with ui.column().classes("empty"):
        ui.label(title).classes("h2")
        for line in lines:
            ui.label(line).classes("small")


def command(text: str) -> None:
    """The command line that does the same."""

    def copy() -> None:
        ui.clipboard.write(text)
        ui.notify("copied")

    with ui.row().classes("w-full items-start no-wrap gap-2"):
        ui.label(text).classes("command")
        ui.button(icon="content_copy", on_click=copy).props(
            'flat dense size=sm color=grey aria-label="copy the command"'
        )


async def in_thread(work: Callable[..., Any], *arguments: Any, **named: Any) -> Any:
    """What some work returns that would hold up every other page; it is done in a thread."""
    return await background.io_bound(work, *arguments, **named)


def upload_field(me: Me, label: str, arrived: Callable[[Path, str], Awaitable[None]]) -> None:
    """A field that files are dropped into; they are written to the workspace as they arrive, then handed on.

    Parameters
    ----------
    arrived
        Gets the file and what it was called; errors are told.
    """

    async def uploaded(event: Any) -> None:
        path = me.studio.space.uploads / Path(str(event.args["upload"])).name
        if not path.is_file():
            tell(UsageError("the upload is gone", hint="send it again"))
            return
        await me.act(lambda: arrived(path, str(event.args["name"])))()

    field = ui.upload(auto_upload=True, label=label).classes("w-full").props("flat bordered")
    field._props["url"] = "/studio/upload"
    field.props("send-raw method=POST")
    field._props[":headers"] = "(files) => [{name: 'x-name', value: encodeURIComponent(files[0].name)}]"
    field.on(
        "uploaded",
        uploaded,
        js_handler="(info) => { const a = JSON.parse(info.xhr.responseText); emit({upload: a.upload, name: a.name}); }",
    )
    field.on(
        "failed",
        lambda event: tell(UsageError(str(event.args["message"])[:300])),
        js_handler="(info) => { let m = 'the upload failed';"
        " try { m = JSON.parse(info.xhr.responseText).error.message } catch (e) {} emit({message: m}); }",
    )


def coloured(letters: str) -> str:
    """The same as HTML for the cell of a table; letters are those of the alphabet."""
    return "".join(f'<span class="{_BASES.get(x, "n")}">{escape(x)}</span>' for x in letters)


def state(name: str) -> Any:
    """The state of a run."""
    return ui.label(name).classes(f"state {STATES.get(name, 'grey')}")


def says(lines: Sequence[str]) -> None:
    """Suggestions, each a line."""
    for line in lines:
        ui.label(line).classes("says small")


def table(
    columns: Sequence[tuple[str, str]],
    rows: Sequence[dict[str, Any]],
    *,
    links: dict[str, str] | None = None,
    html: Sequence[str] = (),
    right: Sequence[str] = (),
    per_page: int = 25,
    key: str = "id",
) -> ui.table:
    """A table that can be sorted and searched.

    Parameters
    ----------
    columns
        Key and title of each.
    links
        Column to the key that holds the address its cells lead to.
    html
        Columns whose cells are HTML that was made here.
    right
        Columns of numbers.
    """
    made = [
        {"name": k, "label": t, "field": k, "sortable": True, "align": "right" if k in right else "left"}
        for k, t in columns
    ]
    found = ui.table(columns=made, rows=list(rows), row_key=key, pagination={"rowsPerPage": per_page}).classes("w-full")
    found.props("flat dense" + (" hide-pagination" if len(rows) <= per_page else ""))
    for name, target in (links or {}).items():
        found.add_slot(
            f"body-cell-{name}", f'<q-td :props="props"><a :href="props.row.{target}">{{{{ props.value }}}}</a></q-td>'
        )
    for name in html:
        found.add_slot(
            f"body-cell-{name}", '<q-td :props="props"><span class="bases" v-html="props.value"></span></q-td>'
        )
    return found


def facts(pairs: Sequence[tuple[str, str]]) -> None:
    """Names and values, side by side."""
    with ui.element("div").classes("w-full grid gap-x-8 gap-y-1").style("grid-template-columns:max-content 1fr"):
        for name, value in pairs:
            ui.label(name).classes("soft small")
            ui.label(value).classes("small").style("word-break:break-word")


def number(value: Any, digits: int = 3) -> str:
    """A number for people."""
    if value is None:
        return "–"
    if isinstance(value, int):
        return f"{value:,}"
    return f"{value:.{digits}f}" if abs(value) < 1000 else f"{value:,.0f}"


def scored(one: dict[str, Any] | None, digits: int = 3) -> str:
    """A figure with its interval."""
    if not one or one.get("value") is None:
        return "–"
    if one.get("low") is None:
        return f"{one['value']:.{digits}f}"
    return f"{one['value']:.{digits}f} ({one['low']:.{digits}f} to {one['high']:.{digits}f})"


def bytes_words(count: int) -> str:
    """A size for people."""
    size = float(count)
    for unit in ("bytes", "kB", "MB", "GB"):
        if size < 1000 or unit == "GB":
            return f"{size:,.0f} {unit}" if unit == "bytes" else f"{size:,.1f} {unit}"
        size /= 1000
    return ""


def duration(seconds: float) -> str:
    """A time for people."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} hours"


def spinner_while(work: Awaitable[Any]) -> Awaitable[Any]:
    """A notification that stays until some work is done."""

    async def both() -> Any:
        note = ui.notification("working …", spinner=True, timeout=None)
        try:
            return await work
        finally:
            note.dismiss()

    return both()
