"""A VCF from file to file: placed, scored, written block by block, with flat memory; a killed run goes on where it stopped."""

from __future__ import annotations

import shutil
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from strandloom.errors import InputError, UsageError, nearest
from strandloom.io.genome import Genome, open_genome
from strandloom.io.vcf import LeftOut, VariantBlock, read_variants
from strandloom.io.write import sha256
from strandloom.predict import Predictor
from strandloom.words import plural
from strandloom.workflows.variants.effects import score_variants
from strandloom.workflows.variants.windows import place
from strandloom.workflows.variants.write import Parts, check_output, effect_frame, vcf_header, vcf_text

BLOCK_RECORDS = 1024
MOST_REASONS = 6


@dataclass(frozen=True)
class VariantSummary:
    """What was done.

    Parameters
    ----------
    records, alleles, scored, left_out
        Records read, their alternative alleles, those scored and those left out.
    padded
        Scored alleles whose window lies over an end of the contig.
    reasons
        Reason to alleles left out.
    out, side
        The output, and the file of what was left out.
    seconds
        Time of this call.
    continued
        Records that an earlier call had done.
    """

    records: int
    alleles: int
    scored: int
    left_out: int
    padded: int
    reasons: dict[str, int]
    out: Path
    side: Path
    seconds: float
    continued: int

    def lines(self) -> list[str]:
        """In words, a line each."""
        rate = (self.records - self.continued) / self.seconds if self.seconds else 0.0
        lines = [
            f"{plural(self.scored, 'allele')} of {plural(self.records, 'record')} scored in {self.seconds:.1f} s "
            f"({rate:,.0f} records/s) → {self.out}"
        ]
        if self.continued:
            lines.append(f"{plural(self.continued, 'record')} were done before and kept")
        if self.padded:
            lines.append(f"{plural(self.padded, 'window')} over an end of a contig, padded")
        if self.left_out:
            lines.append(f"{plural(self.left_out, 'allele')} left out → {self.side}:")
            most = sorted(self.reasons.items(), key=lambda one: -one[1])
            lines += [f"  {count:,} × {reason}" for reason, count in most[:MOST_REASONS]]
            if len(most) > MOST_REASONS:
                lines.append(f"  and {plural(len(most) - MOST_REASONS, 'other reason')}")
        return lines


def score_vcf(
    predictor: Predictor,
    genome: str | Path,
    vcf: str | Path,
    *,
    out: str | Path,
    outputs: Sequence[str] = (),
    shifts: int = 1,
    cache: str | Path | None = None,
    force: bool = False,
    command: str = "",
    say: Callable[[str], None] = lambda _: None,
    tell: Callable[[int, float], None] = lambda *_: None,
    block_records: int = BLOCK_RECORDS,
) -> VariantSummary:
    """Score every alternative allele of a VCF.

    Parameters
    ----------
    predictor
        The model.
    genome
        FASTA that the positions count on.
    vcf
        The variants, plain or gz.
    out
        ``.tsv``, ``.csv``, ``.parquet`` or ``.vcf`` (gz too but for Parquet). Finished blocks stand in ``<out>.partial`` meanwhile; a call
        with the same settings goes on from them. What is not scored stands in ``<out>.left_out.tsv`` with its reason.
    outputs
        Names of the outputs that are written; all.
    shifts
        Windows a variant: so many, moved by 1 % of the window from one to the next around the middle; answers are averaged.
    cache
        Folder for the map of the genome.
    say, tell
        Hear remarks, and how many records are done at how many a second.

    Raises
    ------
    InputError
        A file cannot be read, or no record lies on a contig of the genome.
    UsageError
        The model has no such output.
    OutputError
        The output exists, or cannot be written.
    """
    started = time.perf_counter()
    path, source = Path(out), Path(vcf)
    check_output(path, force=force)
    manifest = predictor.manifest
    columns = _columns(manifest.labels, outputs)
    opened = open_genome(genome, cache=cache)
    if opened.note:
        say(opened.note)
    values, step = manifest.task == "value", max(1, manifest.length // 100)
    moved = [(i - (shifts - 1) // 2) * step for i in range(shifts)]
    parts = Parts(
        path,
        {
            "weights": manifest.files, "vcf": sha256(source), "genome": sha256(genome), "outputs": list(outputs), "shifts": moved,
            "block": block_records, "engine": None if predictor.engine is None else predictor.engine.name,
        },
    )  # fmt: skip
    done = parts.begin()
    totals, continued, padded, number = Counter[str](), 0, 0, 0
    reasons: Counter[str] = Counter()
    for number, block in enumerate(read_variants(source, block_records=block_records), 1):
        placed = place(block, opened, length=manifest.length)
        if number == 1 and not len(placed.rows):
            _check_names(block, opened, source)
        totals.update(records=block.records, scored=len(placed.rows), left=len(placed.left_out))
        reasons.update(_kind(one) for one in placed.left_out)
        if number <= done:
            continued = totals["records"]
            continue
        content: pl.DataFrame | str | None = None
        if len(placed.rows):
            effects = score_variants(predictor, block, placed, opened, shifts=moved)
            padded += effects.padded
            content = (
                vcf_text(block, placed, effects, manifest.labels, columns)
                if parts.kind == ".vcf"
                else effect_frame(block, placed, effects, manifest.labels, columns, values=values)
            )
        parts.add(number - 1, content, placed.left_out)
        tell(totals["records"], (totals["records"] - continued) / (time.perf_counter() - started))
    if not totals["scored"]:
        shutil.rmtree(parts.folder, ignore_errors=True)
        first = f"; the first reason: {next(iter(reasons))}" if reasons else ""
        raise InputError(f"no allele of {plural(totals['records'], 'record')} could be scored{first}", where=source)
    header = vcf_header(source, values=values, command=command) if parts.kind == ".vcf" else ""
    side = parts.finish(number, header)
    return VariantSummary(
        totals["records"], totals["scored"] + totals["left"], totals["scored"], totals["left"], padded, dict(reasons), path, side,
        time.perf_counter() - started, continued,
    )  # fmt: skip


def _columns(labels: Sequence[str], asked: Sequence[str]) -> list[int]:
    for name in asked:
        if name not in labels:
            like = nearest(name, labels)
            hint = f"did you mean '{like}'?" if like else "outputs: " + ", ".join(labels[:20])
            raise UsageError(f"the model has no output '{name}'", where="--output", hint=hint)
    return [labels.index(name) for name in dict.fromkeys(asked)] if asked else list(range(len(labels)))


def _check_names(block: VariantBlock, genome: Genome, source: Path) -> None:
    """Where the first block lies on no contig at all, names differ: that is an error, not a list of records."""
    names = dict.fromkeys(block.chrom)
    known = {contig.name for contig in genome.contigs}
    if names and not known.intersection(names):
        genome.number(next(iter(names)), where=f"{source}:{block.line[0]}")


def _kind(one: LeftOut) -> str:
    """A reason without what differs from allele to allele."""
    return one.reason.split(":")[0]
