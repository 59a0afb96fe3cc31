"""JSON files: written beside and renamed, always valid JSON."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from strandloom.errors import InputError
from strandloom.io.write import replacing


def finite(value: Any) -> Any:
    """The same value with NaN and infinities as None and every key a string, so that it is valid JSON."""
    if isinstance(value, float):
        return value if value == value and abs(value) != float("inf") else None
    if isinstance(value, dict):
        return {str(k): finite(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [finite(v) for v in value]
    return value


def dump_json(value: Any, *, indent: int | None = 1) -> str:
    """Valid JSON text of a plain value."""
    return json.dumps(finite(value), indent=indent, ensure_ascii=False, default=str)


def write_json(path: Path, value: Any) -> None:
    """Write a JSON file beside and rename it into place.

    Raises
    ------
    OutputError
        The file cannot be written.
    """
    with replacing(path, text=True) as handle:
        handle.write(dump_json(value) + "\n")


def read_json(path: Path) -> Any:
    """Read a JSON file.

    Raises
    ------
    InputError
        It is missing or not JSON.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise InputError("the file is missing", where=path) from None
    except (OSError, ValueError) as error:
        raise InputError(f"not a readable JSON file: {error}", where=path) from None
