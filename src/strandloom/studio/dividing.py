"""Train, validation and test of a version tried out before any training, with what leaks from one into another."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from strandloom.data.leakage import leakage_of_all
from strandloom.data.load import load
from strandloom.data.settings import DataSettings
from strandloom.data.split.core import PART_NAMES, TEST, TRAIN, VALIDATION, make_splits
from strandloom.data.split.settings import SplitSettings
from strandloom.io.plain import plain

PARTS = (TRAIN, VALIDATION, TEST)


def try_split(path: Path, data: DataSettings, split: SplitSettings, *, task: Any) -> dict[str, Any]:
    """Divide a table and look for leaks.

    Returns
    -------
    dict
        ``splits``: how many (folds, groups); ``how``: how they were made, in words; ``parts``: part → ``rows`` and, of classes,
        ``classes``: name → rows, of values ``mean`` and ``sd``; ``leakage``; ``notes``. All of the first split.

    Raises
    ------
    StrandloomError
        The data or the split do not work.
    """
    dataset = load(data, task=task, resolve=lambda _: path)
    splits = make_splits(dataset, split)
    first = splits[0]
    parts: dict[str, Any] = {}
    target = dataset.target
    for part in PARTS:
        rows = first.rows(part)
        about: dict[str, Any] = {"rows": len(rows)}
        if target is not None and task == "classes":
            counts = np.bincount(target.values[rows].astype(np.int64), minlength=len(target.names))
            about["classes"] = dict(zip(target.names, counts.tolist(), strict=True))
        elif target is not None and task == "value" and len(rows):
            about |= {"mean": float(np.nanmean(target.values[rows])), "sd": float(np.nanstd(target.values[rows]))}
        parts[PART_NAMES[part]] = about
    report = leakage_of_all(dataset, splits)
    found = plain(
        {"splits": len(splits), "parts": parts, "leakage": asdict(report), "notes": list(first.notes), "how": first.how}
    )
    assert isinstance(found, dict)
    return found
