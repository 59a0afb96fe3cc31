"""A bundle over sequences: in memory (:func:`load`) or streaming from file to file (:func:`predict_file`)."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol

import numpy as np
import polars as pl
from numpy.typing import NDArray

from strandloom.alphabet import DNA, INVALID
from strandloom.bundle import Bundle, Manifest, read_bundle
from strandloom.data.window import Window
from strandloom.errors import BundleError, InputError
from strandloom.evaluation.decision import Decision
from strandloom.io.read import read_blocks
from strandloom.io.records import LetterCounts, Records
from strandloom.io.write import TableWriter

if TYPE_CHECKING:
    from torch import nn

    from strandloom.training.runtime import Runtime

BLOCK_ROWS = 65_536
BATCH_ROWS = 1_024


class PredictListener(Protocol):
    """What hears how far a prediction is."""

    def advance(self, rows: int, per_second: float) -> None:
        """``rows`` in all are done, at so many a second."""


class Predictor:
    """A loaded model: sequences in, probabilities out.

    Parameters
    ----------
    bundle
        The verified bundle.
    modules
        One network a member, on the device, in evaluation mode.
    runtime
        Device and threads.
    """

    def __init__(self, bundle: Bundle, modules: Sequence[nn.Module], runtime: Runtime) -> None:
        self.bundle = bundle
        self.modules = tuple(modules)
        self.runtime = runtime

    @property
    def manifest(self) -> Manifest:
        """What the model says of itself."""
        return self.bundle.manifest

    @property
    def window(self) -> Window:
        """How sequences of other lengths are padded and cropped."""
        return Window(self.manifest.length, self.manifest.anchor, self.manifest.too_long)

    def logits(
        self, codes: NDArray[np.uint8], lengths: NDArray[np.int32], *, batch_size: int = BATCH_ROWS
    ) -> NDArray[np.float32]:
        """Raw scores averaged over members and, under ``strand: both``, over strands.

        Parameters
        ----------
        codes
            uint8 ``(N, L)``, already placed in the window.
        lengths
            int32 ``(N,)``, bases of each row.

        Returns
        -------
        float32 ``(N, K)``
        """
        from strandloom.training.infer import logits

        total: NDArray[np.float32] | None = None
        for module in self.modules:
            scores = logits(
                module,
                codes,
                lengths,
                strand=self.manifest.strand,
                anchor=self.manifest.anchor,
                batch_size=batch_size,
                device=self.runtime.device,
            )
            total = scores if total is None else total + scores
        assert total is not None
        return total / np.float32(len(self.modules))

    @cached_property
    def decision(self) -> Decision:
        """How raw scores become a class or silence, as fitted on validation."""
        manifest = self.manifest
        return Decision(
            manifest.temperature, manifest.decision_threshold, manifest.abstain_threshold, manifest.abstain_error
        )

    def frame(self, ids: pl.Series, logits: NDArray[np.float32]) -> pl.DataFrame:
        """Raw scores ``(N, K)`` as they are written: ``id, prediction, p_<class>…, abstain``."""
        answers = self.decision.apply(logits)
        labels = pl.Series("prediction", list(self.manifest.labels), dtype=pl.String)
        columns = [ids.alias("id"), labels.gather(answers.predicted).alias("prediction")]
        columns += [
            pl.Series(f"p_{name}", answers.probabilities[:, k]).round(6) for k, name in enumerate(self.manifest.labels)
        ]
        return pl.DataFrame([*columns, pl.Series("abstain", answers.abstained)])

    def predict(
        self, sequences: str | Sequence[str] | pl.DataFrame | Records, *, ids: Sequence[str] | None = None
    ) -> pl.DataFrame:
        """Predict sequences in memory.

        Parameters
        ----------
        sequences
            One sequence, several, a frame with the sequence column (and ``id``), or records.
        ids
            Row names; by default the frame's ``id`` or 1, 2, 3 …

        Returns
        -------
        polars.DataFrame
            ``id, prediction, p_<class>…, abstain``, one row per sequence, in order.

        Raises
        ------
        InputError
            A sequence is empty or holds a letter that is not DNA.
        """
        records = sequences if isinstance(sequences, Records) else _records(sequences, ids, self.manifest.sequence)
        codes, lengths = self.window.place(records)
        return self.frame(records.ids, self.logits(codes, lengths))


def load(bundle: str | Path | Bundle, *, device: str = "auto", model: nn.Module | None = None) -> Predictor:
    """Load a bundle for prediction.

    Parameters
    ----------
    bundle
        The bundle folder (``RUN/bundle``) or a bundle in memory.
    device
        ``auto``, ``cpu``, ``cuda`` …
    model
        For a bundle trained from your own ``nn.Module``: a module of the same shape, whose weights are replaced.

    Raises
    ------
    BundleError
        The bundle is damaged, too new, or needs ``model``.
    """
    import copy

    import torch

    from strandloom.models.build import build
    from strandloom.training.runtime import apply, choose_runtime

    read = bundle if isinstance(bundle, Bundle) else read_bundle(bundle)
    manifest = read.manifest
    if manifest.model.kind == "custom" and model is None:
        raise BundleError(
            "the bundle was trained from a module of your own, whose code it does not hold",
            where=None if isinstance(bundle, Bundle) else bundle,
            hint="in Python: strandloom.load(bundle, model=MyModule())",
        )
    runtime = apply(choose_runtime(device, precision="fp32", parameters=0))
    modules = []
    for weights in read.weights:
        if model is not None:
            module = copy.deepcopy(model)
        else:
            module = build(
                manifest.model, channels=len(manifest.bases), length=manifest.length, outputs=len(manifest.labels)
            )
        state = {name: torch.from_numpy(array.copy()) for name, array in weights.items()}
        try:
            module.load_state_dict(state)
        except RuntimeError as error:
            raise BundleError(f"the weights do not fit the model: {str(error).splitlines()[-1].strip()}") from None
        modules.append(module.to(runtime.device).eval())
    return Predictor(read, modules, runtime)


@dataclass(frozen=True)
class PredictionSummary:
    """What a prediction run did."""

    rows: int
    abstained: int
    shorter: int
    longer: int
    letters: LetterCounts
    seconds: float
    out: Path
    length: int

    def lines(self) -> list[str]:
        """The summary in words, a line each."""
        rate = self.rows / self.seconds if self.seconds else 0.0
        lines = [f"{self.rows:,} rows in {self.seconds:.1f} s ({rate:,.0f} rows/s) → {self.out}"]
        if self.abstained:
            lines.append(
                f"{self.abstained:,} rows are marked abstain: below the confidence that was chosen on validation"
            )
        if self.longer:
            lines.append(f"{self.longer:,} sequences were longer than {self.length} bases and were cropped")
        if self.shorter:
            lines.append(f"{self.shorter:,} sequences were shorter than {self.length} bases and were padded")
        if self.letters.skipped_rows:
            lines.append(f"{self.letters.skipped_rows:,} rows were skipped:")
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
    block_rows: int = BLOCK_ROWS,
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

    Raises
    ------
    InputError
        A row cannot be read, or there is none.
    """
    started = time.perf_counter()
    manifest = predictor.manifest
    policy = manifest.letters
    if on_bad_row == "skip":
        policy = policy.model_copy(update={"unknown": "skip", "empty": "skip"})
    rows = abstained = shorter = longer = 0
    letters: LetterCounts | None = None
    with TableWriter(Path(out)) as writer:
        for records in _blocks(source, sequence, manifest, policy, block_rows):
            letters = records.letters if letters is None else letters + records.letters
            if not len(records):
                continue
            shorter += int((records.lengths < manifest.length).sum())
            longer += int((records.lengths > manifest.length).sum())
            codes, lengths = predictor.window.place(records)
            frame = predictor.frame(records.ids, predictor.logits(codes, lengths, batch_size=batch_size or BATCH_ROWS))
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
    return PredictionSummary(rows, abstained, shorter, longer, letters, seconds, Path(out), manifest.length)


