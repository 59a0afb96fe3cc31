"""Windows of an attribution map that contribute more than chance does: the raw material of patterns.

Sums of the contributions over windows of several widths are held against a null, and the strongest windows that do not
overlap are kept up to a false discovery rate, apart for those that raise the score and those that lower it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from strandloom.alphabet import DNA, Codes
from strandloom.errors import SettingsError, UsageError
from strandloom.explain.attribution import AttributionMap, contributions
from strandloom.explain.motif import Sites

WIDTHS = (4, 6, 8, 10, 13, 16, 20)
_BLOCK_CELLS = 1 << 21  # window sums held at once for each width (16 MB)
_FIT_CELLS = 1 << 22  # window sums that a null is fitted to; of more, evenly spaced rows
_LAX = 4.0  # windows likelier than exp(-4) under the null are not looked at
_NORMAL = 1.35  # Weibull shape that meets a normal's deviations at their 50 % and 90 % quantiles
_SILENT = 700.0  # surprise of the largest window where a map has no noise


@dataclass(frozen=True)
class Side:
    """What was found among the windows of one sign.

    Parameters
    ----------
    found
        Seqlets.
    p
        Largest p-value of a window among them; 0 where there are none.
    false
        How many of them chance would make.
    """

    found: int
    p: float
    false: float


@dataclass(frozen=True)
class Null:
    """What the windows were held against.

    Parameters
    ----------
    kind
        ``shuffled``: the same search on maps of shuffled sequences. ``symmetric``: a symmetric tail (Weibull, no lighter than
        normal and no heavier than Laplace) through the middle of the window sums themselves.
    rate
        The false discovery rate asked for.
    windows
        Places that were looked at: windows of the narrowest width.
    positive, negative
        The windows that raise the score, and those that lower it.
    """

    kind: Literal["shuffled", "symmetric"]
    rate: float
    windows: int
    positive: Side
    negative: Side


@dataclass(frozen=True, eq=False)
class Seqlets:
    """Significant windows, the strongest first.

    Parameters
    ----------
    sites
        The S windows, in the coordinates of the sequences, forward; ``score`` is the sum of the contributions.
    p
        float64 ``(S,)``: chance of such a sum in one window under the null.
    starts
        int64 ``(N,)``: column of the map at which each sequence begins.
    null
        What they were held against.
    """

    sites: Sites
    p: NDArray[np.float64]
    starts: NDArray[np.int64]
    null: Null

    def __len__(self) -> int:
        """Number of seqlets S."""
        return len(self.sites)


class _Tail(NamedTuple):
    """Symmetric null of the sums at one width: ``P(|x - centre| > d) = exp(-(d / scale) ** shape)``."""

    centre: float
    scale: float
    shape: float

    @property
    def far(self) -> float:
        """The deviation that one window in a thousand passes."""
        return float(self.scale * np.log(1000) ** (1 / self.shape))

    def surprise(self, deviations: NDArray[np.float64]) -> NDArray[np.float64]:
        """Minus the log of the one-sided chance, any shape."""
        return (deviations / self.scale) ** self.shape + np.log(2)


class _Windows(NamedTuple):
    """Windows as columns of equal length; ``start`` counts from the first column of the map."""

    row: NDArray[np.int64]
    start: NDArray[np.int64]
    end: NDArray[np.int64]
    total: NDArray[np.float64]
    surprise: NDArray[np.float64]

    def take(self, rows: NDArray[np.integer] | NDArray[np.bool_]) -> _Windows:
        return _Windows._make(column[rows] for column in self)


def find_seqlets(
    found: AttributionMap,
    null: AttributionMap | None = None,
    *,
    rate: float = 0.2,
    widths: Sequence[int] = WIDTHS,
    starts: NDArray[np.integer] | None = None,
) -> Seqlets:
    """Windows of a map whose contributions add up to more, or less, than chance makes them.

    Parameters
    ----------
    found
        The map, N sequences in a window of L columns.
    null
        A map of the same kind on shuffled sequences (any number of them). Without it the null is the symmetric middle of the
        window sums, which costs power where motifs fill much of the sequences.
    rate
        False discovery rate, for each sign.
    widths
        Widths of the windows, in bases. The best of them is kept at each place.
    starts
        int ``(N,)``: column of the first base of each sequence; 0 where not given. Sites are told from there on.

    Raises
    ------
    SettingsError
        The rate is not between 0 and 1, or a width is below 1.
    UsageError
        ``starts`` does not fit.
    """
    if not 0 < rate < 1:
        raise SettingsError(f"a false discovery rate lies between 0 and 1, not {rate:g}")
    if not widths or min(widths) < 1:
        raise SettingsError("windows are at least 1 base wide")
    first = np.zeros(len(found), np.int64) if starts is None else np.asarray(starts, np.int64)
    if first.shape != (len(found),):
        raise UsageError(f"starts of shape {first.shape} do not fit {len(found)} sequences")
    widths = sorted(set(widths))
    source = found if null is None else null
    tails = _fit(source, widths)
    windows = {sign: _strongest(found, tails[sign], sign) for sign in (1, -1)}
    places = _places(found.codes, widths[0])
    sides, kept = {}, []
    for sign, candidates in windows.items():
        chance = np.exp(-candidates.surprise)
        if null is None:
            false = places * chance
        else:
            other = np.sort(_strongest(null, tails[sign], sign).surprise)
            above = len(other) - np.searchsorted(other, candidates.surprise)
            false = (above + 1) * places / max(_places(null.codes, widths[0]), 1)
        passed = np.flatnonzero(false <= rate * np.arange(1, len(chance) + 1))
        count = int(passed[-1]) + 1 if len(passed) else 0
        sides[sign] = (
            Side(count, float(chance[count - 1]), float(false[count - 1])) if count else Side(count, p=0.0, false=0.0)
        )
        kept.append(candidates.take(np.arange(count)))
    joined = _Windows._make(np.concatenate(columns) for columns in zip(*kept, strict=True))
    joined = joined.take(np.lexsort((joined.start, joined.row, -joined.surprise)))
    shift = first[joined.row]
    sites = Sites(joined.row, joined.start - shift, joined.end - shift, np.zeros(len(shift), np.bool_), joined.total)
    kind: Literal["shuffled", "symmetric"] = "symmetric" if null is None else "shuffled"
    return Seqlets(sites, np.exp(-joined.surprise), first, Null(kind, rate, places, sides[1], sides[-1]))


def apart(
    row: NDArray[np.integer], start: NDArray[np.integer], end: NDArray[np.integer], *, share: float = 0.0
) -> NDArray[np.bool_]:
    """Which windows to keep, the first come first: at most a share of each is covered by those kept before it.

    Parameters
    ----------
    row, start, end
        int ``(S,)``: sequence, first column (≥ 0) and end of each window, the best first.
    share
        Share of a window that may be covered; 0: windows do not overlap.
    """
    keep = np.zeros(len(row), np.bool_)
    if not len(row):
        return keep
    rows, place = np.unique(row, return_inverse=True)
    taken = np.zeros((len(rows), int(end.max())), np.bool_)
    for i, (r, a, b) in enumerate(zip(place.tolist(), start.tolist(), end.tolist(), strict=True)):
        window = taken[r, a:b]
        if np.count_nonzero(window) <= share * (b - a):
            window[:] = True
            keep[i] = True
    return keep


def _fit(found: AttributionMap, widths: Sequence[int]) -> dict[int, dict[int, _Tail]]:
    """The null of the sums of each sign at each width.

    Noise is taken to be symmetric, so the quieter side is noise rather than motifs: its own fit counts there, that of both sides on the
    other.
    """
    step = -(-found.codes.size // _FIT_CELLS) or 1
    rows = np.arange(0, len(found), step)
    tails: dict[int, dict[int, _Tail]] = {1: {}, -1: {}}
    peaks = {}
    for width in widths:
        values = np.concatenate([x[~np.isnan(x)] for x in _sums(found, width, rows)] or [np.empty(0)])
        centre = float(np.median(values)) if len(values) else 0.0
        peaks[width] = float(np.abs(values - centre).max(initial=0.0))
        both = _tail(np.abs(values - centre), centre)
        for sign, own in tails.items():
            side = sign * (values - centre)
            alone = _tail(side[side > 0], centre)
            own[width] = alone if 0 < alone.far < both.far else both
    if any(tail.scale == 0 for own in tails.values() for tail in own.values()):
        # zero at most windows: no noise, so the strongest come first
        peak = max(peaks[width] / np.sqrt(width) for width in widths)
        silent = {w: _Tail(0.0, peak * np.sqrt(w) / _SILENT if peak else np.inf, 1.0) for w in widths}
        return {1: silent, -1: silent}
    return tails


def _tail(deviations: NDArray[np.float64], centre: float) -> _Tail:
    """The Weibull tail through the 50 % and 90 % quantiles of deviations ``(n,)`` from a centre."""
    half, tenth = np.quantile(deviations, [0.5, 0.9]) if len(deviations) else (0.0, 0.0)
    if half <= 0:
        return _Tail(centre, 0.0, 1.0)
    shape = np.log(np.log(10) / np.log(2)) / np.log(tenth / half) if tenth > half else _NORMAL
    shape = float(np.clip(shape, 1.0, _NORMAL))
    return _Tail(centre, float(half / np.log(2) ** (1 / shape)), shape)


def _strongest(found: AttributionMap, tails: dict[int, _Tail], sign: int) -> _Windows:
    """Windows of one sign that do not overlap, the least likely first."""
    parts = []
    for width, tail in tails.items():
        first = 0
        for totals in _sums(found, width, np.arange(len(found))):
            deviations = np.nan_to_num(sign * (totals - tail.centre), nan=0.0).clip(min=0)
            deviations[sign * np.nan_to_num(totals) <= 0] = 0
            surprise = tail.surprise(deviations)
            peak = surprise >= _LAX
            peak[:, 1:] &= surprise[:, 1:] > surprise[:, :-1]
            peak[:, :-1] &= surprise[:, :-1] >= surprise[:, 1:]
            row, start = np.nonzero(peak)
            parts.append(_Windows(row + first, start, start + width, totals[peak], surprise[peak]))
            first += len(totals)
    windows = _Windows._make(np.concatenate(columns) for columns in zip(*parts, strict=True))
    windows = windows.take(np.lexsort((windows.end, windows.start, windows.row, -windows.surprise)))
    return windows.take(apart(windows.row, windows.start, windows.end))


def _sums(found: AttributionMap, width: int, rows: NDArray[np.int64]) -> Iterator[NDArray[np.float64]]:
    """Sums over windows, blocks ``(n, L - width + 1)`` of the rows; NaN where a window holds padding."""
    length = found.codes.shape[1]
    size = max(_BLOCK_CELLS // max(length, 1), 1)
    for at in range(0, max(len(rows), 1), size):
        some = rows[at : at + size]
        codes = found.codes[some]
        totals = _box(contributions(codes, found.scores[some]).astype(np.float64), width)
        totals[_box((codes == DNA.pad).astype(np.float64), width) > 0] = np.nan
        yield totals


def _box(values: NDArray[np.float64], width: int) -> NDArray[np.float64]:
    """Sums of ``values (n, L)`` over every ``width`` columns, ``(n, max(L - width + 1, 0))``."""
    rows, length = values.shape
    if length < width:
        return np.empty((rows, 0))
    running = np.zeros((rows, length + 1))
    np.cumsum(values, axis=1, out=running[:, 1:])
    return running[:, width:] - running[:, :-width]


def _places(codes: Codes, width: int) -> int:
    """Windows of one width that hold no padding."""
    size = max(_BLOCK_CELLS // max(codes.shape[1], 1), 1)
    blocks = (codes[at : at + size] for at in range(0, len(codes), size))
    return sum(int(np.count_nonzero(_box((x == DNA.pad).astype(np.float64), width) == 0)) for x in blocks)
