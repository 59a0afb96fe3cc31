"""Train a source model: a table of genomes or of samples to a run folder with a bundle and the figures of left-out genomes."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from strandloom.alphabet import DNA
from strandloom.bundle import Bundle, write_bundle
from strandloom.errors import InputError
from strandloom.io.plain import write_json
from strandloom.io.write import TableWriter
from strandloom.run.output_folder import new_folder
from strandloom.training.runtime import apply, choose_runtime, environment
from strandloom.workflows.sources.calibrate import Calibration, Practised, calibrate
from strandloom.workflows.sources.card import source_card
from strandloom.workflows.sources.collection import Collection, read_collection
from strandloom.workflows.sources.drawn_networks import calibrated_network, train_network
from strandloom.workflows.sources.draws import ReadProfile
from strandloom.workflows.sources.held_out import HeldOut, judge_held_out, judge_network
from strandloom.workflows.sources.learn import learn
from strandloom.workflows.sources.lineages import genome_lineages, read_lineages
from strandloom.workflows.sources.model import LeanModel
from strandloom.workflows.sources.pool import Pool, read_pool
from strandloom.workflows.sources.practice import RELATED, SEEN, STRANGE, practice_views
from strandloom.workflows.sources.published import PublishedModel
from strandloom.workflows.sources.read_pool import pool_of_reads
from strandloom.workflows.sources.rehearse import Rehearsal
from strandloom.workflows.sources.self_check import check_unknown
from strandloom.workflows.sources.settings import ReadSettings, SourceTraining
from strandloom.workflows.sources.store import published_bundle, to_bundle, tokens_bundle
from strandloom.workflows.sources.tables import build_tables, count_short
from strandloom.workflows.sources.tokens import TokenModel

RUN = "sources.json"
FORMAT = 1
CALIBRATION_READS = 1500
"""Reads of each lineage and regime that the profiles rest on."""
CHECK_READS = 5200
"""Reads in ``check.tsv`` of a published network."""
LEAST_CONTIG = 100
Say = Callable[[str], None]


@dataclass(frozen=True, eq=False)
class Trained:
    """A model, what it was calibrated with, and how good it is."""

    model: LeanModel | PublishedModel | TokenModel
    calibration: Calibration
    held_out: HeldOut | None
    seconds: dict[str, float]
    notes: tuple[str, ...]
    network: Bundle | None = None
    """The published network, still without its calibration."""
    check: pl.DataFrame | None = None
    """``sequence, environment``: fresh reads, by which ``strandloom export`` can judge other engines for it."""


def train_model(
    collection: Collection,
    *,
    settings: SourceTraining | None = None,
    profile: ReadProfile | None = None,
    reads: ReadSettings | None = None,
    judge: bool = True,
    threads: int = 1,
    say: Say = lambda _: None,
) -> Trained:
    """Train a model on a collection.

    Parameters
    ----------
    profile
        What reads drawn from genomes look like.
    reads
        How real reads are trimmed.
    judge
        Whether to judge on left-out genomes too: a network is trained for every fold. The published network, which takes minutes each, is
        judged by ``studies/sources.py`` alone.

    Raises
    ------
    InputError
        A file cannot be read, or an environment has nothing to learn from.
    DivergedError
        A loss is no longer a number.
    """
    settings = settings or SourceTraining()
    seconds: dict[str, float] = {}
    at = time.perf_counter()
    rehearsal, notes = rehearse(collection, settings=settings, profile=profile, reads=reads, say=say)
    seconds["tables"] = time.perf_counter() - at
    at = time.perf_counter()
    if settings.model != "lean":
        return _drawn(collection, rehearsal, settings, seconds, tuple(notes), judge=judge, threads=threads, say=say)
    model = lean_model(rehearsal, collection.environments, settings, threads=threads, say=say)
    seconds["networks"] = time.perf_counter() - at
    at = time.perf_counter()
    calibration = calibrated(rehearsal, model, settings, threads=threads)
    seconds["calibration"] = time.perf_counter() - at
    held = None
    if judge:
        at = time.perf_counter()
        held = judge_held_out(rehearsal, collection.environments, settings, threads=threads, say=say)
        seconds["left_out"] = time.perf_counter() - at
    return Trained(model, calibration, held, seconds, tuple(notes))


def lean_model(
    rehearsal: Rehearsal,
    environments: tuple[str, ...],
    settings: SourceTraining,
    *,
    threads: int,
    say: Say = lambda _: None,
) -> LeanModel:
    """Train the networks of a lean model, each on practice of its own."""
    members = []
    for number in range(settings.members):
        say(f"network {number + 1} of {settings.members}")
        lesson = rehearsal.lesson(settings, seed=settings.seed * 1000 + 500 + number, threads=threads)
        members.append(
            learn(lesson, seed=settings.seed * 1000 + number, epochs=settings.epochs, own=rehearsal.profile is None)
        )
    return LeanModel(environments, rehearsal.tables, tuple(members))


def _drawn(
    collection: Collection,
    rehearsal: Rehearsal,
    settings: SourceTraining,
    seconds: dict[str, float],
    notes: tuple[str, ...],
    *,
    judge: bool,
    threads: int,
    say: Say,
) -> Trained:
    at = time.perf_counter()
    trained = train_network(rehearsal, collection.environments, settings, threads=threads, say=say)
    seconds["network"] = time.perf_counter() - at
    at = time.perf_counter()
    calibration = calibrated_network(
        rehearsal, trained.model, reads=CALIBRATION_READS, seed=settings.seed, threads=threads
    )
    seconds["calibration"] = time.perf_counter() - at
    held = None
    if judge and settings.model == "tokens":
        at = time.perf_counter()
        held = judge_network(rehearsal, collection.environments, settings, threads=threads, say=say)
        seconds["left_out"] = time.perf_counter() - at
    check = None if trained.bundle is None else _check_rows(collection, rehearsal, settings)
    return Trained(trained.model, calibration, held, seconds, notes, trained.bundle, check)


def _check_rows(collection: Collection, rehearsal: Rehearsal, settings: SourceTraining) -> pl.DataFrame:
    """Reads that nothing was learned from, with their environments."""
    lineages = rehearsal.lineages
    lineage = np.resize(np.arange(len(lineages)), CHECK_READS)
    codes, lengths = rehearsal.draw(lineage, seed=settings.seed * 31 + 9)
    letters = DNA.decode_table[codes]
    texts = [letters[i, :n].tobytes().decode() for i, n in enumerate(lengths.tolist())]
    names = [collection.environments[e] for e in lineages.environment[lineage].tolist()]
    return pl.DataFrame({"sequence": texts, "environment": names})


def rehearse(
    collection: Collection,
    *,
    settings: SourceTraining,
    profile: ReadProfile | None = None,
    reads: ReadSettings | None = None,
    say: Say = lambda _: None,
) -> tuple[Rehearsal, list[str]]:
    """Read a collection and gather its words."""
    notes: list[str] = []
    files = [member.file for member in collection.members]
    if collection.kind == "genomes":
        lineages, own = genome_lineages(collection)
        pool = read_pool(files, least=LEAST_CONTIG)
        lineage = own[pool.member]
        shape: ReadProfile | None = profile or ReadProfile()
        say(f"{len(collection)} genomes, {int(pool.lengths.sum()):,} bases in {len(pool):,} contigs")
    else:
        lineages, first, folds = read_lineages(collection)
        pool, notes = pool_of_reads(collection, reads or ReadSettings())
        lineage = _parts(pool, first, folds)
        shape = None
        say(f"{len(collection)} samples, {len(pool):,} reads")
    for note in notes:
        say(note)
    missing = [
        name
        for e, name in enumerate(collection.environments)
        if not pool.bases[[i for i, m in enumerate(collection.members) if m.environment == e]].sum()
    ]
    if missing:
        raise InputError(
            f"nothing to learn from for: {', '.join(missing)}", hint="check the files of these environments"
        )
    counts = count_short(pool, lineage, lineages)
    tables = build_tables(pool, lineage, lineages, counts, bits=settings.table_bits, say=say)
    return Rehearsal(pool, lineage, lineages, counts, tables, shape), notes


def _parts(pool: Pool, first: NDArray[np.int64], folds: int) -> NDArray[np.int64]:
    """The lineage of each read: consecutive parts of its sample."""
    sizes = np.diff(pool.bounds)
    number = np.arange(len(pool)) - pool.bounds[pool.member]
    return np.asarray(first[pool.member] + number * folds // np.maximum(sizes[pool.member], 1), np.int64)


def calibrated(rehearsal: Rehearsal, model: LeanModel, settings: SourceTraining, *, threads: int) -> Calibration:
    """Ask a model for fresh reads in every regime that the collection can practise."""
    lineages = rehearsal.lineages
    generator = np.random.default_rng([settings.seed, 11])
    practised = []
    for regime in (SEEN, RELATED, STRANGE):
        if regime == SEEN and rehearsal.profile is None:
            continue  # a new read of a sample was never seen before
        lineage = np.repeat(np.arange(len(lineages)), CALIBRATION_READS)
        views = practice_views(lineage, np.full(len(lineage), regime), lineages, generator=generator)
        met = np.flatnonzero(views.regime == regime)
        if not len(met):
            continue
        evidence = rehearsal.evidence(
            lineage[met], views.visible[met], seed=settings.seed * 31 + regime, threads=threads
        )
        practised.append(Practised(model.weigh(evidence), lineage[met], regime))
    nothing = rehearsal.nothing(10 * CALIBRATION_READS, settings, seed=settings.seed * 31 + 7, threads=threads)
    return calibrate(
        practised, model.weigh(nothing), lineages, seed=settings.seed, exchangeable=rehearsal.profile is not None
    )


def train_sources(
    table: str | Path,
    *,
    out: str | Path,
    settings: SourceTraining | None = None,
    profile: ReadProfile | None = None,
    reads: ReadSettings | None = None,
    judge: bool = True,
    threads: int | None = None,
    force: bool = False,
    command: str = "",
    say: Say = lambda _: None,
) -> Trained:
    """Train on the collection of a table and write the run.

    Parameters
    ----------
    table
        See :func:`~strandloom.workflows.sources.collection.read_collection`.
    out
        Run folder: ``sources.json``, ``environment.json`` and ``bundle/``; it must not exist, unless ``force``.

    Raises
    ------
    InputError, OutputError, DivergedError
        As :func:`train_model`; the folder exists or cannot be written.
    """
    settings = settings or SourceTraining()
    with new_folder(out, mark=RUN, what="a run of strandloom sources", force=force) as folder:
        collection = read_collection(table)
        runtime = apply(choose_runtime("cpu", precision="fp32", parameters=0, threads=threads))
        trained = train_model(
            collection, settings=settings, profile=profile, reads=reads, judge=judge, threads=runtime.threads, say=say
        )
        facts: dict[str, Any] = {
            "collection": {
                "kind": collection.kind,
                "environments": collection.environments,
                "members": [[m.name, collection.environments[m.environment], m.genus] for m in collection.members],
            },
            "settings": settings.model_dump(),
            "reads": (profile or ReadProfile()).model_dump()
            if collection.kind == "genomes"
            else (reads or ReadSettings()).model_dump(),
            "held_out": None if trained.held_out is None else trained.held_out.to_json(),
            "held_out_by_group": None
            if trained.held_out is None
            else trained.held_out.by_group(collection.environments),
            "practice": check_unknown(trained.calibration),
            "notes": list(trained.notes),
        }
        name = Path(table).stem
        card = source_card(collection, trained.held_out, name=name)
        if isinstance(trained.model, LeanModel):
            bundle = to_bundle(trained.model, trained.calibration, name=name, card=card, facts=facts)
        elif isinstance(trained.model, TokenModel):
            bundle = tokens_bundle(trained.model, trained.calibration, name=name, card=card, facts=facts)
        else:
            assert trained.network is not None
            bundle = published_bundle(trained.network, trained.calibration, name=name, card=card, facts=facts)
        write_bundle(folder / "bundle", bundle)
        if trained.check is not None:
            with TableWriter(folder / "check.tsv") as writer:
                writer.write(trained.check)
        write_json(folder / RUN, {"format": FORMAT, "command": command, **facts, "seconds": trained.seconds})
        write_json(folder / "environment.json", {**environment(runtime), "command": command})
    return trained
