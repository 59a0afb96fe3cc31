"""The page of ``strandloom sources estimate``: stacked bars of samples, shares with intervals, what was read, and how far to trust it.

:func:`render_sources` is pure: the same inputs give the same text.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from strandloom.report.cautions import Caution
from strandloom.report.numbers import MISSING, count, fixed, percent
from strandloom.report.report import Card, Section, page
from strandloom.report.svg import Canvas, Figure, Key
from strandloom.report.tables import Cell, Table, text
from strandloom.report.verdict import Tone, Verdict
from strandloom.words import plural

UNKNOWN_COLOUR = 7
MOST_BARS, MOST_PANELS = 60, 12


@dataclass(frozen=True)
class SourceShare:
    """The share of one source in a sample, with its interval; None where there were no reads."""

    value: float | None
    low: float | None
    high: float | None


@dataclass(frozen=True)
class SampleShares:
    """A sample as the page shows it."""

    sample: str
    shares: tuple[SourceShare, ...]
    """One a source, unknown last, by the default method."""
    others: tuple[tuple[str, tuple[float | None, ...]], ...]
    """Other methods by name, with their shares."""
    reads: int
    used: int
    dropped: str
    """What was dropped and cut, in words."""
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class SourcesPage:
    """Everything the page is made of."""

    sources: tuple[str, ...]
    """Names, unknown last."""
    samples: tuple[SampleShares, ...]
    level: float
    training: tuple[tuple[str, str], ...]
    """Facts about the model."""
    confusion: tuple[tuple[float, ...], ...]
    """Share of the practice reads of each environment (rows) answered with each."""
    methods: tuple[tuple[str, str], ...]
    practice: tuple[tuple[str, float | None, float, int], ...]
    """Practice samples by kind: what they are, share given to their own environment, share called unknown, how many."""
    groups: tuple[tuple[str, str, float | None, float | None, float | None], ...]
    """Genera (or samples): name, environment, reads answered rightly without a genome, without all of the genus, naive Bayes without it."""
    group_word: str
    files: tuple[tuple[str, str], ...]
    command: str = ""
    version: str = ""
    date: str = ""
    title: str = ""


def render_sources(page_of: SourcesPage) -> str:
    """The page of estimated samples.

    Returns
    -------
    str
        A self-contained HTML page.
    """
    cautions = tuple(
        Caution("caution", sample.sample, words) for sample in page_of.samples for words in sample.warnings
    )
    return page(
        "report.html",
        {
            "heading": page_of.title or "Sources of the reads",
            "kicker": " · ".join(x for x in ("strandloom sources estimate", page_of.date) if x),
            "description": "",
            "version": page_of.version,
            "verdict": _verdict(page_of),
            "cards": _cards(page_of),
            "sections": [s for s in _sections(page_of, cautions) if not s.empty],
            "motifs": [],
        },
    )


def _sections(page_of: SourcesPage, cautions: tuple[Caution, ...]) -> list[Section]:
    level = percent(page_of.level, 0)
    return [
        Section("care", "What to be careful about", cautions=cautions),
        Section(
            "shares",
            "Where the reads come from",
            lead=f"Shares of the reads of each sample, with {level} intervals.",
            figures=(stacked_bars(page_of),),
            tables_after=(share_table(page_of),),
        ),
        Section(
            "intervals",
            "How sure the shares are",
            lead="An interval covers other reads, other reference genomes of each environment, and other notions of what is unknown; "
            "it knows nothing of organisms that resemble no reference.",
            figures=tuple(interval_figure(page_of, i) for i in range(min(len(page_of.samples), MOST_PANELS))),
        ),
        Section("methods", "By other methods", facts=page_of.methods, tables_after=(_method_table(page_of),)),
        Section("reads", "What was read", tables=(_read_table(page_of),)),
        Section(
            "model",
            "The model",
            facts=page_of.training,
            figures=(practice_confusion(page_of),),
            tables_after=(_practice_table(page_of), _group_table(page_of)),
        ),
        Section("files", "Files", facts=page_of.files),
        Section("again", "Do it again", command=page_of.command),
    ]


def _best(page_of: SourcesPage, sample: SampleShares) -> tuple[str, float] | None:
    known = [(s.value, name) for s, name in zip(sample.shares, page_of.sources, strict=True) if s.value is not None]
    if not known:
        return None
    value, name = max(known)
    return name, value


def _verdict(page_of: SourcesPage) -> Verdict:
    said = []
    for sample in page_of.samples[:3]:
        best = _best(page_of, sample)
        said.append(
            f"{sample.sample}: no reads"
            if best is None
            else f"{sample.sample}: {'mostly' if best[1] > 0.5 else 'largest share'} {best[0]} ({percent(best[1], 0)})"
        )
    more = len(page_of.samples) - 3
    warned = any(sample.warnings for sample in page_of.samples)
    tone: Tone = "fair" if warned else "good"
    return Verdict("; ".join(said) + (f"; and {plural(more, 'more sample')}" if more > 0 else "") + ".", tone, ())


def _cards(page_of: SourcesPage) -> list[Card]:
    reads, used = (sum(getattr(s, x) for s in page_of.samples) for x in ("reads", "used"))
    unknown = [s.shares[-1].value for s in page_of.samples if s.shares[-1].value is not None]
    mean = sum(unknown) / len(unknown) if unknown else None
    return [
        Card("Samples", count(len(page_of.samples)), ""),
        Card("Reads", count(reads), f"{percent(used / reads)} of them answered" if reads else ""),
        Card("Unknown", MISSING if mean is None else percent(mean), "mean over samples"),
        Card("Sources", count(len(page_of.sources) - 1), ", ".join(page_of.sources[:-1])),
    ]


def colour_of(page_of: SourcesPage, k: int) -> int:
    """The colour number of a source; unknown is grey."""
    return UNKNOWN_COLOUR if k == len(page_of.sources) - 1 else k % UNKNOWN_COLOUR


def stacked_bars(page_of: SourcesPage) -> Figure:
    """A bar for each sample, the shares of its sources side by side."""
    shown = page_of.samples[:MOST_BARS]
    row, left, right, top = 30.0, 190.0, 1010.0, 8.0
    bottom = top + row * len(shown)
    said = "; ".join(
        f"{s.sample}: "
        + ", ".join(f"{name} {percent(x.value, 0)}" for name, x in zip(page_of.sources, s.shares, strict=True))
        for s in shown
    )
    draw = Canvas("bars", "Shares of the sources", said, 1034, bottom + 26)
    for tick in (0.0, 0.2, 0.4, 0.6, 0.8, 1.0):
        at = left + tick * (right - left)
        draw.segment(at, top, at, bottom, "grid")
        draw.write(at, bottom + 17, percent(tick, 0), anchor="middle", classes="t tick")
    for i, sample in enumerate(shown):
        y = top + row * i + 4
        draw.write(left - 10, y + 15, sample.sample, anchor="end", classes="t", limit=24)
        at = left
        for k, share in enumerate(sample.shares):
            if share.value is None:
                continue
            wide = share.value * (right - left)
            name = page_of.sources[k]
            tip = f"{name} {percent(share.value)} ({percent(share.low)} to {percent(share.high)})"
            draw.box(at, y, max(wide - 1, 0), row - 8, f"f{colour_of(page_of, k)}", tip=tip, round_by=2)
            if wide > 46:
                draw.write(at + wide / 2, y + 15, percent(share.value, 0), anchor="middle", classes="t cell strong-on")
            at += wide
        if sample.shares[0].value is None:
            draw.write(left + 8, y + 15, "no reads", classes="t note")
    more = len(page_of.samples) - len(shown)
    words = "Point at a part for its interval." + (
        f" {plural(more, 'more sample')} in composition.tsv." if more else ""
    )
    keys = tuple(Key(name, colour_of(page_of, k), "box") for k, name in enumerate(page_of.sources))
    return Figure(draw.svg(), "Shares of the sources", words, keys, wide=True)


def interval_figure(page_of: SourcesPage, number: int) -> Figure | None:
    """The shares of one sample as points with intervals."""
    sample = page_of.samples[number]
    if sample.shares[0].value is None:
        return None
    row, left, right, top = 26.0, 120.0, 374.0, 8.0
    bottom = top + row * len(page_of.sources)
    said = "; ".join(
        f"{name} {percent(x.value)} ({percent(x.low)} to {percent(x.high)})"
        for name, x in zip(page_of.sources, sample.shares, strict=True)
    )
    draw = Canvas(f"sure-{number}", sample.sample, said, 440, bottom + 24)
    for tick in (0.0, 0.5, 1.0):
        at = left + tick * (right - left)
        draw.segment(at, top, at, bottom, "grid")
        draw.write(at, bottom + 16, percent(tick, 0), anchor="middle", classes="t tick")
    for k, (name, share) in enumerate(zip(page_of.sources, sample.shares, strict=True)):
        y = top + row * k + 14
        colour = colour_of(page_of, k)
        draw.write(left - 8, y + 4, name, anchor="end", classes="t", limit=16)
        draw.write(432, y + 4, percent(share.value), anchor="end", classes="t")
        if share.value is not None and share.low is not None and share.high is not None:
            draw.segment(
                left + share.low * (right - left), y, left + share.high * (right - left), y, f"whisker s{colour}"
            )
            draw.dot(left + share.value * (right - left), y, f"f{colour} ring", radius=5)
    return Figure(draw.svg(), sample.sample, f"{plural(sample.used, 'read')} answered.")


def share_table(page_of: SourcesPage) -> Table:
    """Shares with intervals, a row a sample."""
    rows = []
    for sample in page_of.samples:
        cells = [text(sample.sample)]
        for share in sample.shares:
            if share.value is None:
                cells.append(Cell(MISSING, classes="gap", tip="no reads"))
            else:
                cells.append(Cell(percent(share.value), f"{percent(share.low)} to {percent(share.high)}"))
        rows.append(tuple(cells))
    head = (text("sample"), *(Cell(name) for name in page_of.sources))
    return Table(f"Shares with {percent(page_of.level, 0)} intervals", head, tuple(rows), {})


def _method_table(page_of: SourcesPage) -> Table | None:
    rows = [
        (text(sample.sample), text(method), *(Cell(MISSING if v is None else percent(v)) for v in values))
        for sample in page_of.samples
        for method, values in sample.others
    ]
    if not rows:
        return None
    head = (text("sample"), text("method"), *(Cell(name) for name in page_of.sources))
    return Table("Shares by other methods, for comparison", head, tuple(rows), {})


def _read_table(page_of: SourcesPage) -> Table:
    rows = tuple(
        (text(s.sample), Cell(count(s.reads)), Cell(count(s.used)), text(s.dropped or "nothing was dropped", wrap=True))
        for s in page_of.samples
    )
    return Table(
        "Reads of each sample", (text("sample"), Cell("reads"), Cell("answered"), text("dropped and cut")), rows, {}
    )


def _practice_table(page_of: SourcesPage) -> Table | None:
    """What practice samples of each kind are called."""
    if not page_of.practice:
        return None
    rows = tuple(
        (
            text(what, wrap=True),
            Cell(count(samples)),
            Cell(MISSING if right is None else percent(right)),
            Cell(percent(unknown)),
        )
        for what, right, unknown, samples in page_of.practice
    )
    head = (text("practice sample"), Cell("samples"), Cell("its environment"), Cell("unknown"))
    return Table("What is called unknown: samples of known origin, each without its own profile", head, rows, {})


def _group_table(page_of: SourcesPage) -> Table | None:
    """Reads of left-out genomes and genera."""
    if not page_of.groups:
        return None

    def share(value: float | None) -> Cell:
        return (
            Cell(MISSING, classes="gap", tip="not asked, or nothing of its environment was left")
            if value is None
            else Cell(percent(value))
        )

    rows = tuple((text(name), text(home), *(share(x) for x in values)) for name, home, *values in page_of.groups)
    head = (
        text(page_of.group_word),
        text("environment"),
        *(Cell(x) for x in ("part left out", "all left out", "naive Bayes, all left out")),
    )
    return Table(
        f"Reads answered rightly when a {page_of.group_word}, or a part of it, was left out of training", head, rows, {}
    )


def practice_confusion(page_of: SourcesPage) -> Figure | None:
    """How practice reads of known origin were answered."""
    words = "Rows are the truth: practice reads of known origin, as the model was calibrated with them."
    return confusion_figure(
        "practice", "How practice reads were answered", page_of.sources[:-1], page_of.confusion, words=words
    )


def confusion_figure(
    slug: str,
    title: str,
    names: Sequence[str],
    matrix: Sequence[Sequence[float]],
    *,
    words: str = "Rows are the truth.",
) -> Figure | None:
    """Shares of the reads of each environment (rows) by answer; None where there is nothing, or too much to draw."""
    if not matrix or len(names) > 12:
        return None
    cell, left, top = min(70.0, 300.0 / len(names)), 118.0, 26.0
    grid = cell * len(names)
    said = "; ".join(f"{name}: {percent(matrix[i][i])} right" for i, name in enumerate(names))
    draw = Canvas(slug, title, said, 440, top + grid + 26)
    draw.write(left + grid / 2, 14, "answer", anchor="middle", classes="t name")
    for i, name in enumerate(names):
        draw.write(left - 8, top + (i + 0.5) * cell + 4, name, anchor="end", classes="t tick", limit=15)
        draw.write(left + (i + 0.5) * cell, top + grid + 16, name, anchor="middle", classes="t tick", limit=9)
        for j in range(len(names)):
            share = matrix[i][j]
            draw.box(
                left + j * cell + 1, top + i * cell + 1, cell - 2, cell - 2, "f0" if i == j else "f1",
                opacity=0.06 + 0.94 * share, tip=f"{name} answered as {names[j]}: {percent(share)}", round_by=3,
            )  # fmt: skip
            ink = "t cell strong-on" if share > 0.55 else "t cell"
            draw.write(
                left + (j + 0.5) * cell, top + (i + 0.5) * cell + 4, fixed(share, 2), anchor="middle", classes=ink
            )
    return Figure(draw.svg(), title, words)
