"""Motif matrices from MEME and JASPAR files (plain or gz), as probabilities of A, C, G, T."""

from __future__ import annotations

import gzip
import re
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from strandloom.errors import InputError

_NUMBER = re.compile(r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?")
_JASPAR_ROW = re.compile(r"^([ACGT])\s*\[?([^\]]*)\]?\s*$")


def read_motifs(path: str | Path) -> dict[str, NDArray[np.float64]]:
    """Read every motif of a file; the format is seen from its content.

    Returns
    -------
    dict
        Name (with the alternative name after a space, where there is one) to base probabilities ``(w, 4)``, order ``ACGT``, rows
        summing to 1.

    Raises
    ------
    InputError
        The file is missing, holds no motif, or a matrix is broken; names the line.
    """
    path = Path(path)
    try:
        data = path.read_bytes()
        data = gzip.decompress(data) if data.startswith(b"\x1f\x8b") else data
        lines = data.decode("utf-8-sig").splitlines()
    except (OSError, EOFError, zlib.error, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else error
        raise InputError(f"the motif file cannot be read: {reason}", where=path, hint="check the path") from None
    meme = any(line.startswith("MEME version") or line.startswith("MOTIF ") for line in lines)
    found: dict[str, NDArray[np.float64]] = {}
    for name, line, matrix in _meme(lines, path) if meme else _jaspar(lines, path):
        where = f"{path}:{line}"
        if name in found:
            raise InputError(f"the motif '{name}' stands twice", where=where)
        if not len(matrix):
            raise InputError(f"the motif '{name}' has no matrix", where=where)
        totals = matrix.sum(axis=1, keepdims=True)
        if not np.isfinite(totals).all():
            raise InputError(f"the matrix of '{name}' has a number too large", where=where)
        if (matrix < 0).any() or (totals <= 0).any():
            raise InputError(f"the matrix of '{name}' has a negative number or a position without counts", where=where)
        found[name] = matrix / totals
    if not found:
        raise InputError(
            "no motif in the file", where=path, hint="MEME (MOTIF …) and JASPAR (>ID name, A [ … ]) are read"
        )
    return found


def _meme(lines: list[str], path: Path) -> Iterator[tuple[str, int, NDArray[np.float64]]]:
    name, started, inside = "", 0, False
    rows: list[list[float]] = []
    width: int | None = None
    for number, line in enumerate([*lines, "MOTIF"], start=1):
        text = line.strip()
        if text.startswith("ALPHABET=") and text.removeprefix("ALPHABET=").strip() not in ("ACGT", "ACGU"):
            raise InputError(
                f"the alphabet is {text.removeprefix('ALPHABET=').strip()}; ACGT is needed", where=f"{path}:{number}"
            )
        if text.startswith("MOTIF"):
            if name:
                if width is not None and width != len(rows):
                    raise InputError(f"'{name}' says w= {width} but has {len(rows)} rows", where=f"{path}:{started}")
                yield name, started, np.array(rows, np.float64).reshape(-1, 4)
            name, started, rows, inside, width = " ".join(text.split()[1:]), number, [], False, None
            if not name and number <= len(lines):
                raise InputError("a motif has no name", where=f"{path}:{number}")
        elif text.startswith("letter-probability matrix"):
            if not name:
                raise InputError("a matrix stands before the first MOTIF line", where=f"{path}:{number}")
            inside = True
            stated = re.search(r"w=\s*(\d+)", text)
            width = int(stated.group(1)) if stated else None
        elif inside and text and not set(text) <= {"-"}:
            values = text.split()
            numbers = text[0].isdigit() or text[0] in ".-+"
            if not numbers and (len(rows) >= width if width is not None else values[0] == "URL" or len(values) != 4):
                inside = False  # what follows the matrix
                continue
            if len(values) != 4 or not all(_NUMBER.fullmatch(v) for v in values):
                raise InputError(f"a row of '{name}' is not four numbers: {text[:60]}", where=f"{path}:{number}")
            rows.append([float(v) for v in values])
        elif inside and text:
            inside = False


def _jaspar(lines: list[str], path: Path) -> Iterator[tuple[str, int, NDArray[np.float64]]]:
    name, started = "", 0
    rows: dict[str, list[float]] = {}
    for number, line in enumerate([*lines, ">"], start=1):
        text = line.strip()
        if text.startswith(">"):
            if name:
                yield name, started, _stack(rows, name, f"{path}:{started}")
            name, started, rows = " ".join(text[1:].split()), number, {}
            continue
        if not text:
            continue
        if not name:
            raise InputError("a JASPAR file starts with `>ID name`", where=f"{path}:{number}")
        letters = _JASPAR_ROW.match(text)
        base = letters.group(1) if letters else "ACGT"[len(rows) % 4]
        values = (letters.group(2) if letters else text).split()
        if not values or not all(_NUMBER.fullmatch(v) for v in values) or base in rows:
            raise InputError(f"a row of '{name}' is not a base with its counts: {text[:60]}", where=f"{path}:{number}")
        rows[base] = [float(v) for v in values]


def _stack(rows: dict[str, list[float]], name: str, where: str) -> NDArray[np.float64]:
    if sorted(rows) != ["A", "C", "G", "T"] or len({len(values) for values in rows.values()}) != 1:
        raise InputError(f"the matrix of '{name}' needs four rows (A, C, G, T) of the same length", where=where)
    return np.array([rows[base] for base in "ACGT"], np.float64).T
