"""Realistic, seeded report inputs made without training anything."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from strandloom.report.inputs import BlockRow, Decision, InputFile, Member, ModelFacts, ReportInputs, SplitFacts, Trial


def triple(value: float, half: float) -> dict[str, float]:
    return {"value": value, "low": value - half, "high": value + half}


METRICS = {
    "accuracy": 0.86,
    "balanced_accuracy": 0.855,
    "matthews_corrcoef": 0.71,
    "f1_macro": 0.856,
    "roc_auc": 0.93,
    "average_precision": 0.92,
    "log_loss": 0.33,
    "brier": 0.2,
    "ece": 0.018,
}
BASELINES = {
    "majority": (-0.36, "most frequent class"),
    "composition": (-0.22, "base composition and length"),
    "kmer_logistic": (-0.035, "6-mer logistic regression"),
    "kmer_bayes": (-0.06, "5-mer naive Bayes"),
    "nearest": (-0.09, "nearest neighbour by 8-mers"),
}


def metrics(shift: float = 0.0) -> dict[str, Any]:
    found = {}
    for name, value in METRICS.items():
        sign = -1 if name in ("log_loss", "brier", "ece") else 1
        amount = value + sign * shift * (2 if name == "matthews_corrcoef" else 1)
        found[name] = triple(max(amount, 0.0), 0.019 if name == "matthews_corrcoef" else 0.01)
    return found


def evaluation(
    names: tuple[str, ...] = ("background", "promoter"), *, rows: int = 5920, seeds: int = 3
) -> dict[str, Any]:
    generator = np.random.default_rng(7)
    k = len(names)
    sizes = generator.multinomial(rows, generator.dirichlet(np.full(k, 30.0)))
    confusion = []
    for i in range(k):
        wrong = generator.dirichlet(np.full(k, 0.3)) * (np.arange(k) != i)
        share = 0.86 * (np.arange(k) == i) + 0.14 * wrong / max(wrong.sum(), 1e-9)
        confusion.append(generator.multinomial(sizes[i], share / share.sum()).tolist())
    x = np.linspace(0, 1, 101)
    shown = names[1:] if k == 2 else names
    roc = {n: {"x": x.tolist(), "y": (1 - (1 - x) ** (6 + i % 5)).tolist()} for i, n in enumerate(shown)}
    pr = {n: {"x": x.tolist(), "y": (1 - 0.5 * x ** (5 + i % 3)).tolist()} for i, n in enumerate(shown)}
    edges = np.linspace(0, 1, 41)
    groups = names[:2]
    draws = [generator.beta(1.1, 4.5, 3000), generator.beta(4.2, 1.2, 2900)][:: 1 if k == 2 else -1]
    scores: dict[str, Any] = {
        "edges": edges.tolist(),
        "score": f"probability of {names[1]}" if k == 2 else "probability of the true class",
    }
    scores["counts"] = {n: np.histogram(d, edges)[0].tolist() for n, d in zip(groups, draws, strict=True)}

    def bins(bend: float) -> list[dict[str, float]]:
        return [
            {
                "low": b / 15,
                "high": (b + 1) / 15,
                "n": int(40 + 900 * (b / 15) ** 4),
                "confidence": (b + 0.5) / 15,
                "accuracy": float(np.clip((b + 0.5) / 15 - bend * (b / 15) + 0.01 * np.sin(b), 0, 1)),
            }
            for b in range(7, 15)
        ]

    return {
        "format": 1,
        "task": "classes",
        "classes": list(names),
        "rows": rows,
        "part": "test",
        "primary": "matthews_corrcoef",
        "model": metrics(),
        "baselines": {n: metrics(shift) for n, (shift, _) in BASELINES.items()},
        "baseline_facts": {
            n: {"title": title, "about": f"{title}, fitted on the same rows", "seconds": 3.2}
            for n, (_, title) in BASELINES.items()
        },
        "comparisons": {
            n: {
                "matthews_corrcoef": {
                    "metric": "matthews_corrcoef",
                    **triple(-2 * shift, 0.02),
                    "p": 0.001,
                    "verdict": "better" if shift < -0.02 else "not distinguishable",
                }
            }
            for n, (shift, _) in BASELINES.items()
        },
        "per_target": {},
        "confusion": confusion,
        "per_class": {
            n: {
                "n": int(sizes[i]),
                "precision": 0.85,
                "recall": 0.8 + 0.001 * (i % 9),
                "f1": 0.84,
                "roc_auc": 0.93,
                "average_precision": None,
            }
            for i, n in enumerate(names)
        },
        "curves": {
            "roc": roc,
            "pr": pr,
            "reliability": bins(0.01),
            "risk_coverage": {"x": x[1:].tolist(), "y": (0.14 * x[1:] ** 2).tolist()},
            "scores": scores,
        },
        "calibration": {
            "temperature": 1.42,
            "threshold": 0.5,
            "ece": triple(0.018, 0.006),
            "definition": "15 equal-width bins",
            "bins": bins(0.01),
            "validation": {
                "rows": 4730.0,
                "ece_before": 0.071,
                "ece_after": 0.016,
                "coverage": 0.62,
                "error": 0.042,
                "error_upper": 0.049,
            },
        },
        "abstention": {
            "threshold": 0.83,
            "target_error": 0.05,
            "reachable": True,
            "coverage": 0.61,
            "error": 0.052,
            "error_without": 0.14,
            "area": 0.05,
            "text": "an error of at most 5% among answered rows: rows with a confidence below 0.830 are "
            "abstained from "
            "(38.0% of validation)",
        },
        "by_distance": [
            {"low": lo, "high": lo + 0.2, "n": n, "accuracy": a, "matthews_corrcoef": 2 * a - 1}
            for lo, n, a in [(0.0, 3100, 0.845), (0.2, 1900, 0.86), (0.4, 640, 0.88), (0.6, 215, 0.93), (0.8, 65, 0.97)]
        ],
        "seeds": {
            "count": seeds,
            "seeds": list(range(1, seeds + 1)),
            "baselines": {},
            "model": {
                m: {"mean": v, "values": [v + 0.004 * (s - 1) for s in range(seeds)]} for m, v in METRICS.items()
            },
        }
        if seeds > 1
        else None,
        "ceiling": {"accuracy": 0.884, "roc_auc": 0.951, "strand_symmetric_accuracy": 0.81, "rows": rows}
        if k == 2
        else None,
        "warnings": ["The test part holds 12 rows with N runs longer than 20 bases."],
    }


def members(number: int = 3, epochs: int = 20) -> tuple[Member, ...]:
    generator = np.random.default_rng(3)
    found = []
    for m in range(number):
        e = np.arange(1, epochs + 1)
        train = 0.25 + 0.5 * np.exp(-e / 6) + generator.normal(0, 0.004, epochs)
        valid = 0.34 + 0.4 * np.exp(-e / 4) + 0.0012 * np.maximum(e - 11, 0) ** 1.6 + generator.normal(0, 0.006, epochs)
        history = tuple(
            {
                "epoch": int(i),
                "train_loss": float(t),
                "validation_loss": float(v),
                "validation": {"matthews_corrcoef": float(1.1 - v), "accuracy": float(1 - v / 2.4)},
                "learning_rate": 1e-3,
                "seconds": 4.2,
                "samples_per_second": 5200.0,
            }
            for i, t, v in zip(e, train, valid, strict=True)
        )
        found.append(
            Member(
                f"seed {m + 1}",
                history,
                int(np.argmin(valid)) + 1,
                "the validation loss had not improved for 6 epochs",
                84.0 + m,
                5200.0,
                "matthews_corrcoef",
            )
        )
    return tuple(found)


def spread(low: float, middle: float, high: float) -> dict[str, float]:
    return {
        "lowest": low,
        "q05": low,
        "q25": low,
        "median": middle,
        "q75": high,
        "q95": high,
        "highest": high,
        "mean": middle,
    }


def facts(names: tuple[str, ...] = ("background", "promoter"), *, rows: int = 53_250) -> dict[str, Any]:
    generator = np.random.default_rng(11)
    gc_edges = np.linspace(0, 1, 41)
    length_edges = np.arange(180, 305, 4) - 0.5

    def bars(values: Any, edges: Any) -> dict[str, Any]:
        return {"edges": edges.tolist(), "counts": np.histogram(values, edges)[0].tolist()}

    return {
        "rows": rows,
        "letters": {
            "rows": rows,
            "bases": rows * 297,
            "lower_case": 1_900_000,
            "uracil": 0,
            "ambiguous": 12,
            "n": 4_312,
            "gaps": 0,
            "skipped_rows": 2,
            "skipped": ["record 'x' (line 3): empty"],
            "unknown": 0,
        },
        "length": spread(182, 300, 300),
        "length_histogram": bars(np.minimum(generator.normal(305, 22, rows), 300), length_edges),
        "gc": spread(0.21, 0.49, 0.83),
        "gc_histogram": bars(generator.normal(0.49, 0.09, rows), gc_edges),
        "duplicates": {
            "distinct": rows - 310,
            "exact_rows": 310,
            "reverse_complement_rows": 12,
            "id_rows": 0,
            "contradictory": 3,
            "contradictory_rows": 7,
            "example": ["p12", "n99"],
        },
        "ambiguous_rows": 88,
        "unknown_rows": 0,
        "empty_rows": 0,
        "low_complexity_rows": 140,
        "cropped_rows": 0,
        "window": "300 bases, the longest sequence",
        "task": "classes",
        "target": "label",
        "classes": [
            {
                "name": n,
                "rows": rows // len(names) + 7 * (i % 5),
                "length": spread(182, 300, 300) if i < 50 else None,
                "gc": spread(0.2, 0.45 + 0.1 * (i % 3) / 2, 0.8) if i < 50 else None,
                "gc_histogram": bars(generator.normal(0.44 + 0.09 * (i % 3), 0.07, rows // len(names)), gc_edges)
                if i < 50
                else None,
            }
            for i, n in enumerate(names)
        ],
        "value": None,
        "separations": [{"feature": "gc", "measure": "roc_auc", "value": 0.71, "of": names[-1]}],
        "warnings": [
            "310 of 53,250 rows (0.6 %) repeat the sequence of an earlier row: in a random split copies would "
            "stand in train and test; use split kind homology or group."
        ],
    }


def leakage() -> dict[str, Any]:
    def pair(part: str, other: str, rows: int, exact: int, reverse: int, near: int) -> dict[str, Any]:
        return {
            "part": part,
            "other": other,
            "rows": rows,
            "other_rows": 42_600,
            "exact": exact,
            "reverse_complement": reverse,
            "near": near,
            "exact_fraction": exact / rows,
            "reverse_complement_fraction": reverse / rows,
            "near_fraction": near / rows,
            "fraction": (exact + reverse + near) / rows,
            "shared_sequences": exact,
            "different_label": 1,
            "examples": [{"kind": "near", "id": "p1204", "other_id": "p77", "similarity": 0.64, "same_label": True}],
        }

    return {
        "pairs": [
            pair("test", "train", 5_920, 9, 1, 55),
            pair("validation", "train", 4_730, 0, 0, 12),
            pair("test", "validation", 5_920, 1, 0, 4),
        ],
        "k": 8,
        "threshold": 0.2,
        "conflicting_sequences": 3,
        "conflicting_rows": 7,
        "verdict": "Some leakage: 65 of 5920 test rows (1.1%) have a relative in the training part: "
        "9 exact, 1 reverse-complement "
        "and 55 near duplicates. Read the score of the rows without relatives beside the overall score.",
    }


def sample(names: tuple[str, ...] = ("background", "promoter"), **changes: Any) -> ReportInputs:
    values: dict[str, Any] = {
        "name": "human-promoters-300",
        "evaluation": evaluation(names),
        "facts": facts(names),
        "leakage": leakage(),
        "members": members(),
        "split": SplitFacts(
            "the given column split, and 10 % of train by homology component for validation",
            ("No row named a validation part, so whole groups of similar training sequences were set aside.",),
            {"train": 42_600, "validation": 4_730, "test": 5_920},
            {
                p: {n: r // len(names) for n in names}
                for p, r in {"train": 42_600, "validation": 4_730, "test": 5_920}.items()
            },
        ),
        "decisions": (
            Decision(
                "Strand",
                "one strand",
                "reading both strands lost 0.021 on validation, twice its spread",
                (
                    Trial("one strand", "matthews_corrcoef", 0.702, True, 0.006),
                    Trial("both strands", "matthews_corrcoef", 0.681, False, 0.005),
                ),
            ),
            Decision("Shift", "none", "shifts of up to 8 bases gained nothing"),
        ),
        "model": ModelFacts(
            "residual",
            1_204_322,
            1_207_138,
            300,
            "left",
            "one",
            (
                BlockRow("stem", "convolution, 128 filters of width 15", "128 × 300", 7_808),
                BlockRow("stage 1", "4 gated residual blocks, dilations 1, 2, 4, 8", "128 × 300", 524_800),
                BlockRow("pool", "attention, 4 heads, padding masked", "512", 516),
                BlockRow("head", "dense", "2", 1_026),
            ),
        ),
        "environment": {
            "versions": {"python": "3.11.9", "torch": "2.13.0", "numpy": "2.4.0"},
            "machine": {"processor": "AMD EPYC 9B14", "cores": 2, "accelerators": []},
            "runtime": {
                "device": "cpu",
                "threads": 2,
                "precision": "bf16",
                "notes": ["device: CPU (no accelerator found)"],
            },
            "strandloom": "0.1.0",
        },
        "times": {"read and check": 2.1, "train": 252.0, "baselines": 41.5, "evaluate": 8.4},
        "experiment_yaml": "name: human-promoters-300\ndata:\n  table: promoters.tsv\n"
        "  target: label\nmodel:\n  kind: residual\n",
        "command": "strandloom train examples/human-promoters-300.yaml --out runs/promoters --seeds 3",
        "files": (InputFile("data/promoters.tsv", "9f2c" * 16, 53_250, 17_400_123),),
        "version": "0.1.0",
        "date": "2026-11-20",
        "description": "Promoters (−250 to +50) against shuffled genomic background, 300 bases.",
    }
    return ReportInputs(**{**values, **changes})


@pytest.fixture
def make_inputs() -> Callable[..., ReportInputs]:
    """``make_inputs(names, **changes)``: realistic report inputs."""
    return sample


@pytest.fixture
def make_evaluation() -> Callable[..., dict[str, Any]]:
    """``make_evaluation(names, rows=, seeds=)``: a realistic ``evaluation.json``."""
    return evaluation


def blended(stored: dict[str, Any]) -> dict[str, Any]:
    """The evaluation of a model in whose answer a baseline is blended."""
    alone = {"title": "The network alone", "about": "6-mer logistic regression has 40% of the weight"}
    return {
        **stored,
        "baselines": {"network_alone": metrics(-0.005), **stored["baselines"]},
        "baseline_facts": {"network_alone": alone, **stored["baseline_facts"]},
    }


@pytest.fixture
def blend() -> Callable[[dict[str, Any]], dict[str, Any]]:
    """``blend(evaluation)``: the same, but of a network with a baseline blended in."""
    return blended


@pytest.fixture
def make_members() -> Callable[..., tuple[Member, ...]]:
    """``make_members(number, epochs)``: training histories."""
    return members


@pytest.fixture
def data_facts() -> dict[str, Any]:
    """The mapping of a ``DataFacts``."""
    return facts()


@pytest.fixture
def leakage_report() -> dict[str, Any]:
    """The mapping of a ``LeakageReport``."""
    return leakage()
