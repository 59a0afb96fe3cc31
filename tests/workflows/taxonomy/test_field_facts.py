"""The story of a field study in sentences."""

from __future__ import annotations

import json

import polars as pl

from strandloom.io.plain import dump_json
from strandloom.workflows.taxonomy.field import REMOVABLE, FieldSettings, clean_counts
from strandloom.workflows.taxonomy.field_facts import DETECTION_FLAGS


def test_the_story() -> None:
    table = pl.DataFrame(
        [
            ("S1_A", "x", 900),
            ("S1_A", "p", 2),
            ("S1_B", "x", 3),
            ("B", "x", 5),
            ("P", "p", 998),
            ("P", "x", 1),
            ("Z", "x", 1),
        ],
        schema={"sample": pl.String, "id": pl.String, "reads": pl.Int64},
        orient="row",
    )
    meta = pl.DataFrame(
        {
            "sample": ["S1_A", "S1_B", "S2", "B", "B2", "P"],
            "sample_type": ["surf", "", "", "blank", "blank", "positive"],
            "replicate_of": ["S1", "S1", None, None, None, None],
        }
    )
    result = clean_counts(
        table, meta, settings=FieldSettings(min_reads=2, min_total_reads=4, remove=("few_reads", "below_blank"))
    )
    assert list(result.facts.lines()) == [
        "7 samples: 2 field samples, 2 blanks, 1 positive control, 2 of unknown type, treated as field samples; "
        "1,910 reads, 906 of them in field samples",
        "not understood as a sample type, so treated as field samples: 'surf' "
        "(field sample, field blank, negative control, positive control and mock community are)",
        "samples with reads but no metadata, treated as field samples without a place: 1 (Z)",
        "samples with metadata but no reads: 2 (S2, B2)",
        "shallow field samples: 2 (S1_B, Z)",
        "blanks with as many reads as a field sample (mislabelled, or badly contaminated): 1 (B)",
        "blanks with reads: 1 of 2, of 1 ASV; 2 detections in field samples have fewer reads than a blank",
        "positive controls are made of p: 0.200% of their reads stand in other samples, "
        "0.100% of the reads in the controls are of other ASVs (tag jumps)",
        "removed: 1 detection (1 read) with too few reads",
        "removed: 2 detections (4 reads) with fewer reads than in a blank",
    ]
    assert json.loads(dump_json(result.facts))["removed"]["below_blank"] == {"detections": 2, "reads": 4}
    assert tuple(DETECTION_FLAGS) == REMOVABLE
