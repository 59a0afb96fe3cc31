"""The experiment file: one YAML that says everything a run needs.

It only composes the typed settings of the floors below and turns mistakes in a file into one clear message. Torch-free.
"""

from __future__ import annotations

import typing
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel, Field, ValidationError

from strandloom.data.settings import DataSettings
from strandloom.data.split.settings import SplitSettings, StratifiedSplit
from strandloom.errors import SettingsError, nearest
from strandloom.evaluation.settings import EvaluationSettings
from strandloom.models.settings import ModelSettings, ResidualSettings
from strandloom.settings import Settings
from strandloom.training.settings import TrainingSettings


class Experiment(Settings):
    """A whole experiment: data, split, model, training and evaluation."""

    name: str = Field(default="experiment", pattern=r"^[A-Za-z0-9][A-Za-z0-9 ._-]*$", max_length=120)
    """A short name; it titles the report and the bundle."""
    data: DataSettings
    """Where the sequences are and how they are read."""
    task: Literal["classes"] = "classes"
    """What is predicted: ``classes`` = one of two or more classes per sequence."""
    split: SplitSettings = StratifiedSplit()
    """How rows are divided into train, validation and test."""
    model: ModelSettings = ResidualSettings()
    """The network."""
    training: TrainingSettings = TrainingSettings()
    """How it is trained."""
    evaluation: EvaluationSettings = EvaluationSettings()
    """How it is judged."""


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
    path = Path(path)
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise SettingsError(
            "no such experiment file", where=path, hint="`strandloom init TABLE --out EXP.yaml` writes one"
        ) from None
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        raise SettingsError(
            f"the byte 0x{error.object[error.start]:02X} is not UTF-8 text",
            where=f"{path}:{line}",
            hint="save the file as UTF-8",
        ) from None
    except IsADirectoryError:
        raise SettingsError("this is a folder, not an experiment file", where=path, hint="name a YAML file") from None
    except OSError as error:
        raise SettingsError(f"the experiment file cannot be read: {error.strerror or error}", where=path) from None
    raw, lines = _parse(text, str(path))
    given: dict[tuple[str, ...], str] = {}
    for override in overrides:
        _override(raw, override)
        given[tuple(override.partition("=")[0].strip().split("."))] = f"--set {override}"
    return check_experiment(raw, where=str(path), lines=lines, given=given)


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
    try:
        return Experiment.model_validate(raw)
    except ValidationError as error:
        raise _translate(error, raw, where, lines or {}, given or {}) from None


def to_yaml(experiment: Experiment) -> str:
    """The resolved experiment as YAML; reading it back gives the same experiment."""
    return yaml.safe_dump(experiment.model_dump(mode="json"), sort_keys=False, allow_unicode=True, width=120)


