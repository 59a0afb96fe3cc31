"""Motif matrices to MEME and JASPAR files, which :func:`strandloom.io.motifs.read_motifs` reads back."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from strandloom.errors import UsageError
from strandloom.io.write import replacing
from strandloom.pwm import UNIFORM, Matrix, checked

SITES = 20
"""Sites of a motif whose number is not known, as MEME assumes."""


def write_meme(
    path: str | Path,
    motifs: Mapping[str, Matrix],
    *,
    background: NDArray[np.float64] = UNIFORM,
    sites: Mapping[str, int] | None = None,
) -> None:
    """Write a MEME file, version 4, for both strands.

    Parameters
    ----------
    path
        The file, written whole or not at all.
    motifs
        Name to base probabilities ``(w, 4)``. The first word of a name is the identifier, the second the alternative name; where that
        gives no unique identifier, or there are more words, they are joined by underscores.
    background
        Probabilities ``(4,)`` of A, C, G, T by chance.
    sites
        How many sites a motif was built from (``nsites``), by name; 20 where it is not said or 0.

    Raises
    ------
    UsageError
        There is no motif, a matrix is not ``(w, 4)`` of probabilities, or two names are the same.
    OutputError
        The file cannot be written.
    """
    names = _cleaned(motifs)
    chances = " ".join(f"{base} {_number(value)}" for base, value in zip("ACGT", background, strict=True))
    lines = [
        "MEME version 4",
        "",
        "ALPHABET= ACGT",
        "",
        "strands: + -",
        "",
        "Background letter frequencies",
        chances,
        "",
    ]
    for name, matrix in motifs.items():
        rows = checked(matrix, name=name)
        lines.append(f"MOTIF {names[name]}")
        lines.append(f"letter-probability matrix: alength= 4 w= {len(rows)} nsites= {_sites(name, sites)} E= 0")
        lines += [" " + " ".join(map(_number, row)) for row in rows]
        lines.append("")
    _write(path, lines)


def write_jaspar(path: str | Path, motifs: Mapping[str, Matrix], *, sites: Mapping[str, int] | None = None) -> None:
    """Write a JASPAR file of counts: probabilities times sites, as whole numbers where they are.

    Parameters
    ----------
    path, motifs, sites
        As :func:`write_meme`.

    Raises
    ------
    UsageError, OutputError
        As :func:`write_meme`.
    """
    names = _cleaned(motifs)
    lines = []
    for name, matrix in motifs.items():
        counts = checked(matrix, name=name) * _sites(name, sites)
        lines.append(f">{names[name].replace(' ', chr(9))}")
        columns = [[_number(value) for value in row] for row in counts.T]
        width = max(len(text) for row in columns for text in row)
        lines += [
            f"{base} [ {' '.join(text.rjust(width) for text in row)} ]"
            for base, row in zip("ACGT", columns, strict=True)
        ]
    _write(path, lines)


def _write(path: str | Path, lines: list[str]) -> None:
    with replacing(path, text=True) as handle:
        handle.write("\n".join(lines) + "\n")


def _number(value: float) -> str:
    """Ten significant digits, or a whole number that is one but for rounding."""
    whole = round(value)
    return str(whole) if whole and abs(value - whole) < 1e-9 * whole else f"{value:.10g}"


def _sites(name: str, sites: Mapping[str, int] | None) -> int:
    return (sites or {}).get(name, 0) or SITES


def _cleaned(motifs: Mapping[str, Matrix]) -> dict[str, str]:
    """Name to identifier, or identifier and alternative name, with one space between."""
    if not motifs:
        raise UsageError("there is no motif to write")
    words = {name: name.split() for name in motifs}
    firsts = Counter(parts[0] for parts in words.values() if parts)
    found: dict[str, str] = {}
    for name, parts in words.items():
        plain = len(parts) <= 2 and parts and firsts[parts[0]] == 1
        text = (" " if plain else "_").join(parts)
        if not text or text in found.values():
            raise UsageError(f"two motifs would be called '{text}'" if text else "a motif has no name")
        found[name] = text
    return found
