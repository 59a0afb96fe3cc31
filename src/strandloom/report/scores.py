"""What ``evaluation.json`` says, read forgivingly: every absent or broken entry becomes None or an empty list.

Figures, verdict, tables and card read :class:`Scores`; :mod:`~strandloom.report.reading` makes it from the file.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

from strandloom.evaluation.blend import NETWORK_ALONE
from strandloom.evaluation.results import USUAL_INTERVAL
from strandloom.report.numbers import percent

Json = Mapping[str, Any]
"""JSON read back: a mapping of plain values."""
Outcome = Literal["better", "same", "worse", "unknown"]

METRICS: dict[str, tuple[str, str, int]] = {
    # name: (title, what it means, +1 higher is better / -1 lower is better)
    "matthews_corrcoef": ("MCC", "Matthews correlation: 0 guessing, 1 perfect, fair under imbalance", 1),
    "accuracy": ("accuracy", "share of rows answered rightly", 1),
    "balanced_accuracy": ("balanced accuracy", "mean over classes of the share answered rightly", 1),
    "f1_macro": ("macro F1", "mean over classes of F1 (precision and recall in one)", 1),
    "roc_auc": ("AUROC", "area under the ROC curve: 0.5 guessing, 1 perfect ranking", 1),
    "average_precision": ("AUPRC", "area under the precision–recall curve; guessing gives the class share", 1),
    "log_loss": ("log loss", "mean negative log-probability of the truth, in nats; 0 is perfect", -1),
    "brier": ("Brier score", "mean squared error of the probabilities; 0 is perfect", -1),
    "ece": ("ECE", "expected calibration error: stated confidence minus observed frequency", -1),
    "r2": ("R²", "coefficient of determination: 0 predicting the mean, 1 perfect", 1),
    "pearson": ("Pearson r", "linear correlation", 1),
    "pearson_squared": ("Pearson r²", "squared linear correlation", 1),
    "spearman": ("Spearman ρ", "rank correlation", 1),
    "rmse": ("RMSE", "root mean squared error, in units of the target", -1),
}
HEADLINES = {
    "classes": ("matthews_corrcoef", "balanced_accuracy", "f1_macro", "accuracy"),
    "labels": ("average_precision", "roc_auc", "f1_macro"),
    "value": ("r2", "spearman", "pearson", "rmse"),
}
NO_SKILL = {"matthews_corrcoef": 0.0, "r2": 0.0, "spearman": 0.0, "pearson": 0.0, "roc_auc": 0.5}
BASELINES = {
    "majority": "most frequent class",
    "composition": "base composition and length",
    "kmer_logistic": "k-mer logistic regression",
    "kmer_bayes": "k-mer naive Bayes",
    "nearest": "nearest neighbour by k-mers",
    "position_logistic": "logistic regression on positions",
    "prevalence": "prevalence of each label",
}


def mapping(entry: Any) -> Json:
    """The entry where it is a mapping, else an empty one."""
    return entry if isinstance(entry, Mapping) else {}


def metric_title(metric: str) -> str:
    """How a metric is called in text."""
    return METRICS[metric][0] if metric in METRICS else metric.replace("_", " ")


def metric_meaning(metric: str) -> str:
    """What a metric means, in a few words."""
    return METRICS[metric][1] if metric in METRICS else ""


def reads_better(metric: str | None) -> bool:
    """Whether higher is better."""
    return metric is None or METRICS.get(metric, ("", "", 1))[2] > 0


class Score(NamedTuple):
    """A value with its interval; None where not known, ``why`` says the reason."""

    value: float | None
    low: float | None = None
    high: float | None = None
    why: str = ""


class Difference(NamedTuple):
    """Model minus baseline on the same rows."""

    score: Score
    outcome: Outcome


class Curve(NamedTuple):
    """A named curve; ``area`` is its AUC or average precision where known."""

    name: str
    x: tuple[float, ...]
    y: tuple[float, ...]
    area: float | None = None


class Bin(NamedTuple):
    """One bin of a reliability diagram: mean stated confidence, observed frequency with interval, rows."""

    confidence: float
    frequency: float
    low: float | None
    high: float | None
    rows: int


class Histogram(NamedTuple):
    """Rows per bin of a score in [0, 1]; ``len(edges) == len(counts) + 1``."""

    name: str
    edges: tuple[float, ...]
    counts: tuple[float, ...]


class Near(NamedTuple):
    """The score of the test rows whose similarity to the nearest training row lies in ``[low, high)``."""

    low: float
    high: float
    rows: int
    score: Score


class Point(NamedTuple):
    """An operating point: threshold with coverage and error, where known."""

    threshold: float | None
    coverage: float | None
    error: float | None


class ClassScore(NamedTuple):
    """Scores of one class."""

    name: str
    rows: int
    values: dict[str, Score]


class SeedRow(NamedTuple):
    """Scores of one seed or member."""

    name: str
    values: dict[str, float | None]


@dataclass(frozen=True, eq=False)
class Scores:
    """An evaluation, normalised for the report. See :func:`strandloom.report.reading.read_scores`."""

    task: str = "classes"
    part: str = "test"
    primary: str = ""
    interval: float = USUAL_INTERVAL
    rows: int = 0
    classes: tuple[str, ...] = ()
    model: dict[str, Score] = field(default_factory=dict)
    baselines: dict[str, dict[str, Score]] = field(default_factory=dict)
    titles: dict[str, str] = field(default_factory=dict)
    about: dict[str, str] = field(default_factory=dict)
    skipped: dict[str, str] = field(default_factory=dict)
    per_target: dict[str, dict[str, Score]] = field(default_factory=dict)
    comparisons: dict[str, dict[str, Difference]] = field(default_factory=dict)
    ceiling: dict[str, Score] = field(default_factory=dict)
    symmetric_ceiling: float | None = None
    confusion: tuple[tuple[float, ...], ...] = ()
    per_class: tuple[ClassScore, ...] = ()
    roc: tuple[Curve, ...] = ()
    pr: tuple[Curve, ...] = ()
    reliability: tuple[Bin, ...] = ()
    histograms: tuple[Histogram, ...] = ()
    histogram_label: str = ""
    risk_coverage: Curve | None = None
    temperature: float | None = None
    ece_before: float | None = None
    ece_after: float | None = None
    stated_error: float | None = None
    abstention: Point | None = None
    abstention_text: str = ""
    reachable: bool = True
    decision_threshold: float | None = None
    by_distance: tuple[Near, ...] = ()
    distance_metric: str = "accuracy"
    values: Json = field(default_factory=dict)
    labels: Json = field(default_factory=dict)
    seeds: tuple[SeedRow, ...] = ()
    seed_word: str = "seed"
    warnings: tuple[str, ...] = ()

    @property
    def headline(self) -> str | None:
        """The metric that sums the run up; None when the model has no known metric."""
        for metric in (self.primary, *HEADLINES.get(self.task, ()), *self.model):
            if metric in self.model and self.model[metric].value is not None:
                return metric
        return None

    def baseline_value(self, name: str) -> float | None:
        """The headline metric of a baseline."""
        metric = self.headline
        return None if metric is None else self.baselines.get(name, {}).get(metric, Score(None)).value

    @property
    def subject(self) -> str:
        """What the model's scores are scores of: ``network``, or ``model`` where a baseline was blended into its answer."""
        return "model" if NETWORK_ALONE in self.baselines else "network"

    @property
    def level(self) -> str:
        """What the intervals span, in words: ``95 %``."""
        return percent(self.interval, 6)

    @property
    def best(self) -> str | None:
        """The baseline with the best headline metric; the unblended network is none."""
        names = [name for name in self.baselines if name != NETWORK_ALONE]
        known = [(name, v) for name in names if (v := self.baseline_value(name)) is not None]
        if not known:
            return None
        sign = 1 if reads_better(self.headline) else -1
        return max(known, key=lambda x: sign * x[1])[0]

    @property
    def best_value(self) -> float | None:
        """The headline metric of the best baseline."""
        return None if self.best is None else self.baseline_value(self.best)

    def against(self, name: str) -> Outcome:
        """How the model stands against a baseline in the headline metric."""
        metric = self.headline
        found = self.comparisons.get(name, {}).get(metric or "")
        if found is not None and found.outcome != "unknown":
            return found.outcome
        if metric is None:
            return "unknown"
        mine, theirs = self.model[metric], self.baselines.get(name, {}).get(metric, Score(None))
        if None in (mine.low, mine.high, theirs.low, theirs.high):
            return "unknown"
        assert mine.low is not None  # for the type checker; filtered above
        assert mine.high is not None
        assert theirs.low is not None
        assert theirs.high is not None
        sign = reads_better(metric)
        if mine.low > theirs.high:
            return "better" if sign else "worse"
        if mine.high < theirs.low:
            return "worse" if sign else "better"
        return "unknown"

    @property
    def against_best(self) -> Outcome:
        """How the model stands against the best baseline."""
        return "unknown" if self.best is None else self.against(self.best)

    @property
    def no_skill(self) -> bool:
        """Whether the interval of the headline metric reaches down to guessing."""
        metric = self.headline
        if metric is None or metric not in NO_SKILL:
            return False
        score = self.model[metric]
        lowest = score.low if score.low is not None else score.value
        return lowest is not None and lowest <= NO_SKILL[metric]

    @property
    def ceiling_gap(self) -> tuple[str, float, float] | None:
        """Metric, how far the model is below the ceiling in it, and the ceiling; None when no ceiling is known."""
        for metric in ("accuracy", *self.ceiling):
            top = self.ceiling.get(metric, Score(None)).value
            mine = self.model.get(metric, Score(None)).value
            if top is not None and mine is not None and reads_better(metric):
                return metric, top - mine, top
        return None

    @property
    def ece(self) -> float | None:
        """Expected calibration error of the probabilities the bundle gives (after scaling where it was done)."""
        own = self.model.get("ece", Score(None)).value
        return own if own is not None else self.ece_after

    @property
    def class_rows(self) -> dict[str, int]:
        """Evaluated rows per class."""
        if self.confusion and len(self.confusion) == len(self.classes):
            return {n: int(sum(row)) for n, row in zip(self.classes, self.confusion, strict=True)}
        return {x.name: x.rows for x in self.per_class}

    @property
    def never_predicted(self) -> list[str]:
        """Classes the model never answers."""
        if not self.confusion or len(self.confusion) != len(self.classes):
            return []
        return [name for i, name in enumerate(self.classes) if not sum(row[i] for row in self.confusion)]

    @property
    def seed_range(self) -> tuple[float, float] | None:
        """Lowest and highest headline metric over the seeds; None for fewer than two."""
        metric = self.headline
        values = [v for s in self.seeds if metric is not None and (v := s.values.get(metric)) is not None]
        return (min(values), max(values)) if len(values) > 1 else None
