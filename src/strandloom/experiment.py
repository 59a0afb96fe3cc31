"""The experiment file: one YAML that says everything a run needs.

It only composes the typed settings of the floors below and turns mistakes in a file into one clear message. Torch-free.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Literal, Self, get_args

import yaml
from pydantic import Field, model_validator

from strandloom.data.settings import DataSettings
from strandloom.data.split.settings import SplitSettings, StratifiedSplit
from strandloom.evaluation.settings import (
    BASELINE_NAMES,
    REGRESSOR_NAMES,
    ClassMetric,
    EvaluationSettings,
    ValueMetric,
)
from strandloom.explain.settings import ExplainSettings
from strandloom.models.settings import ModelSettings, ResidualSettings
from strandloom.settings import Settings
from strandloom.settings_file import check_settings, read_settings_file
from strandloom.training.settings import TrainingSettings


class Experiment(Settings):
    """A whole experiment: data, split, model, training, evaluation and, if wanted, explanation."""

    name: str = Field(default="experiment", pattern=r"^[A-Za-z0-9][A-Za-z0-9 ._-]*$", max_length=120)
    """A short name; it titles the report and the bundle."""
    data: DataSettings
    """Where the sequences are and how they are read."""
    task: Literal["classes", "value"] = "classes"
    """What is predicted: ``classes`` = one of two or more classes per sequence; ``value`` = one or more measured numbers."""
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

    @model_validator(mode="after")
    def _settings_of_the_task(self) -> Self:
        """Settings that mean nothing for the task would be passed over in silence."""
        value, evaluation, training = self.task == "value", self.evaluation, self.training
        allowed = get_args(ValueMetric) if value else get_args(ClassMetric)
        if evaluation.primary is not None and evaluation.primary not in allowed:
            raise ValueError(f"evaluation.primary: task {self.task} has {', '.join(allowed)}, not {evaluation.primary}")
        if not isinstance(evaluation.baselines, str):
            known = REGRESSOR_NAMES if value else BASELINE_NAMES
            for name in evaluation.baselines:
                if name not in known:
                    raise ValueError(f"evaluation.baselines: task {self.task} has {', '.join(known)}, not {name}")
        if value and self.explain is not None:
            raise ValueError("explain is for classes; models of measured values cannot be explained yet")
        if value and (training.class_weights != "none" or training.label_smoothing):
            raise ValueError("training.class_weights and training.label_smoothing are for classes")
        if not value and training.loss != "auto":
            raise ValueError(f"training.loss: {training.loss} is for values (task: value)")
        if training.loss == "gaussian" and self.data.variance is None and not self.data.counts:
            raise ValueError("training.loss: gaussian needs data.variance or data.counts")
        if not value and (self.data.variance is not None or self.data.counts or evaluation.strata is not None):
            raise ValueError("data.variance, data.counts and evaluation.strata are for values (task: value)")
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
