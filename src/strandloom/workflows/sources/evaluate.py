"""Judge a source model on reads of known origin, or on samples of known composition."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from strandloom.errors import InputError
from strandloom.io.frames import TextFrame, find_column, read_text_frame
from strandloom.io.plain import write_json
from strandloom.io.write import TableWriter, replacing
from strandloom.run.output_folder import new_folder
from strandloom.training.runtime import apply, choose_runtime
from strandloom.version import VERSION
from strandloom.words import plural
from strandloom.workflows.sources.collection import UNKNOWN, Collection, candidates, read_collection
from strandloom.workflows.sources.composition import METHODS
from strandloom.workflows.sources.draws import ReadProfile, draw_reads
from strandloom.workflows.sources.estimate import estimate_sample
from strandloom.workflows.sources.evidence import ReadBlock, gather
from strandloom.workflows.sources.model import Answers, LeanModel, ReadModel
from strandloom.workflows.sources.network import COMPOSITION
from strandloom.workflows.sources.pool import read_pool
from strandloom.workflows.sources.reads import ReadFacts, SampleFiles, prepared
from strandloom.workflows.sources.settings import EstimateSettings, ReadSettings
from strandloom.workflows.sources.store import Loaded, load_model

FACTS = "evaluation.json"
FORMAT = 1
WHAT = "an evaluation of strandloom sources"
NAMES = ("right", "naive_bayes_10mers")
READS = 4000
"""Reads drawn from each genome."""
_SLACK = 0.02
"""By how much true proportions may miss 1, for rounding."""
Say = Callable[[str], None]


@dataclass(frozen=True, eq=False)
class Judged:
    """What was found.

    Parameters
    ----------
    facts
        As written to ``evaluation.json``.
    members
        A row a genome or sample.
    """

    folder: Path
    facts: dict[str, Any]
    members: pl.DataFrame
    sentence: str


def evaluate_file(
    bundle: str | Path,
    table: str | Path,
    *,
    out: str | Path,
    profile: ReadProfile | None = None,
    reads: ReadSettings | None = None,
    seed: int = 1,
    threads: int | None = None,
    force: bool = False,
    command: str = "",
    say: Say = lambda _: None,
) -> Judged:
    """Judge a model.

    Parameters
    ----------
    table
        A collection (genomes: reads are drawn from them; samples: their reads), or a table ``sample, source, proportion`` of the true
        composition of samples whose reads lie beside it (as ``sources simulate`` writes them).
    out
        Folder for ``evaluation.json``, ``members.tsv`` and ``report.html``.

    Raises
    ------
    BundleError, InputError, OutputError
        The bundle is no source model; the table cannot be used, or names an environment that the model does not know; the folder exists.
    """
    from strandloom.workflows.sources.evaluate_report import evaluation_page

    loaded = load_model(bundle)
    runtime = apply(choose_runtime("cpu", precision="fp32", parameters=0, threads=threads))
    reads, profile = reads or ReadSettings(), profile or ReadProfile()
    with new_folder(out, mark=FACTS, what=WHAT, force=force) as folder:
        read = read_text_frame(table)
        if find_column(read.frame.columns, ("proportion",)):
            facts, frame, sentence = _compositions(loaded, read, Path(table), reads, runtime.threads, say)
        else:
            collection = read_collection(table, least=1)
            _known(collection.environments, loaded.model.environments, Path(table))
            facts, frame, sentence = _reads(loaded, collection, profile, reads, seed, runtime.threads, say)
        facts = {
            "format": FORMAT, "strandloom": VERSION, "command": command, "model": str(bundle), "table": str(table), **facts,
            "training": {key: loaded.facts.get(key) for key in ("collection", "held_out")},
        }  # fmt: skip
        write_json(folder / FACTS, facts)
        with TableWriter(folder / "members.tsv") as writer:
            writer.write(frame)
        with replacing(folder / "report.html", text=True) as handle:
            handle.write(evaluation_page(facts, frame, environments=loaded.model.environments))
    return Judged(Path(out), facts, frame, sentence)


def _reads(
    loaded: Loaded, collection: Collection, profile: ReadProfile, reads: ReadSettings, seed: int, threads: int, say: Say
) -> tuple[dict[str, Any], pl.DataFrame, str]:
    """Shares of reads answered rightly, by member, beside naive Bayes and the most common answer."""
    model = loaded.model
    known = [model.environments.index(name) for name in collection.environments]
    seen = {name for name, *_ in (loaded.facts.get("collection") or {}).get("members", ())}
    rows, confusion = [], np.zeros((len(model.environments), len(model.environments)))
    for number, member in enumerate(collection.members):
        home = known[member.environment]
        answered, bayes, unknown, count = np.zeros(len(model.environments)), 0, 0.0, 0
        composed = isinstance(model, LeanModel)
        for block in _blocks(collection, number, profile, reads, seed):
            found, composition = _asked(model, block, threads)
            answered += np.bincount(found.log_posterior.argmax(1), minlength=len(answered))
            bayes += int((composition == home).sum())
            unknown += float(np.exp(found.log_regime[:, 3]).sum())
            count += len(composition)
        if not count:
            raise InputError("no read can be used", where=member.file)
        confusion[home] += answered / count
        rows.append(
            {
                "member": member.name, "environment": model.environments[home], "genus": member.genus, "in_training": member.name in seen,
                "reads": count, "right": answered[home] / count, "naive_bayes_10mers": bayes / count if composed else None,
                "like_nothing": unknown / count,
                "mostly": model.environments[int(answered.argmax())],
            }
        )  # fmt: skip
        say(f"{member.name}: {answered[home] / count:.1%} of {count:,} reads right")
    frame = pl.DataFrame(rows)
    by = frame.group_by("environment", maintain_order=True).agg(pl.mean("right"), pl.mean("naive_bayes_10mers"))
    macro = {name: float(by[name].to_numpy().mean()) if by[name].null_count() == 0 else None for name in NAMES}
    facts = {
        "kind": collection.kind,
        "read_accuracy": {
            "model": macro["right"], "naive_bayes_10mers": macro["naive_bayes_10mers"], "chance": 1 / len(model.environments),
        },
        "by_environment": by.to_dicts(),
        "confusion": (confusion / np.maximum(confusion.sum(1, keepdims=True), 1e-12)).tolist(),
        "profile": profile.model_dump() if collection.kind == "genomes" else None,
    }  # fmt: skip
    sentence = f"{macro['right']:.1%} of the reads answered with the right environment (mean over environments)"
    if macro["naive_bayes_10mers"] is not None:
        sentence += f"; 10-mer naive Bayes {macro['naive_bayes_10mers']:.1%}"
    trained = int(frame["in_training"].sum())
    if trained:
        sentence += f"; {trained} of {len(frame)} are in the training collection"
    return facts, frame, sentence


def _asked(model: ReadModel, block: ReadBlock, threads: int) -> tuple[Answers, NDArray[np.int64]]:
    """Answers, and those of 10-mer naive Bayes (-1: the bundle does not hold its table)."""
    if isinstance(model, LeanModel):
        evidence = gather(model.tables, block, threads=threads)
        return model.weigh(evidence), evidence.environments[:, :, COMPOSITION].argmax(1)
    return model.answer(block, threads=threads), np.full(len(block.starts), -1)


def _known(names: tuple[str, ...], environments: tuple[str, ...], table: Path) -> None:
    for name in names:
        if name not in environments:
            raise InputError(
                f"the model knows no environment '{name}'; it knows {', '.join(environments)}",
                where=table,
                hint="use the names of the training table",
            )


def _blocks(
    collection: Collection, number: int, profile: ReadProfile, reads: ReadSettings, seed: int
) -> Iterator[ReadBlock]:
    """Reads of a member: drawn from a genome, or those of a sample."""
    member = collection.members[number]
    if collection.kind == "genomes":
        pool = read_pool([member.file], least=100)
        drawn = draw_reads(pool, np.zeros(READS, np.int32), profile=profile, seed=seed * 1009 + number)
        yield ReadBlock.rectangle(drawn.codes, drawn.lengths)
    else:
        for block in prepared(SampleFiles(member.name, member.file), reads, ReadFacts()):
            yield block.reads


def _compositions(
    loaded: Loaded, table: TextFrame, path: Path, reads: ReadSettings, threads: int, say: Say
) -> tuple[dict[str, Any], pl.DataFrame, str]:
    """Total variation errors of samples of known composition, by method."""
    truth = _truth(table, loaded.model)
    rows: list[dict[str, Any]] = []
    errors: dict[str, list[float]] = {name: [] for name in METHODS}
    inside = []
    for sample, shares in truth.items():
        file = next((x for x in candidates(path.parent, sample) if x.is_file()), None)
        if file is None:
            raise InputError(
                f"sample '{sample}' has no reads beside the table", where=path, hint="call them <sample>.fastq.gz"
            )
        found = estimate_sample(
            SampleFiles(sample, file),
            loaded.model,
            loaded.calibration,
            settings=EstimateSettings(),
            reads=reads,
            threads=threads,
        )
        if found.fault is not None:
            raise found.fault
        own = found.composition.shares
        row: dict[str, Any] = {"sample": sample, "reads": found.composition.reads}
        for name in METHODS:
            error = float(np.abs(own[name].value - shares).sum() / 2)
            errors[name].append(error)
            row[f"error_{name}"] = error
        inside.append((shares >= own["em"].low - 1e-9) & (shares <= own["em"].high + 1e-9))
        row |= {f"true_{UNKNOWN}": shares[-1], f"found_{UNKNOWN}": own["em"].value[-1]}
        rows.append(row)
        say(f"{sample}: off by {row['error_em']:.3f}")
    mean = {name: float(np.mean(values)) for name, values in errors.items()}
    facts = {
        "kind": "compositions",
        "total_variation": mean,
        "coverage_of_90_intervals": float(np.mean(inside)),
        "samples": len(rows),
    }
    sentence = (
        f"total variation error of {plural(len(rows), 'sample')}: {mean['em']:.3f}; "
        f"corrected argmax {mean['confusion']:.3f}, argmax {mean['argmax']:.3f}"
    )
    return facts, pl.DataFrame(rows), sentence


def _truth(table: TextFrame, model: ReadModel) -> dict[str, NDArray[np.float64]]:
    """Shares of the sources by sample, unknown last."""
    names = [find_column(table.frame.columns, (x,)) for x in ("sample", "source", "proportion")]
    if None in names:
        raise InputError("the table needs the columns sample, source and proportion", where=table.path)
    sources = (*model.environments, UNKNOWN)
    found: dict[str, NDArray[np.float64]] = {}
    for row, (sample, source, proportion) in enumerate(table.frame.select([x for x in names if x]).iter_rows()):
        if source not in sources:
            raise InputError(
                f"the model knows no source '{source}'", where=table.where(row), hint=f"it knows {', '.join(sources)}"
            )
        try:
            share = float(proportion or "")
        except ValueError:
            raise InputError(f"'{proportion}' is no proportion", where=table.where(row)) from None
        if not 0 <= share <= 1:
            raise InputError(f"the proportion {proportion} is not between 0 and 1", where=table.where(row))
        found.setdefault(sample, np.zeros(len(sources)))[sources.index(source)] += share
    for sample, shares in found.items():
        if abs(shares.sum() - 1) > _SLACK:
            raise InputError(
                f"the proportions of sample '{sample}' sum to {shares.sum():.3f}, not to 1",
                where=table.path,
                hint=f"name every source of a sample, {UNKNOWN} included",
            )
    return found
