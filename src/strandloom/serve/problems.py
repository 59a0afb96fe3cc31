"""What the service refuses, and how it says so: one form for a whole request and for a row of one."""

from __future__ import annotations

import json
from typing import Any

from strandloom.errors import BundleError, InputError, OutputError, StrandloomError, UsageError

_STATUS: tuple[tuple[type[StrandloomError], int, str], ...] = (
    (InputError, 422, "unreadable_input"),
    (UsageError, 422, "wrong_request"),
    (BundleError, 409, "bundle"),
    (OutputError, 507, "no_space"),
)


class Problem(Exception):
    """A request that is refused.

    Parameters
    ----------
    status
        HTTP status.
    code
        One word for programs.
    message, hint
        For people.
    retry_after
        Seconds after which it may be tried again.
    """

    def __init__(
        self, status: int, code: str, message: str, *, hint: str | None = None, retry_after: int | None = None
    ) -> None:
        self.status, self.code, self.message, self.hint, self.retry_after = status, code, message, hint, retry_after
        super().__init__(message)

    def to_json(self) -> dict[str, Any]:
        """``{"code", "message", "hint"}``, the hint only where there is one."""
        return problem_json(self.code, self.message, hint=self.hint)

    @property
    def headers(self) -> dict[str, str]:
        """Headers of the answer."""
        found = {"cache-control": "no-store"}
        if self.retry_after is not None:
            found["retry-after"] = str(self.retry_after)
        if self.status == 401:
            found["www-authenticate"] = "Bearer"
        return found


def problem_json(code: str, message: str, *, hint: str | None = None) -> dict[str, Any]:
    """The form of every problem."""
    return {"code": code, "message": message, **({"hint": hint} if hint else {})}


def row_line(row_id: str, code: str, message: str, *, hint: str | None = None) -> str:
    """The result of a row that cannot be answered, as a line of JSON."""
    return json.dumps({"id": row_id, "error": problem_json(code, message, hint=hint)}, ensure_ascii=False)


def problem_of(error: StrandloomError, *, shown: str = "the input") -> Problem:
    """A known error as an answer; no path of this machine stands in it.

    Parameters
    ----------
    shown
        What stands in place of a file's name.
    """
    status, code = next(((s, c) for kind, s, c in _STATUS if isinstance(error, kind)), (500, "failed"))
    place = ""
    if error.where is not None and isinstance(error, InputError):
        _, found, rest = error.where.rpartition("/")
        place = (rest if found else error.where).partition(":")[2] or ""
        if not place and ", " in error.where:
            place = error.where.partition(", ")[2]
    where = f"{shown}, line {place}" if place[:1].isdigit() else f"{shown}, {place}" if place else ""
    return Problem(status, code, f"{where}: {error.message}" if where else error.message, hint=error.hint)
