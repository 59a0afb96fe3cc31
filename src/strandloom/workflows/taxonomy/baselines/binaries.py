"""vsearch, where it is installed: its top hits, and its SINTAX classifier."""

from __future__ import annotations

import re
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from strandloom.evaluation.baselines.base import Unfit
from strandloom.workflows.taxonomy.baselines.types import Calls, CandidateProbabilities
from strandloom.workflows.taxonomy.lineage import RANKS
from strandloom.workflows.taxonomy.reference import Reference

IDENTITY = 0.7
ACCEPTS, REJECTS = 100, 32
_LETTERS = {"species": "s", "genus": "g", "family": "f", "order": "o", "class": "c"}
_LONGEST_MESSAGE = 300


@dataclass(frozen=True)
class Vsearch:
    """How vsearch is called.

    Parameters
    ----------
    program
        Its name, found on PATH, or its path.
    threads
        Of each call.
    """

    program: str = "vsearch"
    threads: int = 1

    def version(self) -> str:
        """Such as ``vsearch 2.22.1``.

        Raises
        ------
        Unfit
            It is not installed or does not run.
        """
        found = re.search(r"vsearch v?([\d.]+)", self._run("--version"))
        return f"vsearch {found[1]}" if found else "vsearch"

    def top_hits(self, reference: Reference, sequences: Sequence[str]) -> CandidateProbabilities:
        """The species of the most identical records of each sequence with their shares, as ``hit_shares`` gives them.

        Called as in the note of the data set ``fish12s_mifish``: at least 70 % identity, up to 100 accepted and 32 rejected records, the
        top hits alone, one strand.

        Parameters
        ----------
        sequences
            Text, N long, as the reference runs.

        Raises
        ------
        Unfit
            vsearch is not installed or failed.
        """
        with tempfile.TemporaryDirectory() as folder:
            table = Path(folder, "hits.tsv")
            self._search(
                folder, reference, sequences, [""] * len(reference),
                "--usearch_global", "--id", str(IDENTITY), "--maxaccepts", str(ACCEPTS), "--maxrejects", str(REJECTS),
                "--top_hits_only", "--userout", str(table), "--userfields", "query+target",
            )  # fmt: skip
            hits = _table(table, 2)
        query, record = (hits[column].cast(pl.Int64).to_numpy() for column in hits.columns)
        return CandidateProbabilities.from_counts(
            query, reference.species[record], np.ones(len(record)), queries=len(sequences)
        )

    def sintax(self, reference: Reference, sequences: Sequence[str], *, seed: int = 1) -> Calls:
        """SINTAX (Edgar 2016) without a cutoff: the taxon of each rank and its bootstrap support.

        Parameters and errors are those of :meth:`top_hits`.
        """
        taxa = np.stack([reference.taxonomy.taxa(rank).index[reference.species] for rank in RANKS], axis=1)  # (R, 5)
        with tempfile.TemporaryDirectory() as folder:
            table = Path(folder, "sintax.tsv")
            self._search(
                folder, reference, sequences, [_lineage(row) for row in taxa.tolist()],
                "--sintax", "--tabbedout", str(table), "--randseed", str(seed),
            )  # fmt: skip
            found = _table(table, 2)
        return sintax_calls(found, queries=len(sequences))

    def _search(
        self, folder: str, reference: Reference, sequences: Sequence[str], labels: Sequence[str], *options: str
    ) -> None:
        """``options`` start with the command, which is given the sequences, named by their numbers."""
        queries, database = Path(folder, "queries.fasta"), Path(folder, "reference.fasta")
        _write(queries, sequences, [""] * len(sequences))
        _write(database, [reference.sequences[h] for h in reference.haplotype.tolist()], labels)
        command, *rest = options
        self._run(
            command, str(queries), "--db", str(database), "--strand", "plus", "--threads", str(self.threads), *rest
        )

    def _run(self, *arguments: str) -> str:
        """Run to the end; what it said."""
        try:
            done = subprocess.run([self.program, *arguments], capture_output=True, text=True, check=False)
        except OSError as error:
            raise Unfit(
                f"{self.program} is not installed or cannot be run ({error.strerror})", hint="apt-get install vsearch"
            ) from error
        said = done.stdout + done.stderr
        if done.returncode:
            why = " ".join(done.stderr.split())[-_LONGEST_MESSAGE:]
            raise Unfit(f"{self.program} {arguments[0]} failed (exit code {done.returncode}): {why}")
        return said


def sintax_calls(found: pl.DataFrame, *, queries: int) -> Calls:
    """Calls from the table of ``vsearch --sintax``.

    Parameters
    ----------
    found
        First column the number of the query, second such as ``c:3(1.00),g:12(0.98)``: numbers of taxa with their support.
    queries
        N.
    """
    taxon, confidence = np.full((len(RANKS), queries), -1, np.int64), np.zeros((len(RANKS), queries))
    row = found.to_series(0).cast(pl.Int64).to_numpy()
    for rank, name in enumerate(RANKS):
        parts = found.to_series(1).str.extract_groups(rf"\b{_LETTERS[name]}:(\d+)\(([\d.]+)\)").struct.unnest()
        number, support = parts.to_series(0).cast(pl.Int64), parts.to_series(1).cast(pl.Float64)
        taxon[rank, row] = number.fill_null(-1).to_numpy()
        confidence[rank, row] = support.fill_null(0.0).to_numpy()
    return Calls.from_arrays(taxon, confidence)


def _lineage(taxa: Sequence[int]) -> str:
    """Taxa of :data:`RANKS` as vsearch reads them, by their numbers, the widest first; unknown ones are left out."""
    named = (f"{_LETTERS[rank]}:{taxon}" for rank, taxon in zip(RANKS[::-1], taxa[::-1], strict=True) if taxon >= 0)
    return ";tax=" + ",".join(named) + ";"


def _write(path: Path, sequences: Sequence[str], labels: Sequence[str]) -> None:
    """FASTA with numbers for names."""
    pairs = zip(labels, sequences, strict=True)
    path.write_text("".join(f">{i}{label}\n{sequence}\n" for i, (label, sequence) in enumerate(pairs)))


def _table(path: Path, columns: int) -> pl.DataFrame:
    """The first columns of a headerless table, as text; it may be empty."""
    lines = pl.Series(path.read_text().splitlines(), dtype=pl.String)
    parts = lines.str.split("\t")
    return pl.DataFrame([parts.list.get(i, null_on_oob=True).alias(str(i)) for i in range(columns)])
