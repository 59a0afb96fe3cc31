"""What a search may choose: values drawn for names, and the experiment that they make."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol

import yaml

from strandloom.errors import SettingsError
from strandloom.experiment import Experiment, RangeSettings, SearchSettings, check_experiment
from strandloom.models.published import leader_blocks

CUPERUS: dict[str, tuple[Any, ...]] = {
    "width": (9, 13, 17, 25),
    "filters": (32, 64, 128, 256),
    "conv_layers": (2, 3, 4),
    "dense_layers": (1, 2),
    "conv_dropout": (0.0, 0.15),
    "dense_dropout": (0.0, 0.1, 0.25, 0.5),
    "dense_units": (32, 64, 128, 256),
}
"""The search space of the yeast 5′UTR network (Cuperus et al. 2017, notebook 1 of the authors' repository)."""


class Asker(Protocol):
    """What draws values: a trial."""

    def suggest_categorical(self, name: str, choices: Any) -> Any:
        """One of some values."""

    def suggest_int(self, name: str, low: int, high: int, *, step: int = 1, log: bool = False) -> int:
        """A whole number."""

    def suggest_float(
        self, name: str, low: float, high: float, *, step: float | None = None, log: bool = False
    ) -> float:
        """A number."""


def cuperus_model(values: Mapping[str, Any]) -> dict[str, Any]:
    """The network of one point of the published space."""
    return {"kind": "layers", "blocks": leader_blocks(**values)}


PRESETS: dict[str, tuple[dict[str, tuple[Any, ...]], Callable[[Mapping[str, Any]], dict[str, Any]]]] = {
    "cuperus_utr": (CUPERUS, cuperus_model)
}


def names_of(search: SearchSettings) -> tuple[str, ...]:
    """Names of what is chosen, in order."""
    preset = () if search.preset is None else tuple(PRESETS[search.preset][0])
    return (*preset, *search.space)


def draw(search: SearchSettings, trial: Asker) -> dict[str, Any]:
    """Values of every name, as a trial suggests them."""
    values: dict[str, Any] = {}
    if search.preset is not None:
        for name, choices in PRESETS[search.preset][0].items():
            values[name] = trial.suggest_categorical(name, list(choices))
    for name, found in search.space.items():
        if not isinstance(found, RangeSettings):
            if all(x is None or isinstance(x, (bool, int, float, str)) for x in found):
                values[name] = trial.suggest_categorical(name, list(found))
            else:  # lists and mappings are told apart by their text
                texts = {_short(x): x for x in found}
                values[name] = texts[trial.suggest_categorical(name, list(texts))]
        elif (
            isinstance(found.low, int)
            and isinstance(found.high, int)
            and (found.step is None or found.step == int(found.step))
        ):
            step = 1 if found.step is None else int(found.step)
            values[name] = trial.suggest_int(name, found.low, found.high, step=step, log=found.log)
        else:
            values[name] = trial.suggest_float(
                name, float(found.low), float(found.high), step=found.step, log=found.log
            )
    return values


def made(experiment: Experiment, search: SearchSettings, values: Mapping[str, Any]) -> Experiment:
    """The experiment with values in their places, and without a search.

    Raises
    ------
    SettingsError
        A value is not allowed where it stands.
    """
    raw = experiment.model_dump(mode="json")
    raw["search"] = None
    if search.preset is not None:
        raw["model"] = PRESETS[search.preset][1](values)
    for name in search.space:
        _put(raw, name, values[name])
    given = {tuple(name.split(".")): f"search.space.{name}" for name in search.space}
    return check_experiment(raw, where="search", given=given)


def check_space(experiment: Experiment, search: SearchSettings) -> None:
    """Try every value alone, so that a mistake is told before the first trial.

    Raises
    ------
    SettingsError
        A name is no setting, or a value is not allowed; the place is said.
    """
    for name, found in search.space.items():
        tried = (found.low, found.high) if isinstance(found, RangeSettings) else found
        for value in tried:
            raw = experiment.model_dump(mode="json")
            raw["search"] = None
            _put(raw, name, value)
            check_experiment(raw, where="search", given={tuple(name.split(".")): f"search.space.{name}"})


def _put(raw: dict[str, Any], name: str, value: Any) -> None:
    *path, last = name.split(".")
    here: Any = raw
    try:
        for part in path:
            here = here[int(part)] if isinstance(here, list) else here[part]
        if isinstance(here, list):
            here[int(last)] = value
        else:
            here[last] = value
    except (KeyError, IndexError, ValueError, TypeError):
        raise SettingsError(
            "there is no such setting in this experiment",
            where=f"search.space.{name}",
            hint="names are those of the experiment file, such as training.optimizer.learning_rate or model.blocks.0.filters",
        ) from None


def _short(value: Any) -> str:
    return yaml.safe_dump(value, default_flow_style=True, sort_keys=False).strip()
