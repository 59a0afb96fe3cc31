"""The story of the counts of a field study, in numbers and in a few sentences."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from strandloom.io.frames import listed
from strandloom.io.taxonomy import Named
from strandloom.words import plural
from strandloom.workflows.taxonomy.contamination import TagJumps

_KINDS = {
    "sample": ("field sample", "field samples"),
    "blank": ("blank", "blanks"),
    "positive": ("positive control", "positive controls"),
    "mock": ("mock community", "mock communities"),
    "unknown": ("of unknown type, treated as a field sample", "of unknown type, treated as field samples"),
}
_SAMPLES = {
    "no_metadata": "samples with reads but no metadata, treated as field samples without a place",
    "no_reads": "samples with metadata but no reads",
    "named_like_control": "named like controls but treated as field samples (if they are controls, say so in sample_type)",
    "low_depth": "shallow field samples",
    "deep_blank": "blanks with as many reads as a field sample (mislabelled, or badly contaminated)",
}
"""What is said of the samples with a flag."""
DETECTION_FLAGS = {
    "few_reads": "with too few reads",
    "few_replicates": "seen in too few replicates",
    "low_depth": "in a shallow sample",
    "in_blank": "of an ASV that was seen in a blank",
    "below_blank": "with fewer reads than in a blank",
    "positive_control": "of an ASV of the positive control",
}
"""What is said of the detections with a flag."""


@dataclass(frozen=True)
class FieldFacts:
    """What was met in the counts and samples of a field study."""

    kinds: dict[str, int]
    """Samples by kind, those of counts and metadata together."""
    types: dict[tuple[str, str], int]
    """Samples by the words of their type, and the kind these were taken for."""
    metadata: bool
    """There are metadata at all."""
    reads: int
    """Reads in all samples, as they came."""
    field_reads: int
    """Reads in field samples."""
    detections: int
    """ASVs in field samples, each pair once."""
    located: int
    """Field samples with a place."""
    replicated: int
    """Sources of field samples with several replicates that have reads."""
    seen: int
    """Pairs of an ASV and such a source."""
    seen_once: int
    """Those of them with the ASV in one replicate only."""
    blanks_with_reads: int
    """Blanks that are not empty."""
    flags: dict[str, Named]
    """Rows of each flag, and the first samples among them."""
    jumps: TagJumps
    """What positive controls are made of, and how often reads jumped."""
    removed: dict[str, tuple[int, int]]
    """Detections and their reads that were removed, by flag; one may have several."""

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {
            "kinds": self.kinds,
            "types": [{"text": text, "kind": kind, "samples": n} for (text, kind), n in self.types.items()],
            "metadata": self.metadata,
            "reads": self.reads,
            "field_reads": self.field_reads,
            "detections": self.detections,
            "located": self.located,
            "replicated": self.replicated,
            "seen": self.seen,
            "seen_once": self.seen_once,
            "blanks_with_reads": self.blanks_with_reads,
            "flags": {flag: {"rows": found.count, "samples": found.first} for flag, found in self.flags.items()},
            "tag_jumps": self.jumps._asdict(),
            "removed": {flag: {"detections": n, "reads": reads} for flag, (n, reads) in self.removed.items()},
        }

    def lines(self) -> Iterator[str]:
        """The story in a few sentences, for a terminal."""
        kinds = ", ".join(f"{n:,} {_KINDS[kind][n != 1]}" for kind, n in self.kinds.items())
        yield (
            f"{plural(sum(self.kinds.values()), 'sample')}: {kinds}; {plural(self.reads, 'read')}, "
            f"{self.field_reads:,} of them in field samples"
        )
        if not self.metadata:
            yield "no metadata of samples: all of them are treated as field samples without a place"
        unclear = [f"'{text}'" for text, kind in self.types if kind == "unknown"]
        if unclear:
            yield (
                f"not understood as a sample type, so treated as field samples: {listed(unclear)} (field sample, field blank, "
                "negative control, positive control and mock community are)"
            )
        for flag, words in _SAMPLES.items():
            if flag in self.flags:
                found = self.flags[flag]
                more = ", …" * (found.count > len(found.first))
                yield f"{words}: {found.count:,} ({', '.join(found.first)}{more})"
        if self.replicated:
            yield (
                f"{plural(self.replicated, 'sample')} with replicates: {self.seen_once:,} of {plural(self.seen, 'ASV')} found there "
                "(sample by sample) in one replicate only"
            )
        if "in_blank" in self.flags:
            below = self.flags["below_blank"].count if "below_blank" in self.flags else 0
            yield (
                f"blanks with reads: {self.blanks_with_reads:,} of {self.kinds.get('blank', 0):,}, of "
                f"{plural(self.flags['in_blank'].count, 'ASV')}; {plural(below, 'detection')} in field samples "
                f"{'has' if below == 1 else 'have'} fewer reads than a blank"
            )
        yield from self._jumps()
        for flag, (number, reads) in self.removed.items():
            yield f"removed: {plural(number, 'detection')} ({plural(reads, 'read')}) {DETECTION_FLAGS[flag]}"

    def _jumps(self) -> Iterator[str]:
        if not self.jumps.ids:
            return
        rates = []
        if self.jumps.leaving is not None:
            rates.append(f"{self.jumps.leaving:.3%} of their reads stand in other samples")
        if self.jumps.entering is not None:
            rates.append(f"{self.jumps.entering:.3%} of the reads in the controls are of other ASVs")
        yield f"positive controls are made of {listed(self.jumps.ids)}: {', '.join(rates)} (tag jumps)"
        if self.jumps.native:
            yield f"of these, mostly found in field samples, so perhaps living there: {listed(self.jumps.native)}"
