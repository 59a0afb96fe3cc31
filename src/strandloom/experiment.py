"""The experiment file: one YAML that says everything a run needs.

It only composes the typed settings of the floors below and turns mistakes in a file into one clear message. Torch-free.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self, get_args

import yaml
from pydantic import Field, model_validator

from strandloom.data.settings import DataSettings
from strandloom.data.split.settings import SplitSettings, StratifiedSplit
from strandloom.evaluation.settings import (
    BASELINE_NAMES,
    LABEL_BASELINE_NAMES,
    REGRESSOR_NAMES,
    ClassMetric,
    EvaluationSettings,
    LabelMetric,
    ValueMetric,
)
from strandloom.explain.settings import ExplainSettings
from strandloom.models.settings import ModelSettings, ResidualSettings
from strandloom.settings import Settings
from strandloom.settings_file import check_settings, read_settings_file
from strandloom.training.settings import TrainingSettings

_METRICS = {"classes": ClassMetric, "labels": LabelMetric, "value": ValueMetric}
_BASELINES: dict[str, tuple[str, ...]] = {
    "classes": BASELINE_NAMES, "labels": LABEL_BASELINE_NAMES, "value": REGRESSOR_NAMES,
}  # fmt: skip


class RangeSettings(Settings):
    """Numbers between two ends."""

    low: int | float
    """Least value; whole numbers at both ends mean whole numbers between them."""
    high: int | float
    """Largest value."""
    log: bool = False
    """Whether ratios count instead of differences."""
    step: Annotated[float, Field(gt=0)] | None = None
    """Distance between the values that are tried; null: any."""

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.low >= self.high:
            raise ValueError(f"low must be below high, not {self.low:g} and {self.high:g}")
        if self.log and self.low <= 0:
            raise ValueError("a range by ratios (log) begins above 0")
        if self.log and self.step is not None:
            raise ValueError("a range has either log or step")
        return self


class SearchSettings(Settings):
    """What ``strandloom search`` tries; ``train`` does not read it."""

    space: dict[str, RangeSettings | Annotated[tuple[Any, ...], Field(min_length=2)]] = Field(default_factory=dict)
    """Settings of model and training, by their dotted names: a list of values, or a range."""
    preset: Literal["cuperus_utr"] | None = None
    """A published search space, which replaces ``model``: that of the yeast 5′UTR network (Cuperus et al. 2017)."""
    trials: Annotated[int, Field(ge=1, le=100_000)] = 50
    """Trials in all, over every process and every resumption."""
    metric: Literal["loss", "matthews_corrcoef", "roc_auc", "pearson"] | None = None
    """The validation figure of a trial's best epoch; null: loss for values, else the one that ``training.monitor`` follows."""
    sampler: Literal["tpe", "random"] = "tpe"
    """How the next trial is chosen: by what earlier ones gave (TPE, Bergstra et al. 2011), or at random."""
    prune: bool = True
    """Whether a trial stops whose figure is below the median of the others at the same epoch."""
    seed: Annotated[int, Field(ge=0)] = 1
    """Seed of the choice of trials."""

    @model_validator(mode="after")
    def _something_to_search(self) -> Self:
        if not self.space and self.preset is None:
            raise ValueError("nothing to search: give space or preset")
        for name in self.space:
            if name.partition(".")[0] not in ("model", "training"):
                raise ValueError(f"space: {name} cannot be searched; settings of model and training can")
            if self.preset is not None and name.partition(".")[0] == "model":
                raise ValueError(f"space: the preset {self.preset} chooses the model, so {name} cannot be searched")
        return self


