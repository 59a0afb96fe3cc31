"""The routes of the service."""

from __future__ import annotations

import asyncio
import contextlib
import copy
import json
import logging
import tempfile
import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response, StreamingResponse
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException

from strandloom.io.genome import Genome
from strandloom.serve.composing import composition_of, sources_of
from strandloom.serve.explaining import explain_sequence
from strandloom.serve.gate import Gate
from strandloom.serve.metrics import CONTENT_TYPE, Metrics
from strandloom.serve.models import Loaded, Models, ServedModel
from strandloom.serve.page import front_page
from strandloom.serve.problems import Problem
from strandloom.serve.rows import Asked, asked_of_json, chunks, parsed
from strandloom.serve.schemas import EXPLAIN_BODY, FILE_BODY, predict_body, problems, variants_body
from strandloom.serve.settings import ServeSettings
from strandloom.serve.tokens import TokenFile
from strandloom.serve.uploads import Answering, spooled, stopped
from strandloom.serve.varying import variant_lines
from strandloom.version import VERSION

NDJSON = "application/x-ndjson"
_DEAR_WAITING = 8
"""Explanations, compositions and requests for variants that may wait."""
_UPLOADS = 8
"""Files that may arrive at the same time."""
_IN_LOOP = 1 << 15
"""Bytes of a JSON body up to which it is parsed at once, not in a thread."""
log = logging.getLogger("strandloom.serve")


@dataclass(frozen=True, eq=False)
class Service:
    """What the routes stand on.

    Parameters
    ----------
    models
        By name.
    settings, metrics
        Of the service.
    tokens
        Who may ask; None: this machine.
    genome
        What positions of variants count on; None: none are scored.
    """

    models: Models
    settings: ServeSettings
    metrics: Metrics
    tokens: TokenFile | None = None
    genome: Genome | None = None


def create_app(service: Service) -> Gate:
    """The service as an ASGI application."""
    app = FastAPI(
        title="strandloom",
        version=VERSION,
        summary="Trained models of DNA sequences, asked over HTTP.",
        docs_url=None,
        redoc_url=None,
        lifespan=lambda _: _running(service),
    )
    add_routes(app, service)
    return Gate(app, service.settings, service.tokens, service.metrics)


def add_routes(app: FastAPI, service: Service, *, front: bool = True) -> None:
    """The routes of the service, in an application whose lifespan gives ``spool``, a folder for files that are sent.

    Parameters
    ----------
    front
        Whether ``/`` lists the models.
    """
    _refusals(app)
    _described(app, service)
    _health(app, service)
    _models(app, service)
    _answers(app, service)
    if front:
        _front(app, service)


def _described(app: FastAPI, service: Service) -> None:
    """The OpenAPI description names the models that there are now."""
    plain = app.openapi

    def openapi() -> dict[str, Any]:
        found = copy.deepcopy(plain())
        names = [model.name for model in service.models]
        for path in found["paths"].values():
            for route in path.values():
                for one in route.get("parameters", ()):
                    if (one["in"], one["name"]) == ("path", "name") and names:
                        one["schema"]["enum"] = names
        return found

    app.openapi = openapi  # type: ignore[method-assign]


@contextlib.asynccontextmanager
async def _running(service: Service) -> AsyncIterator[dict[str, Any]]:
    """A folder for files that are sent, and a look at the bundles now and then."""
    with tempfile.TemporaryDirectory(prefix="strandloom-serve-") as folder:
        watching = asyncio.create_task(_watch(service))
        try:
            yield {"spool": Path(folder)}
        finally:
            watching.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await watching
            await run_in_threadpool(service.models.close)


async def _watch(service: Service) -> None:
    every = service.settings.reload_seconds
    while every:
        await asyncio.sleep(every)
        try:
            for name in await run_in_threadpool(service.models.reload):
                log.info("the bundle of %s was taken anew", name)
        except Exception:  # the next look may go better
            log.exception("the bundles could not be looked at")


def _refusals(app: FastAPI) -> None:
    """One form for everything that is refused."""

    @app.exception_handler(Problem)
    async def refused(_: Request, problem: Problem) -> Response:
        return JSONResponse({"error": problem.to_json()}, problem.status, problem.headers)

    @app.exception_handler(HTTPException)
    async def unknown(_: Request, error: HTTPException) -> Response:
        code = {404: "no_such_page", 405: "wrong_method"}.get(error.status_code, "refused")
        return JSONResponse({"error": {"code": code, "message": str(error.detail)}}, error.status_code, error.headers)

    @app.exception_handler(RequestValidationError)
    async def invalid(_: Request, error: RequestValidationError) -> Response:
        first = error.errors()[0]
        message = f"{'.'.join(str(x) for x in first['loc'])}: {first['msg']}"
        return JSONResponse({"error": {"code": "wrong_request", "message": message}}, 422)

    @app.exception_handler(Exception)
    async def failed(request: Request, error: Exception) -> Response:
        log.error("%s failed: %s", request.url.path, type(error).__name__, exc_info=error)
        return JSONResponse({"error": {"code": "failed", "message": "the service failed; its log says why"}}, 500)


