"""Known motifs: which matrices of a database a found motif looks like, after TOMTOM, with p- and q-values."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from contextlib import closing
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from strandloom.errors import UsageError, nearest
from strandloom.explain.motif import Motif
from strandloom.pwm import Matrix, checked, reverse_complement, richest_window, trim

WIDEST = 50
"""Positions of the widest query that is compared whole: memory grows with the third power of the width."""
FEW_TARGETS = 50
"""Known motifs below which a reader must be told that the p-values depend on which they are: the columns of all of them are the
background that a match is held against, and a few motifs make a poor one."""
_EXTRA = "pip install 'strandloom[motifs]'"


class Match(NamedTuple):
    """A found motif (the query) beside a known one (the target)."""

    query: str
    """Name of the found motif."""
    target: str
    """Name of the known motif."""
    p_value: float
    """Probability that a random motif of the target's width is at least as like the query, at any offset and strand."""
    q_value: float
    """Smallest false discovery rate among the matches of this query at which this one counts (Benjamini & Hochberg)."""
    offset: int
    """Position of the target, in the orientation of the query, at which the query's first position lies; below 0 where it stands out."""
    overlap: int
    """Positions that lie on each other."""
    reverse: bool
    """Whether the reverse complement of the target is meant."""


def match_motifs(
    queries: Sequence[Motif] | Mapping[str, Matrix],
    targets: Mapping[str, Matrix],
    *,
    q: float = 0.05,
    both_strands: bool = True,
    threads: int = 1,
) -> list[Match]:
    """Compare found motifs with known ones.

    Columns are compared by Euclidean distance, at every offset, and the complete score turned into a p-value by TOMTOM's dynamic
    programme, as memelite computes it (its first call on a machine compiles for about 40 s; later ones take 1 ms a query).

    Parameters
    ----------
    queries
        Found motifs, or name to base probabilities ``(w, 4)``. Of one wider than 50 positions the most informative 50 are compared; one
        without a position of 0.25 bits matches nothing.
    targets
        Known motifs, name to base probabilities ``(w, 4)``, as :func:`strandloom.io.motifs.read_motifs` gives them. The columns of
        all of them are the background of the p-values, which depend on the choice below :data:`FEW_TARGETS`.
    q
        Highest q-value of a match that is returned; 1 returns every pair.
    both_strands
        Compare with the reverse complements of the targets too.
    threads
        Threads to use.

    Returns
    -------
    list of Match
        Queries in the order given; the matches of each by p-value, ties in the order of the targets. The q-values are over all
        targets of a query, query by query, as in TOMTOM: of many queries some match by chance.

    Raises
    ------
    UsageError
        memelite is missing, there is no target, two queries share a name, or a matrix is not ``(w, 4)`` of probabilities.

    References
    ----------
    Gupta et al., "Quantifying similarity between motifs", Genome Biology 8:R24 (2007).
    """
    if not targets:
        raise UsageError("no known motif to compare with", hint="give the motifs of a MEME or JASPAR file")
    target_names = list(targets)
    known = [checked(matrix, name=name) for name, matrix in targets.items()]
    asked: list[tuple[str, Matrix, int]] = []
    for name, matrix in named(queries):
        query = checked(matrix, name=name)
        if trim(query) != (0, 0):
            first = richest_window(query, WIDEST) if len(query) > WIDEST else 0
            asked.append((name, query[first : first + WIDEST], first))
    if not asked:
        return []
    tomtom = _tomtom()
    strands = known + [reverse_complement(matrix) for matrix in known] if both_strands else known
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # few targets: said in the docstring, and nobody sees it here
        found = tomtom(
            [np.asfortranarray(matrix.T) for _, matrix, _ in asked],
            [np.asfortranarray(matrix.T) for matrix in strands],
            reverse_complement=False,
            n_jobs=threads,
        )  # (5, queries, strands): p-value, score, offset, overlap, strand
    p_values = np.nan_to_num(found[0], nan=1.0).clip(0, 1)
    reverse = np.zeros((len(asked), len(known)), np.bool_)
    if both_strands:
        forward, backward = np.hsplit(p_values, 2)
        reverse = backward < forward  # a palindrome is forward
        lower = np.minimum(forward, backward)
        p_values = lower * (2 - lower)  # 1 - (1 - p)², without rounding to 0
    q_values = benjamini_hochberg(p_values)
    matches = []
    for i, (name, _, first) in enumerate(asked):
        for j in np.argsort(p_values[i], kind="stable"):
            if q_values[i, j] > q:
                break
            at = j + len(known) * reverse[i, j]
            matches.append(
                Match(
                    name, target_names[j], float(p_values[i, j]), float(q_values[i, j]), int(found[2, i, at]) - first,
                    int(found[3, i, at]), bool(reverse[i, j]),
                )
            )  # fmt: skip
    return matches


