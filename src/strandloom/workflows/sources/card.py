"""The model card of a source model."""

from __future__ import annotations

from strandloom.workflows.sources.collection import Collection
from strandloom.workflows.sources.held_out import HeldOut


def source_card(collection: Collection, held_out: HeldOut | None, *, name: str) -> str:
    """Markdown."""
    rows = [
        f"| {environment} | {', '.join(m.name for m in collection.members if m.environment == e)} |"
        for e, environment in enumerate(collection.environments)
    ]
    what = "genomes" if collection.kind == "genomes" else "samples of reads"
    judged = (
        "It was not judged on left-out genomes."
        if held_out is None
        else held_out.sentence()[0].upper() + held_out.sentence()[1:] + "."
    )
    if collection.kind == "reads" and held_out is not None:
        judged += " Reads were left out, not samples: the figures measure the sequencing run too."
    return "\n".join(
        [
            f"# Source model {name}",
            "",
            f"Which of {len(collection.environments)} environments a short read is from, and what samples are composed of. "
            f"Learned from {what}:",
            "",
            "| environment | members |",
            "|---|---|",
            *rows,
            "",
            judged,
            "",
            "An environment is what these members are. A read of an organism without a relative among them is answered by its composition "
            "alone, which is close to a guess; in samples such reads count as unknown as far as they resemble nothing.",
            "",
        ]
    )
