"""Who may see a page: a token shown once becomes a cookie; a link to a shared run needs neither."""

from __future__ import annotations

import time
from dataclasses import dataclass
from http.cookies import CookieError, SimpleCookie
from urllib.parse import quote, urlsplit

from strandloom.serve.gate import OPEN, Gate, Message, Receive, Scope, Send
from strandloom.serve.problems import Problem
from strandloom.serve.tokens import Caller, TokenFile
from strandloom.studio.studio import Studio

COOKIE = "strandloom_studio"
LOGIN = "/login"
STRANGER = Caller("a guest", "viewer")
UPLOAD = "/studio/upload"
_LOOK_AGAIN = 1.0
"""Seconds after which the token of an open page is looked at again."""
_LINKED = "/share/"
_FRAMEWORK = "/_nicegui/"


@dataclass(eq=False)
class StudioGate(Gate):
    """The gate of the service, which also knows cookies.

    Parameters
    ----------
    studio
        Whose logins count.
    """

    studio: Studio

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request or a socket in, send a browser to the login, or refuse."""
        if scope["type"] == "websocket":
            try:
                self._check({**scope, "method": "GET"})
            except Problem:
                await receive()
                await send({"type": "websocket.close", "code": 4401})
                return
            await self.app(scope, self._watched(scope, receive), send)
            return
        if scope["type"] == "http" and self._wants_login(scope):
            target = scope["path"] + (f"?{scope['query_string'].decode()}" if scope["query_string"] else "")
            headers = [(b"location", f"{LOGIN}?to={quote(target)}".encode()), (b"cache-control", b"no-store")]
            await send({"type": "http.response.start", "status": 303, "headers": headers})
            await send({"type": "http.response.body", "body": b""})
            return
        await super().__call__(scope, receive, send)

    def largest(self, path: str) -> int:
        """As of the service; files of data may be larger."""
        return self.studio.settings.upload_bytes if path == UPLOAD else super().largest(path)

    def _watched(self, scope: Scope, receive: Receive) -> Receive:
        """Messages of a socket, until its token is taken back."""
        if self.tokens is None or self._of_cookie(scope) is None:
            return receive
        seen = time.monotonic()

        async def watched() -> Message:
            nonlocal seen
            message = await receive()
            if time.monotonic() - seen > _LOOK_AGAIN:
                seen = time.monotonic()
                if self._of_cookie(scope) is None:
                    return {"type": "websocket.disconnect", "code": 4401}
            return message

        return watched

    def _wants_login(self, scope: Scope) -> bool:
        """A browser that asks for a page and has shown no token."""
        headers = dict(scope["headers"])
        page = scope["method"] == "GET" and b"text/html" in headers.get(b"accept", b"")
        if not page or self.tokens is None or self._open(scope["path"]) or b"authorization" in headers:
            return False
        return self._of_cookie(scope) is None

    def _open(self, path: str) -> bool:
        return path in OPEN or path == LOGIN or path.startswith((_LINKED, f"{_FRAMEWORK}")) or path == "/favicon.ico"

    def _who(self, scope: Scope, headers: dict[bytes, str], tokens: TokenFile) -> Caller:
        path = scope["path"]
        found = self._of_cookie(scope)
        if found is not None:
            return found
        if b"authorization" in headers:
            return self._caller(headers[b"authorization"], tokens)
        if self._open(path) or (path.startswith("/_nicegui_ws/") and self._from_link(headers)):
            return STRANGER
        return self._caller("", tokens)

    def _from_link(self, headers: dict[bytes, str]) -> bool:
        """Whether a socket belongs to a page that needs no token; what it may do is that page's."""
        return urlsplit(headers.get(b"referer", "")).path.startswith((_LINKED, LOGIN))

    def _of_cookie(self, scope: Scope) -> Caller | None:
        value = cookie_of(scope)
        return None if value is None else self.studio.caller_of(value)


def cookie_of(scope: Scope) -> str | None:
    """The studio's cookie of a request."""
    for name, value in scope["headers"]:
        if name == b"cookie":
            try:
                found = SimpleCookie(value.decode("latin-1")).get(COOKIE)
            except CookieError:
                continue
            if found is not None:
                return found.value
    return None
