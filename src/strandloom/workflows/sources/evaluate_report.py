"""The report of an evaluation of a source model."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

import polars as pl

from strandloom.report.figures import UNIT_TICKS
from strandloom.report.numbers import fixed, percent
from strandloom.report.report import Card, Section, page
from strandloom.report.sources_page import confusion_figure
from strandloom.report.svg import Axis, Figure, Plot
from strandloom.report.tables import Cell, Table, text
from strandloom.report.verdict import Tone, Verdict
from strandloom.version import VERSION


def evaluation_page(facts: Mapping[str, Any], frame: pl.DataFrame, *, environments: tuple[str, ...]) -> str:
    """The HTML page of ``evaluation.json``."""
    if facts["kind"] == "compositions":
        verdict, cards, sections = _compositions(facts, frame)
    else:
        verdict, cards, sections = _reads(facts, frame, environments)
    sections.append(Section("again", "Do it again", command=str(facts.get("command") or "")))
    return page(
        "report.html",
        {
            "heading": f"Judged on {facts['table'].rsplit('/', 1)[-1]}",
            "kicker": f"strandloom sources evaluate · {date.today().isoformat()}",
            "description": "",
            "version": VERSION,
            "verdict": verdict,
            "cards": cards,
            "sections": [s for s in sections if not s.empty],
            "motifs": [],
        },
    )


def _reads(
    facts: Mapping[str, Any], frame: pl.DataFrame, environments: tuple[str, ...]
) -> tuple[Verdict, list[Card], list[Section]]:
    score = facts["read_accuracy"]
    bayes = score["naive_bayes_10mers"]
    gain = score["model"] - (score["chance"] if bayes is None else bayes)
    tone: Tone = "good" if gain > 0.02 else "fair" if gain > -0.01 else "poor"
    words = (
        f"{percent(score['model'])} of the reads are answered with the right environment (mean over environments), "
        + ("" if bayes is None else f"by 10-mer naive Bayes {percent(bayes)}, ")
        + f"by chance {percent(score['chance'])}."
    )
    trained = int(frame["in_training"].sum())
    if trained:
        words += f" {trained} of {len(frame)} genomes or samples are in the training collection, so this is no test of new ones."
    real = facts["kind"] == "reads"
    rows = tuple(
        (
            text(r["member"]), text(r["environment"]), *(() if real else (text(r["genus"]),)), Cell(percent(r["right"])),
            Cell(percent(r["naive_bayes_10mers"])), text(r["mostly"]), Cell(percent(r["like_nothing"])),
            text("yes" if r["in_training"] else "no"),
        )
        for r in frame.iter_rows(named=True)
    )  # fmt: skip
    names = (
        "sample" if real else "genome",
        "environment",
        *(() if real else ("genus",)),
        "right",
        "10-mer naive Bayes",
    )
    numbers = ("right", "10-mer naive Bayes", "like nothing")
    head = tuple(
        Cell(x) if x in numbers else text(x) for x in (*names, "mostly answered", "like nothing", "in training")
    )
    cards = [
        Card("Right environment", percent(score["model"]), "mean over environments"),
        Card("10-mer naive Bayes", percent(score["naive_bayes_10mers"]), "composition only"),
        *(
            Card(str(r["environment"]), percent(r["right"]), f"naive Bayes {percent(r['naive_bayes_10mers'])}")
            for r in facts["by_environment"]
        ),
    ]
    sections = [
        Section(
            "members",
            "By genome or sample",
            tables=(Table("Reads answered with the right environment", head, rows, {}),),
        ),
        Section("genera", "By genus", tables=() if real else (_by_genus(frame),)),
        Section(
            "confusion",
            "What is taken for what",
            figures=(confusion_figure("reads", "Reads", environments, facts["confusion"]),),
        ),
    ]
    return Verdict(words, tone, ()), cards, sections


def _by_genus(frame: pl.DataFrame) -> Table:
    by = frame.group_by("environment", "genus", maintain_order=True).agg(
        pl.len().alias("genomes"), pl.mean("right"), pl.mean("naive_bayes_10mers"), pl.mean("like_nothing")
    )
    rows = tuple(
        (
            text(r["genus"]), text(r["environment"]), Cell(str(r["genomes"])), Cell(percent(r["right"])),
            Cell(percent(r["naive_bayes_10mers"])), Cell(percent(r["like_nothing"])),
        )
        for r in by.iter_rows(named=True)
    )  # fmt: skip
    head = (
        text("genus"),
        text("environment"),
        *(Cell(x) for x in ("genomes", "right", "10-mer naive Bayes", "like nothing")),
    )
    return Table("Reads answered with the right environment, means over genomes", head, rows, {})


def _unknown_figure(frame: pl.DataFrame) -> Figure:
    """The unknown share that was found against the true one, a dot a sample."""
    true, found = frame["true_unknown"].to_list(), frame["found_unknown"].to_list()
    said = "; ".join(
        f"{r['sample']}: {percent(r['true_unknown'])} true, {percent(r['found_unknown'])} found"
        for r in frame.iter_rows(named=True)
    )
    plot = Plot(
        "unknown",
        title="Unknown share",
        description=said,
        x=Axis(0, 1, "true share of foreign reads", at=UNIT_TICKS),
        y=Axis(0, 1, "share called unknown", at=UNIT_TICKS),
        height=340,
        grid="xy",
    )
    plot.canvas.segment(plot.px(0), plot.py(0), plot.px(1), plot.py(1), "mark")
    plot.dots(true, found, 0)
    words = "On the dashed line the unknown share is right; below it foreign reads are given to environments."
    return Figure(plot.svg(), "Is the unknown share right?", words)


def _compositions(facts: Mapping[str, Any], frame: pl.DataFrame) -> tuple[Verdict, list[Card], list[Section]]:
    error = facts["total_variation"]
    ratio = error["em"] / max(error["argmax"], 1e-9)
    tone: Tone = "good" if ratio < 0.7 else "fair" if ratio < 1 else "poor"
    words = (
        f"Estimated shares are {fixed(error['em'])} from the truth on average (total variation), argmax shares {fixed(error['argmax'])}; "
        f"{percent(facts['coverage_of_90_intervals'])} of the true shares lie in their 90 % interval."
    )
    rows = tuple(
        (
            text(r["sample"]), Cell(f"{r['reads']:,}"), Cell(fixed(r["error_em"])), Cell(fixed(r["error_confusion"])),
            Cell(fixed(r["error_argmax"])), Cell(percent(r["true_unknown"])), Cell(percent(r["found_unknown"])),
        )
        for r in frame.iter_rows(named=True)
    )  # fmt: skip
    head = (
        text("sample"),
        *(Cell(x) for x in ("reads", "error", "corrected argmax", "argmax", "true unknown", "found unknown")),
    )
    cards = [
        Card("Error (total variation)", fixed(error["em"]), f"argmax {fixed(error['argmax'])}"),
        Card("Samples", str(len(frame))),
    ]
    return (
        Verdict(words, tone, ()),
        cards,
        [
            Section("unknown", "The unknown share", figures=(_unknown_figure(frame),)),
            Section("samples", "By sample", tables=(Table("Errors of the shares", head, rows, {}),)),
        ],
    )
