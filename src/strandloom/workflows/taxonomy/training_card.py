"""The model card of a taxonomy model."""

from __future__ import annotations

from strandloom.workflows.taxonomy.held_out import HeldOut, Rates
from strandloom.workflows.taxonomy.model import TaxonomyModel
from strandloom.workflows.taxonomy.ranges.ranges import Ranges


def training_card(model: TaxonomyModel, held: HeldOut, ranges: Ranges | None) -> str:
    """What the model is, how good it is on held-out records, and what it cannot do; Markdown."""
    reference = model.match.reference
    known = int(ranges.known(len(reference.taxonomy)).sum()) if ranges is not None else 0
    lines = [
        f"# {reference.name}: species from {reference.marker.name} sequences",
        "",
        f"{len(reference):,} records of {len(reference.taxonomy):,} species, {reference.haplotypes:,} different sequences, marker "
        f"{reference.marker.name} ({reference.marker.gene or 'gene unknown'}). "
        + (f"Ranges of {known:,} species." if ranges is not None else "No ranges: locations do not matter."),
        "",
        "| held-out records | n | species | genus | family | mean confidence | ECE |",
        "|---|---:|---:|---:|---:|---:|---:|",
        *(
            _row(words, rates)
            for words, rates in (
                ("by sequence alone", held.sequence),
                ("of species with a range, by sequence alone", held.located_sequence),
                ("the same, at a place drawn from the range", held.located),
            )
            if rates is not None
        ),
        "",
        "Held-out records are of species that the reference has; each meets the reference without itself. They chose the epochs of the "
        "networks, and a place drawn from a range is one that the ranges list: figures of new records can be lower.",
        "",
        "## Limits",
        "",
        "- A species that the reference lacks can be called at most at the rank of a relative that it has.",
        "- A range is what the range files say. A species without one is judged by its sequence; that nothing is known is not absence.",
        "- Places tell species apart that occur in different waters. Where both occur, the sequence decides, or nothing does.",
        "- Records may be mislabelled; sequences shared by different families are flagged when the reference is built.",
    ]
    return "\n".join(lines) + "\n"


def _row(words: str, rates: Rates) -> str:
    right = " | ".join(f"{rates.right[rank]:.3f}" for rank in ("species", "genus", "family"))
    return f"| {words} | {rates.queries:,} | {right} | {rates.species_confidence:.3f} | {rates.species_ece:.3f} |"