def json_schema() -> dict[str, Any]:
    """The JSON schema of the experiment file, field docstrings as descriptions."""
    schema = Experiment.model_json_schema()
    schema["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    schema["title"] = "strandloom experiment"
    return schema


# ---------------------------------------------------------------------------------------------- YAML with line numbers


def _parse(text: str, where: str) -> tuple[dict[str, Any], dict[tuple[str, ...], int]]:
    lines: dict[tuple[str, ...], int] = {}
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
        if node is not None:
            _note_lines(node, (), lines, where)
        raw = yaml.safe_load(text)
    except yaml.constructor.ConstructorError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise SettingsError(
            "the file tries to name code or an unknown YAML tag; only plain values are allowed",
            where=f"{where}:{line}",
            hint="remove the `!…` tag",
        ) from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = mark.line + 1 if mark else 1
        problem = getattr(error, "problem", None) or "not valid YAML"
        raise SettingsError(
            f"not valid YAML: {problem}", where=f"{where}:{line}", hint="check indentation, colons and quotes"
        ) from None
    if not isinstance(raw, dict):
        raise SettingsError(
            "an experiment file is a mapping of settings", where=where, hint="start with `name:` and `data:`"
        )
    return raw, lines


def _note_lines(node: yaml.Node, place: tuple[str, ...], lines: dict[tuple[str, ...], int], where: str) -> None:
    lines.setdefault(place, node.start_mark.line + 1)
    if isinstance(node, yaml.MappingNode):
        seen: set[str] = set()
        for key, value in node.value:
            name = str(key.value)
            if name in seen:
                raise SettingsError(f"the key `{name}` stands twice", where=f"{where}:{key.start_mark.line + 1}")
            seen.add(name)
            lines[(*place, name)] = key.start_mark.line + 1
            _note_lines(value, (*place, name), lines, where)
    elif isinstance(node, yaml.SequenceNode):
        for i, value in enumerate(node.value):
            _note_lines(value, (*place, str(i)), lines, where)


def _override(raw: dict[str, Any], text: str) -> None:
    name, equals, value = text.partition("=")
    if not equals or not name.strip():
        raise SettingsError(
            f"`--set {text}` is not of the form a.b=value", where="--set", hint="for example --set training.epochs=5"
        )
    try:
        parsed = yaml.safe_load(value)
    except yaml.YAMLError:
        raise SettingsError(f"the value of `--set {text}` is not valid YAML", where="--set") from None
    parts = name.strip().split(".")
    here: Any = raw
    for i, part in enumerate(parts[:-1]):
        if isinstance(here, list):
            here = here[_index(part, here, text)]
            continue
        if not isinstance(here.get(part), (dict, list)):
            here[part] = {}
        here = here[part]
        if not isinstance(here, (dict, list)):
            raise SettingsError(f"`{'.'.join(parts[: i + 1])}` is a single value", where="--set")
    if isinstance(here, list):
        here[_index(parts[-1], here, text)] = parsed
    else:
        here[parts[-1]] = parsed


def _index(part: str, items: Sequence[Any], text: str) -> int:
    if not part.isdigit() or int(part) >= len(items):
        raise SettingsError(f"`--set {text}`: `{part}` is not an index from 0 to {len(items) - 1}", where="--set")
    return int(part)


# ---------------------------------------------------------------------------------------------- pydantic errors in words


def _translate(
    error: ValidationError,
    raw: Any,
    where: str,
    lines: Mapping[tuple[str, ...], int],
    given_by: Mapping[tuple[str, ...], str],
) -> SettingsError:
    first = next((e for e in error.errors() if e["type"] == "extra_forbidden"), error.errors()[0])
    place = _place_in(raw, first["loc"])
    dotted = ".".join(place)
    line = next((lines[place[:n]] for n in range(len(place), -1, -1) if place[:n] in lines), None)
    spot = f"{where}:{line}" if line else where
    asked = place
    if first["type"] in ("union_tag_invalid", "union_tag_not_found"):
        asked = (*place, str(first.get("ctx", {}).get("discriminator", "kind")).strip("'"))
    for name, words in given_by.items():
        shared = min(len(name), len(asked))
        spot = words if name[:shared] == asked[:shared] else spot
    if first["type"] == "extra_forbidden":
        allowed = sorted(_allowed(first["loc"]))
        like = nearest(place[-1], allowed)
        hint = f"did you mean `{like}`?" if like else "allowed here: " + ", ".join(allowed)
        return SettingsError(f"unknown setting `{dotted}`", where=spot, hint=hint)
    if first["type"] == "missing":
        return SettingsError(f"the setting `{dotted}` is missing", where=spot, hint=_help_of(first["loc"]))
    if first["type"] in ("union_tag_invalid", "union_tag_not_found"):
        context = first.get("ctx", {})
        tags = [t.strip(" '") for t in str(context.get("expected_tags", "")).split(",") if t.strip(" '")]
        key = str(context.get("discriminator", "kind")).strip("'")
        if first["type"] == "union_tag_not_found":
            return SettingsError(f"`{dotted}` needs `{key}`", where=spot, hint="one of: " + ", ".join(tags))
        like = nearest(str(context.get("tag")), tags)
        hint = f"did you mean `{like}`? allowed: {', '.join(tags)}" if like else "allowed: " + ", ".join(tags)
        return SettingsError(f"`{dotted}.{key}` is `{context.get('tag')}`, which is not known", where=spot, hint=hint)
    message = first["msg"].removeprefix("Value error, ").replace(", unable to parse string as an integer", "")
    message = message.replace(", unable to parse string as a number", "")
    given = first.get("input")
    shown = f" (given: {given!r})" if isinstance(given, (str, int, float, bool)) or given is None else ""
    text = f"`{dotted}`: {message[:1].lower() + message[1:]}{shown}"
    meant = None
    if isinstance(given, str) and first["type"] == "literal_error":
        expected = str(first.get("ctx", {}).get("expected", "")).replace("'", "").replace(" or ", ", ")
        meant = nearest(given, expected.split(", "))
    return SettingsError(text, where=spot, hint=f"did you mean `{meant}`?" if meant else _help_of(first["loc"]))


def _place_in(raw: Any, loc: tuple[int | str, ...]) -> tuple[str, ...]:
    """Pydantic's location without the union tags it inserts."""
    place: list[str] = []
    here = raw
    for i, part in enumerate(loc):
        if isinstance(here, Mapping):
            if part in here:
                here = here[part]
            elif i < len(loc) - 1:
                continue  # a union tag
        elif isinstance(here, (list, tuple)) and isinstance(part, int) and part < len(here):
            here = here[part]
        else:
            continue
        place.append(str(part))
    return tuple(place) or tuple(str(p) for p in loc)


def _models(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [m for argument in typing.get_args(annotation) for m in _models(argument)]


def _walk(loc: tuple[int | str, ...]) -> list[type[BaseModel]]:
    """The models that may stand at a location."""
    here: list[type[BaseModel]] = [Experiment]
    for part in loc:
        stepped = [
            m for model in here if part in model.model_fields for m in _models(model.model_fields[str(part)].annotation)
        ]
        if stepped:
            here = stepped
            continue
        tagged = [
            m for m in here if any(f.default == part for n, f in m.model_fields.items() if n in ("kind", "block"))
        ]
        here = tagged or here
    return here


def _allowed(loc: tuple[int | str, ...]) -> set[str]:
    return {name for model in _walk(loc[:-1]) for name in model.model_fields}


def _help_of(loc: tuple[int | str, ...]) -> str | None:
    """The docstring of the setting at a location, or of the one that holds it."""
    for n in range(len(loc), 0, -1):
        for model in _walk(loc[: n - 1]):
            found = model.model_fields.get(str(loc[n - 1]))
            if found is not None and found.description:
                return " ".join(found.description.split())
    return None
