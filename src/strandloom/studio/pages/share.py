"""A run as whoever has its link sees it."""

from __future__ import annotations

from fastapi import Request
from nicegui import ui

from strandloom.errors import UsageError
from strandloom.studio.look import STYLE, Me, empty
from strandloom.studio.pages.run import Page
from strandloom.studio.studio import Studio


def register(studio: Studio) -> None:
    """The page of a link."""

    @ui.page("/share/{secret}")
    def shared(secret: str, request: Request) -> None:
        ui.add_head_html(STYLE)
        ui.page_title("A shared run · strandloom")
        with ui.column().classes("page"):
            number = studio.shared(secret)
            try:
                look = studio.queue.look(number) if number is not None else None
            except UsageError:
                look = None
            if look is None:
                empty("This link shows nothing", "It was taken back, or is not whole.")
                return
            Page(Me(studio, request.state.caller), look, shared=True).show()
