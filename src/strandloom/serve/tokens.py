"""Tokens by name: who may ask. Only their hashes are kept, and one that is taken back stops working at once."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, TypeAdapter, ValidationError

from strandloom.errors import InputError, UsageError
from strandloom.io.plain import read_json, write_json
from strandloom.settings import Settings

FORMAT = 1
PREFIX = "sl_"
Role = Literal["viewer", "editor"]
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ._@-]{0,63}")


class StoredToken(Settings):
    """A token as it is kept."""

    name: str
    """Whose it is."""
    role: Role = "viewer"
    """viewer: may ask and look; editor: may also change things (studio)."""
    sha256: str = Field(pattern="^[0-9a-f]{64}$")
    """SHA-256 of the token: 32 random bytes need no slower hash."""
    created: str
    """When it was made."""


@dataclass(frozen=True)
class Caller:
    """Who asks."""

    name: str
    role: Role
    token: str = ""
    """SHA-256 of the token; empty of those who showed none."""


class TokenFile:
    """The tokens of a service, in a file of their own that is read again whenever it changes.

    Parameters
    ----------
    path
        The file; it need not be there yet.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self._stamp: tuple[int, int, int] | None = None
        self._known: tuple[StoredToken, ...] = ()

    def tokens(self) -> tuple[StoredToken, ...]:
        """All that work, oldest first.

        Raises
        ------
        InputError
            The file is no file of tokens.
        """
        try:
            facts = self.path.stat()
        except FileNotFoundError:
            return ()
        stamp = (facts.st_mtime_ns, facts.st_size, facts.st_ino)
        if stamp != self._stamp:
            self._known, self._stamp = _parsed(self.path), stamp
        return self._known

    def caller(self, token: str) -> Caller | None:
        """Who has this token; None: nobody. Every stored hash is compared, in constant time."""
        digest = hashlib.sha256(token.encode("utf-8", "replace")).hexdigest()
        found = None
        for one in self.tokens():
            if hmac.compare_digest(one.sha256, digest):
                found = one
        return None if found is None else Caller(found.name, found.role, found.sha256)

    def add(self, name: str, *, role: Role = "viewer") -> str:
        """Make a token and return it: it is shown once and not kept.

        Raises
        ------
        UsageError
            The name is taken, or is none.
        """
        if not _NAME.fullmatch(name):
            raise UsageError(
                f"'{name[:80]}' is no name of a token",
                hint="up to 64 letters, digits, blanks and . _ @ -, a letter or digit first",
            )
        known = self.tokens()
        if any(one.name == name for one in known):
            raise UsageError(f"there is a token of '{name}' already", hint="revoke it first, or choose another name")
        token = PREFIX + secrets.token_urlsafe(32)
        digest = hashlib.sha256(token.encode()).hexdigest()
        made = datetime.now(UTC).isoformat(timespec="seconds")
        self._write((*known, StoredToken(name=name, role=role, sha256=digest, created=made)))
        return token

    def revoke(self, name: str) -> None:
        """Take a token back.

        Raises
        ------
        UsageError
            There is none of this name.
        """
        known = self.tokens()
        kept = tuple(one for one in known if one.name != name)
        if len(kept) == len(known):
            names = ", ".join(one.name for one in known) or "none"
            raise UsageError(f"there is no token of '{name}'", hint=f"tokens: {names}")
        self._write(kept)

    def _write(self, tokens: tuple[StoredToken, ...]) -> None:
        content: dict[str, Any] = {"format": FORMAT, "tokens": [one.model_dump() for one in tokens]}
        write_json(self.path, content)
        self.path.chmod(0o600)
        self._stamp = None


def _parsed(path: Path) -> tuple[StoredToken, ...]:
    raw = read_json(path)
    hint = "make one with `strandloom token add NAME --file FILE`"
    if not isinstance(raw, dict) or raw.get("format") != FORMAT:
        raise InputError("this is no file of tokens", where=path, hint=hint)
    try:
        return TypeAdapter(tuple[StoredToken, ...]).validate_python(raw.get("tokens"))
    except ValidationError as error:
        raise InputError(f"this is no file of tokens: {error.errors()[0]['msg']}", where=path, hint=hint) from None