def _health(app: FastAPI, service: Service) -> None:
    @app.get("/healthz", summary="Whether the process lives", tags=["state"])
    async def healthz() -> dict[str, str]:
        return {"status": "ok"}

    @app.get("/readyz", summary="Whether every model answers from its present bundle", tags=["state"])
    async def readyz() -> dict[str, Any]:
        stale = sum(model.reload_error is not None for model in service.models)
        return {"status": "ok" if not stale else "stale", "models": sum(1 for _ in service.models), "stale": stale}

    @app.get(
        "/metrics",
        summary="Figures for Prometheus",
        tags=["state"],
        response_class=PlainTextResponse,
        responses=problems(),
    )
    async def metrics() -> Response:
        for model in service.models:
            service.metrics.queue.labels(model.name).set(model.waiting)
        return Response(await run_in_threadpool(service.metrics.text), media_type=CONTENT_TYPE)


def _front(app: FastAPI, service: Service) -> None:
    @app.get("/", include_in_schema=False)
    async def front(request: Request) -> Response:
        return HTMLResponse(
            front_page([x.describe() for x in service.models], address=str(request.base_url).rstrip("/"))
        )


def _models(app: FastAPI, service: Service) -> None:
    @app.get("/v1/models", summary="The models", tags=["models"], responses=problems())
    async def models() -> dict[str, Any]:
        return {"models": [model.describe() for model in service.models]}

    @app.get("/v1/models/{name}", summary="One model", tags=["models"], responses=problems(404))
    async def model(name: str) -> dict[str, Any]:
        found = service.models.find(name)
        return {**found.describe(), "reload_error": found.reload_error}

    @app.get(
        "/v1/models/{name}/card",
        summary="Its card",
        tags=["models"],
        response_class=PlainTextResponse,
        responses={**problems(404), 200: {"content": {"text/markdown": {"schema": {"type": "string"}}}}},
    )
    async def card(name: str) -> Response:
        return Response(service.models.find(name).card(), media_type="text/markdown; charset=utf-8")


def _answers(app: FastAPI, service: Service) -> None:
    limits = service.settings.limits
    _composition(app, service)

    @app.post(
        "/v1/models/{name}/predict",
        summary="Predict sequences",
        description="A JSON list, or a file: FASTA, FASTQ, CSV, TSV, NDJSON or one sequence per line, gzip or not. JSON is answered "
        "at once, a file line by line (NDJSON); the last line says whether all of it was read.",
        tags=["answers"],
        responses={
            **problems(400, 404, 413, 415, 422, 503),
            200: {"content": {NDJSON: {"schema": {"type": "string"}}}, "description": "One result a row, in order"},
        },
        openapi_extra=predict_body(limits),
    )
    async def predict(name: str, request: Request, sequence: str | None = None) -> Response:
        model = service.models.find(name)
        if _is_json(request):
            return await _predict_json(request, model, service)
        return await _predict_file(request, model, service, sequence=sequence)

    @app.post(
        "/v1/models/{name}/explain",
        summary="Explain the answer to one sequence",
        tags=["answers"],
        responses=problems(400, 404, 409, 413, 415, 422, 503),
        openapi_extra=EXPLAIN_BODY,
    )
    async def explain(name: str, request: Request) -> dict[str, Any]:
        model = service.models.find(name)
        body = parsed(await _body(request, limits.body_bytes))
        async with _one_at_a_time(app, request):
            return await run_in_threadpool(explain_sequence, model, body, limits=limits)

    @app.post(
        "/v1/models/{name}/variants",
        summary="Score variants on the genome of the service",
        tags=["answers"],
        responses=problems(400, 404, 409, 413, 415, 422, 503),
        openapi_extra=variants_body(limits),
    )
    async def variants(name: str, request: Request) -> Response:
        model = service.models.find(name)
        body = parsed(await _body(request, limits.body_bytes))
        async with _one_at_a_time(app, request):
            lines = await run_in_threadpool(variant_lines, model.predictor, body, genome=service.genome, limits=limits)
        return _results(model.current(), [line for line in lines if line is not None], service)


def _composition(app: FastAPI, service: Service) -> None:
    @app.post(
        "/v1/models/{name}/composition",
        summary="Estimate the composition of a sample (source models)",
        description="A file of reads: FASTA, FASTQ or one sequence per line, gzip or not.",
        tags=["answers"],
        responses=problems(404, 409, 413, 415, 422, 503),
        openapi_extra=FILE_BODY,
    )
    async def composition(name: str, request: Request) -> dict[str, Any]:
        model = service.models.find(name).current()
        sources_of(model)  # both before anything is sent
        _check_waiting(app)
        async with _arrived(request, service) as path, _one_at_a_time(app, request):
            return await run_in_threadpool(composition_of, path, model)


