"""Packages that only some verbs need."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec

from strandloom.errors import UsageError


def need(packages: Sequence[str], *, extra: str, what: str) -> None:
    """Make sure that packages are installed, without importing them.

    Raises
    ------
    UsageError
        One is not; the hint names the extra that brings it.
    """
    missing = [name for name in packages if find_spec(name) is None]
    if missing:
        raise UsageError(
            f"{what} needs {' and '.join(missing)}, not installed here", hint=f"pip install 'strandloom[{extra}]'"
        )
