"""A bundle from file to file, block by block, with flat memory."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

from strandloom.alphabet import DNA
from strandloom.bundle import Manifest
from strandloom.data.genomic import window_blocks
from strandloom.errors import InputError, OutputError, SettingsError, UsageError
from strandloom.io.genome import open_genome
from strandloom.io.read import column_names, read_blocks
from strandloom.io.records import LetterCounts, Records
from strandloom.io.settings import LetterPolicy
from strandloom.io.write import TableWriter
from strandloom.predict.predictor import LETTER_SETTING, Predictor
from strandloom.words import plural

BLOCK_ROWS, BLOCK_BASES = 16_384, 1 << 20
"""Rows, and bases, of a block at most: 13,107 reads of 80 bases (in whole batches 13,056), 1,024 windows of 1,000."""


class PredictListener(Protocol):
    """What hears how far a prediction is."""

    def advance(self, rows: int, per_second: float) -> None:
        """``rows`` in all are done, at so many a second."""


@dataclass(frozen=True)
class PredictionSummary:
    """What a prediction run did."""

    rows: int
    abstained: int
    shorter: int
    longer: int
    over_ends: int
    """Windows over an end of their contig."""
    letters: LetterCounts
    seconds: float
    out: Path
    length: int

    def lines(self) -> list[str]:
        """The summary in words, a line each."""
        rate = self.rows / self.seconds if self.seconds else 0.0
        lines = [f"{plural(self.rows, 'row')} in {self.seconds:.1f} s ({rate:,.0f} rows/s) → {self.out}"]
        if self.abstained:
            lines.append(
                f"{plural(self.abstained, 'row')} marked abstain: below the confidence that was chosen on validation"
            )
        if self.longer:
            lines.append(f"{plural(self.longer, 'sequence')} longer than {self.length} bases, cropped")
        if self.shorter:
            lines.append(f"{plural(self.shorter, 'sequence')} shorter than {self.length} bases, padded")
        if self.over_ends:
            lines.append(f"{plural(self.over_ends, 'window')} over an end of the contig, padded there")
        if self.letters.skipped_rows:
            lines.append(f"{plural(self.letters.skipped_rows, 'row')} skipped:")
            lines += [f"  {text}" for text in self.letters.skipped]
            if self.letters.skipped_rows > len(self.letters.skipped):
                lines.append(f"  and {self.letters.skipped_rows - len(self.letters.skipped):,} more")
        return lines


def predict_file(
    predictor: Predictor,
    source: str | Path,
    *,
    out: str | Path,
    sequence: str | None = None,
    batch_size: int | None = None,
    on_bad_row: Literal["error", "skip"] = "error",
    progress: PredictListener | None = None,
    block_rows: int | None = None,
    genome: str | Path | None = None,
    order: str | None = None,
) -> PredictionSummary:
    """Predict every sequence of a file into a table, block by block, with flat memory.

    Parameters
    ----------
    source
        FASTA, FASTQ, CSV, TSV, Parquet, arrays or lines; gz is fine.
    out
        ``.tsv``, ``.csv``, ``.parquet`` or ``.ndjson``, written beside and renamed when complete.
    sequence
        The sequence column of a table; by default the training table's if it is there, else the recognised one.
    on_bad_row
        ``error`` stops at the first row that cannot be read; ``skip`` leaves it out and counts it.
    block_rows
        Rows of a block; None: as many as :func:`rows_of_block` says. The answers do not depend on it.
    genome
        FASTA on which ``source`` names places (``chrom``, ``start``, ``end``): each row is the model's window around its place.
    order
        Order of the bases of an array, such as ``AGCT``.

    Raises
    ------
    InputError
        A row cannot be read, or there is none.
    OutputError
        The output cannot be written, or it is the input.
    """
    started = time.perf_counter()
    if Path(out).is_file() and Path(source).is_file() and Path(out).samefile(source):
        raise OutputError("this is the input file", where=out, hint="choose another name for the output")
    manifest = predictor.manifest
    policy = manifest.letters
    if on_bad_row == "skip":
        policy = policy.model_copy(
            update={kind: "skip" for kind, action in policy.model_dump().items() if action == "error"}
        )
    measured = None if predictor.engine is None else predictor.engine.batch_size
    rows = abstained = shorter = longer = over_ends = 0
    letters: LetterCounts | None = None
    with TableWriter(Path(out)) as writer:
        for records in input_blocks(
            source,
            manifest,
            policy=policy,
            sequence=sequence,
            genome=genome,
            order=order,
            skip=on_bad_row == "skip",
            block_rows=block_rows or rows_of_block(manifest.length, batch=batch_size or measured),
        ):
            letters = records.letters if letters is None else letters + records.letters
            if not len(records):
                continue
            shorter += int((records.lengths < manifest.length).sum())
            longer += int((records.lengths > manifest.length).sum())
            codes, lengths = predictor.window.place(records)
            if genome is not None:
                over_ends += int((codes == DNA.pad).any(1).sum())
            frame = predictor.answer(records.ids, predictor.scores(codes, lengths, batch_size=batch_size))
            if "abstain" in frame.columns:
                abstained += int(frame["abstain"].sum())
            writer.write(frame)
            rows += len(frame)
            if progress is not None:
                progress.advance(rows, rows / (time.perf_counter() - started))
        if rows == 0:
            reason = (
                f"; all {letters.skipped_rows:,} rows were skipped: {letters.skipped[0]}"
                if letters and letters.skipped
                else ""
            )
            raise InputError(f"no sequence to predict{reason}", where=source)
    assert letters is not None
    seconds = time.perf_counter() - started
    return PredictionSummary(rows, abstained, shorter, longer, over_ends, letters, seconds, Path(out), manifest.length)


def rows_of_block(length: int, *, batch: int | None = None) -> int:
    """Rows of a block for windows of so many bases: whole batches, so that no pass is filled up, and about the same memory for all lengths.

    Parameters
    ----------
    batch
        Rows of a forward pass; None: :func:`strandloom.training.infer.batch_rows`.
    """
    from strandloom.training.infer import batch_rows

    size = batch or batch_rows(length)
    most = min(BLOCK_ROWS, BLOCK_BASES // max(length, 1))
    return max(most // size, 1) * size


def input_blocks(
    source: str | Path,
    manifest: Manifest,
    *,
    policy: LetterPolicy,
    sequence: str | None = None,
    genome: str | Path | None = None,
    order: str | None = None,
    skip: bool = False,
    block_rows: int | None = None,
) -> Iterator[Records]:
    """Blocks of any file of sequences, or of windows around places on a genome, as a model reads them.

    Parameters as of :func:`predict_file`; ``skip``: whether places that cannot be read are left out and counted.

    Raises
    ------
    InputError
        A row cannot be read.
    UsageError
        An option does not fit the file.
    """
    block_rows = block_rows or rows_of_block(manifest.length)
    if genome is not None:
        for option, given in (("--sequence", sequence), ("--order", order)):
            if given is not None:
                raise UsageError(
                    "places on a genome hold no sequences", where=option, hint="leave it out, or leave --genome out"
                )
        yield from window_blocks(
            source, open_genome(genome), length=manifest.length, block_rows=block_rows, columns=False, skip=skip
        )
        return
    try:
        if sequence is None and manifest.sequence is not None and manifest.sequence in column_names(source):
            sequence = manifest.sequence
        yield from read_blocks(
            source, sequence=sequence, policy=policy, order=order, block_rows=block_rows, columns="none"
        )
    except InputError as error:  # a prediction has no experiment file to change
        hint = LETTER_SETTING.sub("leave such rows out with --on-bad-row skip", error.hint or "") or None
        raise InputError(error.message, where=error.where, hint=hint) from error
    except SettingsError as error:
        raise UsageError(error.message, where="--order", hint=error.hint) from error
