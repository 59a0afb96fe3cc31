"""How a model is judged: the typed settings of this floor (no torch, no scikit-learn)."""

from __future__ import annotations

from typing import Annotated, Literal, Self, get_args

from pydantic import Field, model_validator

from strandloom.settings import Settings

BaselineName = Literal["majority", "composition", "kmer_logistic", "kmer_bayes", "nearest", "position_logistic"]
BASELINE_NAMES: tuple[BaselineName, ...] = get_args(BaselineName)
RegressorName = Literal["mean", "kmer_ridge", "position_ridge", "leader_ridge", "kmer_boosting", "nearest"]
REGRESSOR_NAMES: tuple[RegressorName, ...] = get_args(RegressorName)
LabelBaselineName = Literal["prevalence", "composition", "kmer_logistic"]
LABEL_BASELINE_NAMES: tuple[LabelBaselineName, ...] = get_args(LabelBaselineName)
ClassMetric = Literal[
    "accuracy",
    "balanced_accuracy",
    "matthews_corrcoef",
    "f1_macro",
    "roc_auc",
    "average_precision",
    "log_loss",
    "brier",
    "ece",
]
ValueMetric = Literal["r2", "pearson", "pearson_squared", "spearman", "rmse"]
LabelMetric = Literal[
    "accuracy",
    "balanced_accuracy",
    "matthews_corrcoef",
    "f1_macro",
    "roc_auc",
    "average_precision",
    "log_loss",
    "brier",
]
MetricName = Literal[ClassMetric, ValueMetric]


class StrataSettings(Settings):
    """Ranges of a numeric column that are scored apart."""

    column: str
    """The column."""
    edges: Annotated[tuple[float, ...], Field(min_length=1)]
    """Where one range ends and the next begins, rising: ``[10, 30, 60, 101]``; a value on an edge belongs to the range above."""

    @model_validator(mode="after")
    def _rising(self) -> Self:
        if list(self.edges) != sorted(set(self.edges)):
            raise ValueError("edges must rise")
        return self


class EvaluationSettings(Settings):
    """What is measured on the test part, beside which baselines, and with how much certainty."""

    resamples: Annotated[int, Field(ge=0, le=100_000)] = 1000
    """Bootstrap resamples behind every interval and comparison; 0 leaves the intervals out."""

    interval: Annotated[float, Field(gt=0.5, lt=1)] = 0.95
    """Share of the resamples that an interval spans (percentile interval)."""

    strata: StrataSettings | None = None
    """Values: a column whose ranges are scored apart too, for example read depth."""

    groups: Annotated[str, Field(min_length=1)] | None = None
    """What is resampled together: ``homology`` (near-duplicate components), a column, or none for single rows."""

    primary: MetricName | None = None
    """The metric of the comparison with the baselines; none means MCC for classes, average precision for labels, R²
    for values.
    """

    abstain_error: Annotated[float, Field(gt=0, lt=1)] = 0.05
    """The error rate allowed among answered rows; below the confidence that keeps it (found on validation) the model
    abstains.
    """

    threshold: Literal["half", "auto"] = "auto"
    """Two classes: decide at .5, or move the threshold where the gain in MCC on validation is more than chance."""

    label_groups: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    """Labels: groups whose medians are reported, each with patterns of label names: ``{TF: ["*_TF"], histone: ["H3*", "H4*"]}``; the
    first group that fits counts."""

    baselines: Literal["all", "none"] | tuple[BaselineName | RegressorName | LabelBaselineName, ...] = "all"
    """Baselines fitted on the same split: ``all``, ``none`` or a list of names (for classes majority … position_logistic, for values mean …
    kmer_boosting, nearest for both; for labels prevalence, composition, kmer_logistic)."""

    blend: Literal["auto", "none"] = "auto"
    """``auto``: add a linear baseline (k-mers, or k-mers at each position) to the network's answer where validation gains
    beyond noise; ``none``: the network alone."""

    kmer_sizes: Annotated[tuple[Annotated[int, Field(ge=1, le=8)], ...], Field(min_length=1)] = (3, 4, 5, 6, 7)
    """k-mer lengths tried by the k-mer baselines; the choice is made on validation."""

    baseline_rows: Annotated[int, Field(ge=100)] = 100_000
    """At most this many training rows (a seeded draw) for a baseline."""

    seed: Annotated[int, Field(ge=0)] = 1
    """Seed of the resamples and of the draws inside baselines."""

    def baseline_names(self) -> tuple[BaselineName, ...]:
        """The baselines asked for, in the order of the report."""
        if self.baselines == "all":
            return BASELINE_NAMES
        if self.baselines == "none":
            return ()
        return tuple(name for name in BASELINE_NAMES if name in self.baselines)

    def label_baseline_names(self) -> tuple[LabelBaselineName, ...]:
        """The same for labels."""
        if self.baselines == "all":
            return LABEL_BASELINE_NAMES
        if self.baselines == "none":
            return ()
        return tuple(name for name in LABEL_BASELINE_NAMES if name in self.baselines)

    def regressor_names(self) -> tuple[RegressorName, ...]:
        """The same for measured values."""
        if self.baselines == "all":
            return REGRESSOR_NAMES
        if self.baselines == "none":
            return ()
        return tuple(name for name in REGRESSOR_NAMES if name in self.baselines)
