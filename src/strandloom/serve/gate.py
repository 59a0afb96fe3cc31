"""What stands before every route: who asks, from where, how often and how much."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from strandloom.errors import InputError
from strandloom.io.plain import dump_json
from strandloom.serve.metrics import Metrics
from strandloom.serve.problems import Problem
from strandloom.serve.settings import LOOPBACK, ServeSettings
from strandloom.serve.tokens import Caller, TokenFile

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

OPEN = frozenset({"/healthz", "/readyz"})
"""Routes that ask for no token: they say nothing of the models."""
LOCAL = Caller("this machine", "editor")
"""Who asks where there are no tokens."""
NOBODY = Caller("nobody", "viewer")
"""Who asks an open route."""
_REMEMBERED = 10_000


_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_ALWAYS = ((b"x-content-type-options", b"nosniff"), (b"x-frame-options", b"DENY"), (b"referrer-policy", b"same-origin"))


def _host(header: str) -> str:
    """The name of a ``Host`` header, without its port; empty where it is none."""
    try:
        return urlsplit(f"//{header}").hostname or ""
    except ValueError:
        return ""


class RateLimit:
    """So many requests a minute of each caller, a minute's worth at once at most.

    Parameters
    ----------
    per_minute
        0: no limit.
    clock
        Seconds.
    """

    def __init__(self, per_minute: int, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._rate, self._clock = per_minute / 60, clock
        self._left: dict[str, tuple[float, float]] = {}

    def ask(self, caller: str) -> None:
        """Count a request.

        Raises
        ------
        Problem
            429: there were too many.
        """
        if not self._rate:
            return
        now = self._clock()
        most = max(self._rate * 60, 1.0)
        left, since = self._left.get(caller, (most, now))
        left = min(most, left + (now - since) * self._rate)
        if left < 1:
            seconds = int((1 - left) / self._rate) + 1
            message = f"more than {self._rate * 60:,.0f} requests a minute"
            raise Problem(429, "too_many_requests", message, hint=f"try again in {seconds} s", retry_after=seconds)
        if len(self._left) >= _REMEMBERED:
            self._left = {name: at for name, at in self._left.items() if now - at[1] < 60}
        self._left[caller] = (left - 1, now)


@dataclass(eq=False)
class Gate:
    """An ASGI application in front of another.

    Parameters
    ----------
    app
        The routes.
    settings
        Of the service.
    tokens
        Who may ask; None: everyone on this machine, and nobody else.
    metrics
        Counts what is answered and refused.
    """

    app: App
    settings: ServeSettings
    tokens: TokenFile | None
    metrics: Metrics

    def __post_init__(self) -> None:
        self._rate = RateLimit(self.settings.limits.requests_per_minute)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request in, or answer with a problem."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        began = time.perf_counter()
        status = 500

        async def sending(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message["headers"], *_ALWAYS]
            await send(message)

        try:
            self._check(scope)
            await self.app(scope, receive, sending)
        except Problem as problem:
            await refuse(problem, sending)
        finally:
            route = getattr(scope.get("route"), "path", "other")
            method = scope["method"] if scope["method"] in _METHODS else "other"
            self.metrics.requests.labels(route, method, str(status)).inc()
            self.metrics.seconds.labels(route).observe(time.perf_counter() - began)

    def _check(self, scope: Scope) -> None:
        headers = {name: value.decode("latin-1") for name, value in scope["headers"]}
        host, origin = headers.get(b"host", ""), headers.get(b"origin")
        if self.tokens is None and _host(host) not in LOOPBACK:
            raise Problem(403, "wrong_host", "this service answers on this machine only", hint="ask 127.0.0.1")
        if origin is not None and origin.partition("://")[2] != host:
            raise Problem(403, "wrong_origin", "another web page may not ask this service")
        caller = LOCAL
        if self.tokens is not None:
            caller = self._who(scope, headers, self.tokens)
        address = scope.get("client") or ("unknown", 0)
        if scope["path"] not in OPEN:
            self._rate.ask(caller.name if caller.token else address[0])
        declared = headers.get(b"content-length", "")
        most = self.largest(scope["path"])
        if declared.isdigit() and int(declared[:20]) > most:
            raise Problem(413, "too_large", f"the body is larger than {most:,} bytes")
        scope.setdefault("state", {})["caller"] = caller

    def largest(self, path: str) -> int:
        """Bytes of the largest body that a route takes."""
        return max(self.settings.limits.upload_bytes, self.settings.limits.body_bytes)

    def _who(self, scope: Scope, headers: dict[bytes, str], tokens: TokenFile) -> Caller:
        """Who asks, where tokens are needed."""
        if scope["path"] in OPEN:
            return NOBODY
        return self._caller(headers.get(b"authorization", ""), tokens)

    def _caller(self, header: str, tokens: TokenFile) -> Caller:
        kind, _, token = header.partition(" ")
        try:
            caller = tokens.caller(token.strip()) if kind.lower() == "bearer" else None
        except InputError:
            raise Problem(503, "tokens", "the file of tokens cannot be read", retry_after=60) from None
        if caller is None:
            said = "the token is not known, or was revoked" if header else "a token is needed"
            raise Problem(401, "no_token", said, hint="send the header Authorization: Bearer TOKEN")
        return caller


async def refuse(problem: Problem, send: Send) -> None:
    """Answer with a problem."""
    body = dump_json({"error": problem.to_json()}, indent=None).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    headers += [(name.encode(), value.encode()) for name, value in problem.headers.items()]
    await send({"type": "http.response.start", "status": problem.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