def _blocks(
    source: str | Path, sequence: str | None, manifest: Manifest, policy: Any, block_rows: int
) -> Iterator[Records]:
    from strandloom.io.read import column_names

    if sequence is None and manifest.sequence is not None and manifest.sequence in column_names(source):
        sequence = manifest.sequence
    return read_blocks(source, sequence=sequence, policy=policy, block_rows=block_rows, columns="none")


def _records(sequences: str | Sequence[str] | pl.DataFrame, ids: Sequence[str] | None, column: str | None) -> Records:
    others = pl.DataFrame()
    if isinstance(sequences, pl.DataFrame):
        name = column if column in sequences.columns else "sequence"
        if name not in sequences.columns:
            raise InputError(f"the frame has no column `{name}`", hint="columns: " + ", ".join(sequences.columns))
        if ids is None and "id" in sequences.columns:
            ids = sequences["id"].cast(pl.String).to_list()
        others = sequences.drop([c for c in (name, "id") if c in sequences.columns])
        texts: Sequence[str] = sequences[name].to_list()
    else:
        texts = [sequences] if isinstance(sequences, str) else list(sequences)
    names = [str(i + 1) for i in range(len(texts))] if ids is None else [str(i) for i in ids]
    if len(names) != len(texts):
        raise InputError(f"{len(names)} ids for {len(texts)} sequences")
    lengths = np.fromiter((len(t or "") for t in texts), np.int64, len(texts))
    if len(texts) == 0 or not lengths.all():
        where = f"record '{names[int(np.flatnonzero(lengths == 0)[0])]}'" if len(texts) else None
        raise InputError("an empty sequence" if len(texts) else "no sequence to predict", where=where)
    codes = DNA.encode("".join(texts))
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    bad = np.flatnonzero(codes == INVALID)
    if len(bad):
        row = int(np.searchsorted(offsets, bad[0], side="right") - 1)
        letter = texts[row][int(bad[0] - offsets[row])]
        raise InputError(
            f"the letter {letter!r} is not DNA",
            where=f"record '{names[row]}'",
            hint="allowed: A C G T U, IUPAC codes and -",
        )
    return Records(codes, offsets, pl.Series("id", names, dtype=pl.String), others, LetterCounts.empty())
