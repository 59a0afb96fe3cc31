"""A small drawing kit: axes with round ticks, lines, histograms, dots and boxes as inline SVG.

Colours are CSS classes (``s0`` … ``s7`` for strokes, ``f0`` … ``f7`` for fills) that the page's style sheet defines for
light and for dark, so one drawing serves both. Nothing here reads a clock, a font or the network: the same numbers give
the same text.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from markupsafe import Markup, escape

from strandloom.report.numbers import finite, general, shorten

COLOURS = 8


class Key(NamedTuple):
    """One entry of a legend: its words, colour number and form (``line``, ``dash``, ``box`` or ``dot``)."""

    label: str
    colour: int
    form: str = "line"


@dataclass(frozen=True)
class Figure:
    """A drawing with the words around it.

    Parameters
    ----------
    svg
        The ``<svg>`` element.
    title
        Heading over the drawing.
    caption
        How to read it, in plain words.
    legend
        Entries shown under the heading, as text that wraps.
    wide
        Whether the figure takes the whole width of the page.
    """

    svg: Markup
    title: str
    caption: str = ""
    legend: tuple[Key, ...] = ()
    wide: bool = False


def round_ticks(low: float, high: float, number: int = 5) -> list[float]:
    """Round values (steps of 1, 2, 2.5 or 5 times a power of ten) within ``[low, high]``, about ``number`` of them."""
    if not high > low:
        return [low]
    raw = (high - low) / max(number, 1)
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(m * power for m in (1, 2, 2.5, 5, 10) if m * power >= raw * 0.999)
    first = math.ceil(low / step - 1e-9)
    last = math.floor(high / step + 1e-9)
    digits = max(0, 2 - math.floor(math.log10(step)))
    return [round(i * step, digits) + 0.0 for i in range(first, last + 1)]


def span(values: Sequence[float | None], *, zero: bool = False, pad: float = 0.04) -> tuple[float, float]:
    """A range that holds all finite values with some air; ``(0, 1)`` when there is none."""
    kept = [x for x in map(finite, values) if x is not None]
    if not kept:
        return 0.0, 1.0
    low, high = min(kept), max(kept)
    if zero:
        low, high = min(low, 0.0), max(high, 0.0)
    if low == high:
        return (low - 0.5, high + 0.5) if not zero or low else (0.0, 1.0)
    air = (high - low) * pad
    return (low if zero and low == 0 else low - air), high + air


@dataclass(frozen=True)
class Axis:
    """The range of one direction with its name.

    Parameters
    ----------
    low, high
        Ends of the range.
    label
        What it shows, with the unit.
    ticks
        About how many ticks; ``at`` gives them outright.
    text
        How a tick is written.
    """

    low: float
    high: float
    label: str = ""
    ticks: int = 5
    at: tuple[float, ...] | None = None
    text: Callable[[float], str] = general

    def positions(self) -> list[float]:
        """Where ticks stand."""
        return list(self.at) if self.at is not None else round_ticks(self.low, self.high, self.ticks)


def _n(value: float) -> str:
    """A coordinate with at most two decimals."""
    text = f"{value:.2f}".rstrip("0").rstrip(".")
    return "0" if text in ("-0", "") else text


@dataclass
class Canvas:
    """Shapes on a plane measured in pixels at the natural size; ``svg`` scales with its container.

    Parameters
    ----------
    slug
        A name unique on the page (identifiers of title and description derive from it).
    title, description
        Read out by screen readers.
    width, height
        Natural size in px.
    """

    slug: str
    title: str
    description: str
    width: float = 440
    height: float = 290
    parts: list[str] = field(default_factory=list)

    def path(self, points: Sequence[tuple[float, float]], classes: str, *, close: bool = False) -> None:
        """A polyline through px points."""
        if points:
            text = "M" + "L".join(f"{_n(x)} {_n(y)}" for x, y in points) + ("Z" if close else "")
            self.parts.append(f'<path class="{classes}" d="{text}"/>')

    def segment(self, x1: float, y1: float, x2: float, y2: float, classes: str) -> None:
        """A straight line."""
        self.parts.append(f'<path class="{classes}" d="M{_n(x1)} {_n(y1)}L{_n(x2)} {_n(y2)}"/>')

    def box(
        self,
        x: float,
        y: float,
        width: float,
        height: float,
        classes: str,
        *,
        opacity: float | None = None,
        tip: str = "",
        round_by: float = 0,
    ) -> None:
        """A rectangle, with an optional tip shown on hover."""
        extra = "" if opacity is None else f' fill-opacity="{_n(opacity)}"'
        extra += f' rx="{_n(round_by)}"' if round_by else ""
        inner = f"><title>{escape(tip)}</title></rect>" if tip else "/>"
        shape = f'x="{_n(x)}" y="{_n(y)}" width="{_n(max(width, 0))}" height="{_n(max(height, 0))}"'
        self.parts.append(f'<rect class="{classes}" {shape}{extra}{inner}')

    def dot(self, x: float, y: float, classes: str, *, radius: float = 3.5, tip: str = "") -> None:
        """A filled circle."""
        inner = f"><title>{escape(tip)}</title></circle>" if tip else "/>"
        self.parts.append(f'<circle class="{classes}" cx="{_n(x)}" cy="{_n(y)}" r="{_n(radius)}"{inner}')

    def write(
        self,
        x: float,
        y: float,
        text: str,
        *,
        anchor: str = "start",
        classes: str = "t",
        limit: int | None = None,
        turn: float = 0,
    ) -> None:
        """A line of text at a px point; longer than ``limit`` characters it is shortened and whole on hover."""
        shown = text if limit is None else shorten(text, limit)
        tip = f"<title>{escape(text)}</title>" if shown != text else ""
        turned = f' transform="rotate({_n(turn)} {_n(x)} {_n(y)})"' if turn else ""
        place = f'x="{_n(x)}" y="{_n(y)}" text-anchor="{anchor}"{turned}'
        self.parts.append(f'<text class="{classes}" {place}>{escape(shown)}{tip}</text>')

    def svg(self) -> Markup:
        """The finished element."""
        head = (
            f'<svg viewBox="0 0 {_n(self.width)} {_n(self.height)}" role="img" '
            f'aria-labelledby="{escape(self.slug)}-t {escape(self.slug)}-d">'
            f'<title id="{escape(self.slug)}-t">{escape(self.title)}</title>'
            f'<desc id="{escape(self.slug)}-d">{escape(self.description)}</desc>'
        )
        return Markup(head + "".join(self.parts) + "</svg>")


class Plot:
    """A canvas with an x and a y axis; shapes are given in data units and clipped to the ranges by their callers.

    Parameters
    ----------
    slug, title, description
        As for :class:`Canvas`.
    x, y
        The axes. The name of y stands above the axis, unturned.
    height
        Natural height in px; the width is 440.
    grid
        Which grid lines are drawn: ``y``, ``x`` or ``xy``.
    """

    def __init__(
        self,
        slug: str,
        *,
        title: str,
        description: str,
        x: Axis,
        y: Axis,
        height: float = 290,
        grid: str = "y",
    ) -> None:
        width = 440.0
        self.canvas = Canvas(slug, title, description, width, height)
        self.x, self.y = x, y
        words = [y.text(v) for v in y.positions()]
        self.left = 12 + 7.0 * max((len(w) for w in words), default=1)  # room for the tick words of y
        self.right = width - 16
        self.top = 30.0 if y.label else 12.0
        self.bottom = height - (44 if x.label else 26)
        self._axes(words, grid)

    def _axes(self, words: list[str], grid: str) -> None:
        draw = self.canvas
        for value, word in zip(self.y.positions(), words, strict=True):
            at = self.py(value)
            if "y" in grid:
                draw.segment(self.left, at, self.right, at, "grid")
            draw.write(self.left - 7, at + 4, word, anchor="end", classes="t tick")
        for value in self.x.positions():
            at = self.px(value)
            if "x" in grid:
                draw.segment(at, self.top, at, self.bottom, "grid")
            draw.segment(at, self.bottom, at, self.bottom + 4, "axis")
            draw.write(at, self.bottom + 17, self.x.text(value), anchor="middle", classes="t tick")
        draw.segment(self.left, self.bottom, self.right, self.bottom, "axis")
        if self.y.label:
            draw.write(2, 14, self.y.label, classes="t name")
        if self.x.label:
            draw.write((self.left + self.right) / 2, draw.height - 7, self.x.label, anchor="middle", classes="t name")

    def px(self, value: float) -> float:
        """Data x to px."""
        return self.left + (value - self.x.low) / ((self.x.high - self.x.low) or 1) * (self.right - self.left)

    def py(self, value: float) -> float:
        """Data y to px."""
        return self.bottom - (value - self.y.low) / ((self.y.high - self.y.low) or 1) * (self.bottom - self.top)

    def _clip(self, value: float) -> float:
        return min(max(self.py(value), self.top), self.bottom)

    def line(self, xs: Sequence[float | None], ys: Sequence[float | None], colour: int, *, form: str = "") -> None:
        """A line; a missing value breaks it. ``form``: extra classes (``dash``, ``thin``, ``faint``)."""
        run: list[tuple[float, float]] = []
        classes = f"line s{colour % COLOURS} {form}".strip()
        for x_raw, y_raw in [*zip(xs, ys, strict=True), (None, None)]:
            x, y = finite(x_raw), finite(y_raw)
            if x is not None and y is not None:
                run.append((self.px(x), self._clip(y)))
                continue
            if len(run) == 1:
                self.canvas.dot(*run[0], f"f{colour % COLOURS}", radius=2.5)
            else:
                self.canvas.path(run, classes)
            run = []

    def step(self, edges: Sequence[float], heights: Sequence[float], colour: int, *, fill: bool = True) -> None:
        """A histogram outline: ``len(edges) == len(heights) + 1``."""
        points = [(self.px(edges[0]), self.py(self.y.low))]
        for left, right, height in zip(edges[:-1], edges[1:], heights, strict=True):
            points += [(self.px(left), self._clip(height)), (self.px(right), self._clip(height))]
        points.append((self.px(edges[-1]), self.py(self.y.low)))
        if fill:
            self.canvas.path(points, f"band f{colour % COLOURS}", close=True)
        self.canvas.path(points, f"line thin s{colour % COLOURS}")

    def dots(self, xs: Sequence[float | None], ys: Sequence[float | None], colour: int, *, radius: float = 3.5) -> None:
        """Filled circles where both values are known."""
        for x_raw, y_raw in zip(xs, ys, strict=True):
            x, y = finite(x_raw), finite(y_raw)
            if x is not None and y is not None:
                self.canvas.dot(self.px(x), self._clip(y), f"f{colour % COLOURS} ring", radius=radius)

    def upright(self, x: float, label: str) -> None:
        """A vertical marker with words beside it, on the side with room."""
        at = self.px(x)
        self.canvas.segment(at, self.top, at, self.bottom, "mark")
        near_right = at > (self.left + self.right) / 2
        self.canvas.write(
            at + (-5 if near_right else 5),
            self.top + 10,
            label,
            anchor="end" if near_right else "start",
            classes="t note",
        )

    def level(self, y: float, label: str) -> None:
        """A horizontal marker with words above it at the right end."""
        at = self.py(y)
        self.canvas.segment(self.left, at, self.right, at, "mark")
        self.canvas.write(self.right - 2, at - 5, label, anchor="end", classes="t note")

    def svg(self) -> Markup:
        """The finished element."""
        return self.canvas.svg()