class Experiment(Settings):
    """A whole experiment: data, split, model, training, evaluation and, if wanted, explanation."""

    name: str = Field(default="experiment", pattern=r"^[A-Za-z0-9][A-Za-z0-9 ._-]*$", max_length=120)
    """A short name; it titles the report and the bundle."""
    data: DataSettings
    """Where the sequences are and how they are read."""
    task: Literal["classes", "labels", "value"] = "classes"
    """What is predicted: ``classes`` = one of two or more classes per sequence; ``labels`` = any of several labels, from 0/1 columns or a
    column of names separated by commas; ``value`` = one or more measured numbers."""
    split: SplitSettings = StratifiedSplit()
    """How rows are divided into train, validation and test."""
    model: ModelSettings = ResidualSettings()
    """The network."""
    training: TrainingSettings = TrainingSettings()
    """How it is trained."""
    evaluation: EvaluationSettings = EvaluationSettings()
    """How it is judged."""
    explain: ExplainSettings | None = None
    """What the report says of the motifs that the network learned from the test rows; null: nothing (`strandloom explain` can later)."""
    search: SearchSettings | None = None
    """What `strandloom search` tries; training goes by the settings above as they stand."""

    @model_validator(mode="after")
    def _settings_of_the_task(self) -> Self:
        """Settings that mean nothing for the task would be passed over in silence."""
        value, evaluation, training = self.task == "value", self.evaluation, self.training
        allowed = get_args(_METRICS[self.task])
        if evaluation.primary is not None and evaluation.primary not in allowed:
            raise ValueError(f"evaluation.primary: task {self.task} has {', '.join(allowed)}, not {evaluation.primary}")
        if not isinstance(evaluation.baselines, str):
            known = _BASELINES[self.task]
            for name in evaluation.baselines:
                if name not in known:
                    raise ValueError(f"evaluation.baselines: task {self.task} has {', '.join(known)}, not {name}")
        if value and (training.class_weights != "none" or training.label_smoothing):
            raise ValueError("training.class_weights and training.label_smoothing are for classes and labels")
        if not value and training.loss != "auto":
            raise ValueError(f"training.loss: {training.loss} is for values (task: value)")
        if training.loss == "gaussian" and self.data.variance is None and not self.data.counts:
            raise ValueError("training.loss: gaussian needs data.variance or data.counts")
        if not value and (self.data.variance is not None or self.data.counts or evaluation.strata is not None):
            raise ValueError("data.variance, data.counts and evaluation.strata are for values (task: value)")
        if self.task != "labels" and evaluation.label_groups:
            raise ValueError("evaluation.label_groups are for labels (task: labels)")
        return self


def read_experiment(path: str | Path, overrides: Iterable[str] = ()) -> Experiment:
    """Read an experiment file, apply ``a.b=c`` overrides and check it.

    Parameters
    ----------
    path
        The YAML file.
    overrides
        Settings to replace, each ``dotted.path=value`` with the value in YAML.

    Raises
    ------
    SettingsError
        The file is missing, is not YAML, names code, or a setting is unknown or wrong (with its line).
    """
    file = read_settings_file(
        path, overrides, what="experiment file", hint="`strandloom init TABLE --out EXP.yaml` writes one"
    )
    return file.check(Experiment)


def check_experiment(
    raw: Mapping[str, Any],
    *,
    where: str = "experiment",
    lines: Mapping[tuple[str, ...], int] | None = None,
    given: Mapping[tuple[str, ...], str] | None = None,
) -> Experiment:
    """Validate plain settings; the first mistake becomes a SettingsError that names the place and the nearest right key.

    Parameters
    ----------
    raw
        The settings.
    where
        Their file, for messages.
    lines, given
        The line of a setting in the file, and the words that gave one outside it (``--set a.b=c``).
    """
    return check_settings(Experiment, raw, where=where, lines=lines, given=given)


def to_yaml(experiment: Experiment) -> str:
    """The resolved experiment as YAML; reading it back gives the same experiment."""
    return yaml.safe_dump(experiment.model_dump(mode="json"), sort_keys=False, allow_unicode=True, width=120)


def json_schema() -> dict[str, Any]:
    """The JSON schema of the experiment file, field docstrings as descriptions."""
    schema = Experiment.model_json_schema()
    schema["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    schema["title"] = "strandloom experiment"
    return schema
