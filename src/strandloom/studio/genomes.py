"""Genomes that pages ask about: a memory map for each in the workspace, made once, never by two at a time."""

from __future__ import annotations

import hashlib
import threading
from pathlib import Path

from strandloom.io.genome import Genome, open_genome
from strandloom.studio.workspace import Workspace

_OPENING = threading.Lock()


def map_of(space: Workspace, genome: Path) -> Path:
    """Where the memory map of a genome stands."""
    named = hashlib.sha256(str(genome.resolve()).encode("utf-8", "replace")).hexdigest()[:16]
    return space.data / ".genomes" / named


def genome_at(space: Workspace, genome: Path) -> Genome:
    """Open a genome.

    Raises
    ------
    InputError
        There is no such file, or it is no FASTA.
    """
    with _OPENING:
        return open_genome(genome, cache=map_of(space, genome))
