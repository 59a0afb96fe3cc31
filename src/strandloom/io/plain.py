"""Plain values out of arrays and results, and JSON files: always valid, written beside and renamed."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Never

from strandloom.errors import InputError
from strandloom.io.write import replacing


def _refuse(value: object) -> Never:
    raise TypeError(f"cannot be written as JSON: {type(value).__name__}")


def plain(value: Any, *, other: Callable[[Any], Any] = _refuse) -> Any:
    """Any nest of numbers, arrays, sequences and mappings as plain JSON values; NaN and infinities become None.

    Parameters
    ----------
    value
        A thing with a ``to_json`` method is asked for its own form.
    other
        What becomes of anything else; refused unless given.

    Raises
    ------
    TypeError
        Something has no form in JSON.
    """
    if hasattr(value, "to_json"):
        return value.to_json()
    if isinstance(value, Mapping):
        return {str(key): plain(item, other=other) for key, item in value.items()}
    if isinstance(value, (str, bool, int)) or value is None:
        return value
    if hasattr(value, "tolist"):  # numpy scalars and arrays
        return plain(value.tolist(), other=other)
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Sequence):
        return [plain(item, other=other) for item in value]
    return other(value)


def dump_json(value: Any, *, indent: int | None = 1) -> str:
    """Valid JSON text of a value; what JSON does not know (a path) is written as its text."""
    return json.dumps(plain(value, other=str), indent=indent, ensure_ascii=False)


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
