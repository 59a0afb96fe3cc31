"""Source tracking of count tables: files in, shares with intervals out; source samples are judged by leaving each out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from strandloom.errors import InputError
from strandloom.io.counts import read_counts
from strandloom.io.frames import TextFrame, find_column, listed, read_text_frame
from strandloom.io.plain import write_json
from strandloom.io.write import TableWriter
from strandloom.run.output_folder import new_folder
from strandloom.version import VERSION
from strandloom.words import plural
from strandloom.workflows.sources.collection import UNKNOWN
from strandloom.workflows.sources.taxa_mixing import even_sources, mix_taxa

FACTS = "taxa.json"
FORMAT = 1
WHAT = "source tracking of a count table"
RESAMPLES = 100
LEVEL = 0.9
Say = Callable[[str], None]


@dataclass(frozen=True, eq=False)
class TaxaTable:
    """Counts of J taxa in samples that are sources or sinks.

    Parameters
    ----------
    absent
        Samples of the metadata without reads in the table.
    sources, sinks
        Names.
    environment
        int64 ``(S,)``: environment of each source.
    environments
        Names, E of them.
    source_counts, sink_counts
        float64 ``(S, J)`` and ``(T, J)``.
    """

    absent: tuple[str, ...]
    sources: tuple[str, ...]
    sinks: tuple[str, ...]
    environment: NDArray[np.int64]
    environments: tuple[str, ...]
    source_counts: NDArray[np.float64]
    sink_counts: NDArray[np.float64]


def read_taxa(counts: str | Path, metadata: str | Path) -> TaxaTable:
    """Read counts and what the samples are.

    Parameters
    ----------
    counts
        As :func:`~strandloom.io.counts.read_counts` takes them.
    metadata
        Table with ``SampleID, Env, SourceSink`` (``Source`` or ``Sink``), as SourceTracker and FEAST have it.

    Raises
    ------
    InputError
        A column or value is missing, or there is no source with reads.
    """
    table = read_text_frame(metadata)
    columns = table.frame.columns
    sample = find_column(columns, ("sampleid", "sample", "samplename"))
    env = find_column(columns, ("env", "environment", "source"))
    kind = find_column(columns, ("sourcesink", "kind", "type"))
    if sample is None or env is None or kind is None:
        raise InputError(
            f"the metadata need the columns SampleID, Env and SourceSink; they have {listed(columns, most=12)}",
            where=metadata,
            hint="SourceSink says Source or Sink",
        )
    for row, value in enumerate(table.frame[kind]):
        if (value or "").lower() not in ("source", "sink"):
            raise InputError(
                f"'{value or ''}' is neither Source nor Sink", where=table.where(row), hint="fill in the column " + kind
            )
    _check_metadata(table, sample, env)
    names = table.frame[sample].to_list()
    found = read_counts(counts, samples=names).frame
    taxa = found["id"].unique(maintain_order=True).to_list()
    at = {name: i for i, name in enumerate(taxa)}
    kinds = [str(x).lower() for x in table.frame[kind]]
    order = tuple(dict.fromkeys(e for e, k in zip(table.frame[env].to_list(), kinds, strict=True) if k == "source"))
    rows = {name: i for i, name in enumerate(names)}
    counted = set(found["sample"].unique().to_list())
    absent = [name for name in names if name not in counted]
    sinks_there = any(k == "sink" and n in counted for n, k in zip(names, kinds, strict=True))
    if absent and "sink" in kinds and not sinks_there:
        raise InputError(
            f"no sink of the metadata has reads in the count table ({plural(len(absent), 'sample')} missing there: {listed(absent)})",
            where=counts,
            hint="use the same sample names in both tables",
        )
    matrix = np.zeros((len(names), len(taxa)))
    known = found.filter(pl.col("sample").is_in(names))
    matrix[[rows[x] for x in known["sample"]], [at[x] for x in known["id"]]] = known["reads"].to_numpy()
    source = np.array([k == "source" for k in kinds])
    if len(order) < 1 or not matrix[source].any():
        raise InputError(
            "no source has reads in the count table", where=counts, hint="use the same sample names in both tables"
        )
    environments = table.frame[env].to_list()
    return TaxaTable(
        tuple(absent),
        tuple(np.array(names)[source].tolist()),
        tuple(np.array(names)[~source].tolist()),
        np.array([order.index(environments[i]) for i in np.flatnonzero(source)], np.int64),
        order,
        matrix[source],
        matrix[~source],
    )


def _check_metadata(table: TextFrame, sample: str, env: str) -> None:
    """Every row names a sample, once, and an environment that is not called unknown."""
    seen: dict[str, int] = {}
    for row, (name, environment) in enumerate(table.frame.select(sample, env).iter_rows()):
        if not name or not environment:
            raise InputError(
                f"the column '{env if name else sample}' is empty", where=table.where(row), hint="fill it in"
            )
        if name in seen:
            raise InputError(
                f"'{name}' stands twice (the first time at {table.where(seen[name])})", where=table.where(row)
            )
        if environment.lower() == UNKNOWN:
            raise InputError(f"no environment may be called '{environment}'", where=table.where(row), hint="rename it")
        seen[name] = row


def track_taxa(
    counts: str | Path,
    metadata: str | Path,
    *,
    out: str | Path,
    leave_one_out: bool = False,
    seed: int = 1,
    force: bool = False,
    command: str = "",
    say: Say = lambda _: None,
) -> pl.DataFrame:
    """Estimate the sources of the sinks of a count table.

    Parameters
    ----------
    out
        Folder for ``composition.tsv`` (``sample, source, proportion, low, high, method``) and, with ``leave_one_out``, ``left_out.tsv``.
    leave_one_out
        Ask also for each source sample, as a sink, without itself.

    Raises
    ------
    InputError, OutputError
        As :func:`read_taxa`; the folder exists or cannot be written.
    """
    with new_folder(out, mark=FACTS, what=WHAT, force=force) as folder:
        table = read_taxa(counts, metadata)
        if table.absent:
            say(
                f"careful: {plural(len(table.absent), 'sample')} of the metadata without reads in the table: {listed(table.absent)}"
            )
        rows: list[dict[str, Any]] = []
        for number, name in enumerate(table.sinks):
            rows += _sink(table, name, table.sink_counts[number], None, seed, number)
        frame = pl.DataFrame(rows, schema=_SCHEMA)
        facts: dict[str, Any] = {
            "format": FORMAT, "strandloom": VERSION, "command": command, "sources": len(table.sources), "sinks": len(table.sinks),
            "environments": table.environments,
        }  # fmt: skip
        if not frame.height and not leave_one_out:
            raise InputError(
                "no sample is a Sink",
                where=metadata,
                hint="mark the samples to explain as Sink, or add --leave-one-out",
            )
        with TableWriter(folder / "composition.tsv") as writer:
            writer.write(frame)
        if leave_one_out:
            left = _left_out(table, seed)
            with TableWriter(folder / "left_out.tsv") as writer:
                writer.write(left)
            own = left.filter(pl.col("source") == pl.col("truth"))["proportion"].drop_nulls()
            facts["left_out_own_share"] = float(own.to_numpy().mean()) if len(own) else None
            if len(own):
                mean = facts["left_out_own_share"]
                say(
                    f"left out one by one, {plural(len(own), 'source sample')} have {mean:.1%} from their own environment on average"
                )
            else:
                say("no environment has two source samples, so none can be explained by the others of its own")
        write_json(folder / FACTS, facts)
    return frame


_SCHEMA = {
    "sample": pl.String, "source": pl.String, "proportion": pl.Float64, "low": pl.Float64, "high": pl.Float64, "method": pl.String,
}  # fmt: skip


def _sink(
    table: TaxaTable, name: str, sink: NDArray[np.float64], without: int | None, seed: int, number: int
) -> list[dict[str, Any]]:
    kept = np.arange(len(table.sources)) != (-1 if without is None else without)
    joined = even_sources(table.source_counts[kept], table.environment[kept], len(table.environments))
    value = mix_taxa(sink.astype(np.int64), joined).shares
    low, high = np.zeros(len(value)), np.ones(len(value))
    if sink.sum():
        generator = np.random.default_rng([seed, number])
        again = generator.multinomial(int(sink.sum()), sink / sink.sum(), size=RESAMPLES)
        drawn = np.array([mix_taxa(x, joined, steps=200).shares for x in again])
        low, high = np.quantile(drawn, ((1 - LEVEL) / 2, (1 + LEVEL) / 2), axis=0)
    return [
        {
            "sample": name, "source": source, "proportion": None if np.isnan(value[k]) else float(value[k]),
            "low": float(np.fmin(low[k], value[k])), "high": float(np.fmax(high[k], value[k])), "method": "em",
        }
        for k, source in enumerate((*table.environments, UNKNOWN))
    ]  # fmt: skip


def _left_out(table: TaxaTable, seed: int) -> pl.DataFrame:
    rows = []
    for number, name in enumerate(table.sources):
        truth = table.environments[table.environment[number]]
        own = _sink(table, name, table.source_counts[number], number, seed, number)
        if (table.environment == table.environment[number]).sum() == 1:  # nothing of its environment is left
            own = [{**row, "proportion": None} if row["source"] == truth else row for row in own]
        rows += [{**row, "truth": truth} for row in own]
    return pl.DataFrame(rows, schema={**_SCHEMA, "truth": pl.String})
