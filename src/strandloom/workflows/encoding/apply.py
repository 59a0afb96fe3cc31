"""An encoder from file to file: values of every sequence, or what its forest answers; block by block, with flat memory."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from strandloom.errors import InputError, UsageError
from strandloom.io.write import TableWriter
from strandloom.predict.file import input_blocks
from strandloom.workflows.encoding.model import LoadedEncoding


def apply_encoding(
    loaded: LoadedEncoding,
    source: str | Path,
    *,
    out: str | Path,
    answers: bool = False,
    sequence: str | None = None,
    genome: str | Path | None = None,
    order: str | None = None,
    tell: Callable[[int, float], None] = lambda *_: None,
    block_rows: int | None = None,
) -> int:
    """Write the values (``id, v_0 …``) or the answers of every sequence of a file; the number of sequences is returned.

    Parameters
    ----------
    loaded
        The model.
    source
        Any supported file.
    out
        ``.tsv``, ``.csv``, ``.ndjson`` (also gz) or ``.parquet``.
    answers
        What the forest answers instead of the values, as ``strandloom predict`` writes it.
    sequence, genome, order
        As for :func:`strandloom.predict.predict_file`.
    tell
        Hears how many are done, at how many a second.

    Raises
    ------
    InputError
        A sequence cannot be read, or there is none.
    UsageError
        Answers are asked of a model that learned without labels.
    OutputError
        The output cannot be written.
    """
    if answers and loaded.model.forest is None:
        raise UsageError(
            "the model learned without labels, so it has values alone",
            where="--answers",
            hint="give labels to encode fit",
        )
    began, done = time.perf_counter(), 0
    with TableWriter(Path(out)) as writer:
        for block in input_blocks(
            source,
            loaded.manifest,
            policy=loaded.manifest.letters,
            sequence=sequence,
            genome=genome,
            order=order,
            block_rows=block_rows,
        ):
            codes, _ = loaded.window.place(block)
            writer.write(loaded.answer_frame(block.ids, codes) if answers else loaded.value_frame(block.ids, codes))
            done += len(block)
            tell(done, done / (time.perf_counter() - began))
        if not done:
            raise InputError("no sequence to encode", where=source)
    return done