def benjamini_hochberg(p_values: NDArray[np.float64]) -> NDArray[np.float64]:
    """q-values ``(..., T)`` of p-values ``(..., T)``, each row on its own: ``min over r ≥ rank of p_r T / r``."""
    tests = p_values.shape[-1]
    order = np.argsort(p_values, axis=-1, kind="stable")
    scaled = np.take_along_axis(p_values, order, axis=-1) * (tests / np.arange(1, tests + 1))
    lowest = np.minimum.accumulate(scaled[..., ::-1], axis=-1)[..., ::-1].clip(max=1)
    found = np.empty_like(lowest)
    np.put_along_axis(found, order, lowest, axis=-1)
    return found


def jaspar(
    *, collection: str = "CORE", tax_group: str | Sequence[str] | None = None, release: str | None = None
) -> dict[str, Matrix]:
    """Known motifs of the JASPAR database that pyjaspar brings along; nothing is fetched from the network.

    Parameters
    ----------
    collection
        ``CORE``, ``UNVALIDATED`` …
    tax_group
        ``vertebrates``, ``plants`` …, or several; None: all.
    release
        ``JASPAR2022`` …; None: the latest that pyjaspar has.

    Returns
    -------
    dict
        ``ID name`` to base probabilities ``(w, 4)``, by ID.

    Raises
    ------
    UsageError
        pyjaspar is missing, or has no such release, or it holds no such motif.
    """
    try:
        import pyjaspar
    except ImportError:
        raise UsageError("pyjaspar is needed for its copy of JASPAR", hint=_EXTRA) from None
    releases = list(pyjaspar.jaspar_releases)
    release = release or pyjaspar.JASPAR_LATEST_RELEASE
    if release not in releases:
        like = nearest(release, releases)
        hint = f"did you mean {like}?" if like else "it has: " + ", ".join(releases)
        raise UsageError(f"pyjaspar has no release {release}", hint=hint)
    groups = [tax_group] if isinstance(tax_group, str) else tax_group and list(tax_group)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        database = pyjaspar.jaspardb(release=release)
        with closing(database.conn):
            records = database.fetch_motifs(collection=collection, tax_group=groups)
    found: dict[str, Matrix] = {}
    for record in sorted(records, key=lambda one: str(one.matrix_id)):
        counts = np.array([record.counts[base] for base in "ACGT"], np.float64).T
        found[f"{record.matrix_id} {record.name}"] = counts / counts.sum(axis=1, keepdims=True)
    if not found:
        of = f" of {', '.join(groups)}" if groups else ""
        raise UsageError(f"{release} has no motif{of} in the collection {collection}")
    return found


def named(motifs: Sequence[Motif] | Mapping[str, Matrix]) -> list[tuple[str, Matrix]]:
    """Names and matrices.

    Raises
    ------
    UsageError
        Two motifs share a name.
    """
    if isinstance(motifs, Mapping):
        return list(motifs.items())
    pairs = [(motif.name, motif.matrix) for motif in motifs]
    seen: set[str] = set()
    for name, _ in pairs:
        if name in seen:
            raise UsageError(f"two motifs are called '{name}'")
        seen.add(name)
    return pairs


def _tomtom() -> Any:
    try:
        from memelite import tomtom
    except ImportError:
        raise UsageError("memelite is needed to compare motifs", hint=_EXTRA) from None
    return tomtom
