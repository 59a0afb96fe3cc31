"""A VCF from file to file: placed, scored, written block by block, with flat memory; a killed run goes on where it stopped."""

from __future__ import annotations

import hashlib
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl

from strandloom.data.label import read_aliases
from strandloom.errors import InputError, OutputError, UsageError, nearest
from strandloom.io.genome import Genome, open_genome
from strandloom.io.vcf import VariantBlock, read_variants
from strandloom.io.write import sha256
from strandloom.predict import Predictor
from strandloom.version import VERSION
from strandloom.words import plural
from strandloom.workflows.variants.effects import score_variants
from strandloom.workflows.variants.windows import place
from strandloom.workflows.variants.write import Parts, effect_frame, output_kind, vcf_header, vcf_text

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
    alias: str | Path | None = None,
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
    cache, alias
        Folder for the map of the genome; a table with other names of its contigs.
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
    if path.exists() and source.exists() and path.samefile(source):
        raise OutputError("this is the input file", where=path, hint="choose another name for the output")
    manifest = predictor.manifest
    columns = _columns(manifest.labels, outputs)
    step = max(1, manifest.length // 100)
    moved = [(i - (shifts - 1) // 2) * step for i in range(shifts)]
    longest = manifest.length // 2 - max(map(abs, moved))
    if longest < manifest.length // 4:
        raise UsageError(
            f"{shifts} windows move by up to {max(map(abs, moved))} of {manifest.length} bases",
            where="--shifts",
            hint="fewer shifts",
        )
    output_kind(path)
    opened = open_genome(genome, cache=cache)
    if opened.note:
        say(opened.note)
    if alias is not None:
        opened = opened.also_called(read_aliases(alias, opened))
    parts = Parts(
        path,
        {
            "strandloom": VERSION, "model": hashlib.sha256(manifest.model_dump_json().encode()).hexdigest(), "vcf": sha256(source),
            "genome": sha256(genome), "alias": opened.aliases, "outputs": list(outputs), "shifts": moved, "block": block_records,
            "engine": None if predictor.engine is None else predictor.engine.name,
        },
    )  # fmt: skip
    parts.check_free(force=force)
    job = _Job(predictor, opened, parts, columns, moved, longest)
    with parts.begun() as done:
        for block in read_variants(source, block_records=block_records):
            job.take(block, scored=job.blocks < done)
            tell(job.records, (job.records - job.continued) / (time.perf_counter() - started))
        if not job.scored:
            parts.drop()
            raise _nothing(job, opened, source)
        header = vcf_header(source, values=manifest.task == "value", command=command) if parts.kind == ".vcf" else ""
        parts.finish(job.blocks, header)
    return VariantSummary(
        job.records, job.scored + job.left, job.scored, job.left, job.padded, dict(job.reasons), path, parts.side,
        time.perf_counter() - started, job.continued,
    )  # fmt: skip


@dataclass(eq=False)
class _Job:
    """Blocks taken so far, and what is known of them."""

    predictor: Predictor
    genome: Genome
    parts: Parts
    columns: list[int]
    moved: list[int]
    longest: int
    blocks: int = 0
    records: int = 0
    scored: int = 0
    left: int = 0
    padded: int = 0
    continued: int = 0
    reasons: Counter[str] = field(default_factory=Counter)
    first: str = ""

    def take(self, block: VariantBlock, *, scored: bool) -> None:
        """Place a block and, unless that was done before, score and write it."""
        manifest = self.predictor.manifest
        placed = place(block, self.genome, length=manifest.length, longest=self.longest)
        self.records += block.records
        self.scored += len(placed.rows)
        self.left += len(placed.left_out)
        self.padded += placed.padded
        self.reasons.update(one.reason.split(":")[0] for one in placed.left_out)
        self.first = self.first or (block.chrom[0] if len(block) else "")
        self.blocks += 1
        if scored:
            self.continued = self.records
            return
        content: pl.DataFrame | str | None = None
        if len(placed.rows):
            effects = score_variants(self.predictor, block, placed, self.genome, shifts=self.moved)
            content = (
                vcf_text(block, placed, effects, manifest.labels, self.columns)
                if self.parts.kind == ".vcf"
                else effect_frame(
                    block, placed, effects, manifest.labels, self.columns, values=manifest.task == "value"
                )
            )
        self.parts.add(self.blocks - 1, content, placed.left_out)


def _nothing(job: _Job, genome: Genome, source: Path) -> InputError:
    """Why no allele of a file could be scored."""
    if set(job.reasons) == {"the genome has no such contig"}:
        try:
            genome.number(job.first, where=source)
        except InputError as error:
            return error
    most = f"; the commonest reason: {job.reasons.most_common(1)[0][0]}" if job.reasons else ""
    return InputError(f"no allele of {plural(job.records, 'record')} could be scored{most}", where=source)


def _columns(labels: Sequence[str], asked: Sequence[str]) -> list[int]:
    for name in asked:
        if name not in labels:
            like = nearest(name, labels)
            hint = f"did you mean '{like}'?" if like else "outputs: " + ", ".join(labels[:20])
            raise UsageError(f"the model has no output '{name}'", where="--output", hint=hint)
    return [labels.index(name) for name in dict.fromkeys(asked)] if asked else list(range(len(labels)))