@contextlib.asynccontextmanager
async def _arrived(request: Request, service: Service) -> AsyncIterator[Path]:
    """A file that is sent, on disk for as long as it is needed.

    Raises
    ------
    Problem
        It is too large, or enough files are being answered.
    """
    path = await _spool(request, service)
    try:
        yield path
    finally:
        path.unlink(missing_ok=True)


async def _spool(request: Request, service: Service) -> Path:
    path: Path = request.state.spool / uuid.uuid4().hex
    if sum(1 for _ in request.state.spool.iterdir()) >= _UPLOADS:
        raise Problem(503, "busy", f"{_UPLOADS} files are being answered", hint="try again later", retry_after=10)
    try:
        await spooled(request.stream(), path, limits=service.settings.limits)
    except BaseException:
        path.unlink(missing_ok=True)
        raise
    return path


def _check_waiting(app: FastAPI) -> None:
    if not hasattr(app.state, "dear"):
        app.state.dear, app.state.dear_waiting = asyncio.Lock(), 0
    if app.state.dear_waiting >= _DEAR_WAITING:
        raise Problem(503, "busy", "enough explanations, variants and compositions wait already", retry_after=5)


@contextlib.asynccontextmanager
async def _one_at_a_time(app: FastAPI, request: Request) -> AsyncIterator[None]:
    """What is dear (explanations, variants, compositions): a few wait for one another, more are told to come again, what is given up is
    not computed. The body has been read before: whether the caller has left is asked of what comes next.

    Raises
    ------
    Problem
        503: enough of them wait.
    """
    _check_waiting(app)
    app.state.dear_waiting += 1
    try:
        async with app.state.dear:
            if await request.is_disconnected():
                raise Problem(499, "given_up", "the caller has left")
            yield
    finally:
        app.state.dear_waiting -= 1


def _is_json(request: Request) -> bool:
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    return kind == "application/json" or kind.endswith("+json")


async def _body(request: Request, most: int) -> bytes:
    """A JSON body of limited length."""
    if not _is_json(request):
        raise Problem(
            415, "wrong_format", "the body must be JSON", hint="send the header Content-Type: application/json"
        )
    held = bytearray()
    async for data in request.stream():
        held += data
        if len(held) > most:
            hint = "send a file (FASTA, CSV …) instead of JSON" if request.url.path.endswith("/predict") else None
            raise Problem(413, "too_large", f"the body is longer than {most:,} bytes", hint=hint)
    return bytes(held)


async def _predict_json(request: Request, found: ServedModel, service: Service) -> Response:
    limits, model = service.settings.limits, found.current()
    body = await _body(request, limits.body_bytes)

    def read() -> Asked:
        return asked_of_json(parsed(body), model, limits)

    asked = read() if len(body) <= _IN_LOOP else await run_in_threadpool(read)
    answers: list[str] = []
    if asked.rows is not None:
        answers = await model.batcher.ask(asked.rows, rows=asked.rows.size)
    lines = asked.merged(answers)
    if service.settings.log_sequences and asked.errors:
        log.warning("rows that cannot be read: %s", [x for x in asked.lines if x is not None][:20])
    if NDJSON in request.headers.get("accept", ""):
        service.metrics.answered(model.name, ok=len(answers), errors=asked.errors)
        return Response(b"".join(chunks(lines)), media_type=NDJSON)
    return _results(model, lines, service, errors=asked.errors)


def _results(model: Loaded, lines: list[str], service: Service, *, errors: int | None = None) -> Response:
    """Lines of JSON as the results of one answer."""
    wrong = sum(line.startswith('{"id": ') and '"error": {' in line for line in lines) if errors is None else errors
    service.metrics.answered(model.name, ok=len(lines) - wrong, errors=wrong)
    head = json.dumps({"model": model.name, "digest": model.digest, "rows": len(lines), "errors": wrong})
    return Response(f'{head[:-1]}, "results": [{",".join(lines)}]}}', media_type="application/json")


async def _predict_file(
    request: Request, found: ServedModel, service: Service, *, sequence: str | None
) -> StreamingResponse:
    model = found.current()
    path = await _spool(request, service)
    try:
        answering = await run_in_threadpool(Answering, path, model, sequence=sequence)
    except BaseException:
        path.unlink(missing_ok=True)
        raise

    async def lines() -> AsyncIterator[bytes]:
        source = answering.lines()
        try:
            while (data := await run_in_threadpool(next, source, None)) is not None:
                yield data
        except Exception as error:
            log.error("an answer stopped: %s", type(error).__name__, exc_info=error)
            yield stopped(error)
        finally:
            path.unlink(missing_ok=True)
            service.metrics.answered(model.name, ok=answering.rows - answering.errors, errors=answering.errors)

    return StreamingResponse(lines(), media_type=NDJSON)
