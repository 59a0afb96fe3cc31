"""The studio as a web application: pages, the routes of the service for what is deployed, and the files that pages offer."""

from __future__ import annotations

import contextlib
import secrets
import tempfile
from collections.abc import AsyncIterator
from html import escape
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from fastapi import FastAPI, Request
from fastapi.responses import FileResponse, HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.background import BackgroundTask
from starlette.concurrency import run_in_threadpool

from strandloom.errors import StrandloomError, UsageError
from strandloom.serve.app import Service, add_routes
from strandloom.serve.problems import Problem, problem_of
from strandloom.studio.gate import COOKIE, LOGIN, UPLOAD, StudioGate, cookie_of
from strandloom.studio.look import STYLE
from strandloom.studio.samples import find_answer
from strandloom.studio.studio import Studio
from strandloom.studio.workspace import file_name
from strandloom.version import VERSION

_STEP = 1 << 20
_SANDBOX = "sandbox allow-scripts; default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:; font-src data:"


def create_studio_app(studio: Studio) -> StudioGate:
    """The studio as an ASGI application."""
    from nicegui import storage, ui

    from strandloom.studio.pages import compare, data, deploy, models, playground, projects, run, runs, samples, share

    settings = studio.settings.serving()
    app = FastAPI(
        title="strandloom", version=VERSION, docs_url=None, redoc_url=None, lifespan=lambda _: _running(studio)
    )
    add_routes(app, Service(studio.models, settings, studio.metrics, studio.tokens), front=False)
    _files(app, studio)
    _entrance(app, studio)
    storage.Storage.path = studio.space.root / ".pages"
    for module in (projects, data, models, runs, run, compare, playground, samples, deploy, share):
        module.register(studio)
    ui.run_with(
        app, title="strandloom", storage_secret=studio.space.secret, show_welcome_message=False, favicon=_ICON, reconnect_timeout=10,
        session_middleware_kwargs={"same_site": "lax", "https_only": studio.settings.https},
    )  # fmt: skip
    return StudioGate(app, settings, studio.tokens, studio.metrics, studio)


_ICON = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32"><path d="M8 2c0 10 16 18 16 28M24 2c0 10-16 18-16 28M10 8h12M10 24h12" '
    'fill="none" stroke="#2f5fc4" stroke-width="3" stroke-linecap="round"/></svg>'
)


@contextlib.asynccontextmanager
async def _running(studio: Studio) -> AsyncIterator[dict[str, Any]]:
    """The queue is looked after while the application runs."""
    with tempfile.TemporaryDirectory(prefix="strandloom-serve-") as folder:
        await run_in_threadpool(studio.begin)
        try:
            yield {"spool": Path(folder)}
        finally:
            await run_in_threadpool(studio.close)


def _files(app: FastAPI, studio: Studio) -> None:
    """What pages send and offer."""

    @app.post(UPLOAD, include_in_schema=False)
    async def upload(request: Request) -> Response:
        """A file, written to disk as it arrives; only its ending is kept of its name."""
        if request.state.caller.role != "editor":
            raise Problem(403, "viewer", "viewers may look, not change")
        name = file_name(unquote(request.headers.get("x-name", "data")))
        place = f"{secrets.token_hex(8)}-{name}"
        path, part, size = studio.space.uploads / place, studio.space.uploads / f".{place}.part", 0
        try:
            with part.open("wb") as handle:
                held: list[bytes] = []
                waiting = 0
                async for block in request.stream():
                    held.append(block)
                    waiting += len(block)
                    size += len(block)
                    if size > studio.settings.upload_bytes:
                        raise Problem(
                            413, "too_large", f"the file is larger than {studio.settings.upload_bytes:,} bytes"
                        )
                    if waiting >= _STEP:
                        await run_in_threadpool(handle.write, b"".join(held))
                        held, waiting = [], 0
                await run_in_threadpool(handle.write, b"".join(held))
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)
        return JSONResponse({"upload": place, "name": name, "bytes": size})

    @app.get("/studio/runs/{number}/report.html", include_in_schema=False)
    async def report(number: int) -> Response:
        """The report; it may come from elsewhere, so its script sorts tables and can do nothing else."""
        path = _finished(studio, number).folder.report
        return FileResponse(path, media_type="text/html", headers={"content-security-policy": _SANDBOX})

    @app.get("/studio/runs/{number}/explanation/{name:path}", include_in_schema=False)
    async def explanation(number: int, name: str) -> Response:
        """Pages that the report leads to."""
        return _page_of(_finished(studio, number).folder.explanation, name)

    @app.get("/studio/answers/{name}/{file:path}", include_in_schema=False)
    async def answer(name: str, file: str) -> Response:
        """What a model of samples wrote, its report first of all."""
        try:
            folder = (await run_in_threadpool(find_answer, studio.space, name)).out
        except UsageError:
            raise Problem(404, "no_such_page", "there is no such page") from None
        return _page_of(folder, file)

    @app.get("/studio/runs/{number}/export", include_in_schema=False)
    async def export(number: int) -> Response:
        look = _finished(studio, number)
        out = studio.space.uploads / f".export-{secrets.token_hex(8)}.zip"
        try:
            await run_in_threadpool(studio.pack, number, out)
        except BaseException:
            out.unlink(missing_ok=True)
            raise
        name = f"{Path(look.run.folder).name}.strandloom.zip"
        return FileResponse(out, filename=name, background=BackgroundTask(out.unlink, missing_ok=True))


def _page_of(folder: Path, name: str) -> Response:
    """A file of a folder, which can do nothing but be looked at."""
    path = (folder / name).resolve()
    if not path.is_relative_to(folder.resolve()) or not path.is_file():
        raise Problem(404, "no_such_page", "there is no such page")
    return FileResponse(path, headers={"content-security-policy": _SANDBOX})


def _finished(studio: Studio, number: int) -> Any:
    try:
        look = studio.queue.look(number)
    except UsageError:
        raise Problem(404, "no_such_run", "there is no such run") from None
    except StrandloomError as error:
        raise problem_of(error) from None
    if not look.folder.finished:
        raise Problem(409, "not_finished", "the run is not finished")
    return look


def _entrance(app: FastAPI, studio: Studio) -> None:
    """Showing a token once."""

    @app.get(LOGIN, include_in_schema=False)
    async def ask(to: str = "/") -> Response:
        return HTMLResponse(_login_page(to))

    @app.post(LOGIN, include_in_schema=False)
    async def enter(request: Request) -> Response:
        async with request.form(max_files=0, max_fields=4, max_part_size=4096) as form:
            token, to = str(form.get("token", "")).strip(), str(form.get("to", "/"))
        cookie = studio.login(token)
        if cookie is None:
            return HTMLResponse(_login_page(to, wrong=True), 401)
        found = RedirectResponse(_own(to), 303)
        found.set_cookie(
            COOKIE,
            cookie,
            httponly=True,
            samesite="strict",
            max_age=30 * 86_400,
            path="/",
            secure=studio.settings.https,
        )
        return found

    @app.get("/logout", include_in_schema=False)
    async def leave(request: Request) -> Response:
        cookie = cookie_of(request.scope)
        if cookie is not None:
            studio.logout(cookie)
        found = RedirectResponse(LOGIN, 303)
        found.delete_cookie(COOKIE, path="/")
        return found


def _own(to: str) -> str:
    """A page of this studio, not of another site."""
    return to if to.startswith("/") and not to.startswith(("//", "/\\")) else "/"


def _login_page(to: str, *, wrong: bool = False) -> str:
    said = '<p class="problem">This token is not known, or was taken back.</p>' if wrong else ""
    page = (Path(__file__).parent / "login.html").read_text()
    return page.replace("STYLE", STYLE).replace("SAID", said).replace("TARGET", escape(_own(to)))
