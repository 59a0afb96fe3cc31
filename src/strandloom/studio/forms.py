"""Forms out of typed settings: every field with its help from the docstring. No page in here."""

from __future__ import annotations

import types
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import yaml
from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from strandloom.errors import UsageError

Kind = Literal["switch", "choice", "text", "group", "kinds"]


@dataclass(frozen=True)
class Entry:
    """A field of a form.

    Parameters
    ----------
    path
        Where it stands in an experiment: ``("training", "epochs")``.
    kind
        switch: yes or no; choice: one of ``options``; text: anything, in YAML; group: further settings; kinds: one of several groups.
    help
        From its docstring.
    default
        As YAML would have it; None where it has none.
    options
        Of a choice; of kinds their names.
    """

    path: tuple[str, ...]
    kind: Kind
    help: str
    default: Any
    options: tuple[str, ...] = ()

    @property
    def label(self) -> str:
        """What stands beside it."""
        return self.path[-1].replace("_", " ")


def entries(kind: type[BaseModel], path: tuple[str, ...] = (), *, leave: tuple[str, ...] = ()) -> list[Entry]:
    """The fields of a group of settings, those of groups inside it after the group.

    Parameters
    ----------
    leave
        Names of fields to leave out.
    """
    found: list[Entry] = []
    for name, field in kind.model_fields.items():
        if name in leave:
            continue
        entry, inner = _entry(field, (*path, name))
        found.append(entry)
        if inner is not None:
            found += entries(inner, (*path, name))
    return found


def _entry(field: FieldInfo, path: tuple[str, ...]) -> tuple[Entry, type[BaseModel] | None]:
    about = " ".join((field.description or "").replace("``", "").split())
    default = None if field.is_required() else field.get_default(call_default_factory=True)
    if default is PydanticUndefined:
        default = None
    if isinstance(default, BaseModel):
        default = default.model_dump(mode="json", exclude_defaults=True)
    options = _options(field.annotation)
    if field.annotation is bool:
        return Entry(path, "switch", about, default), None
    models = [x for x in options if isinstance(x, type) and issubclass(x, BaseModel)]
    literals = [x for x in options if not isinstance(x, type) and x is not None]
    types_left = [x for x in options if isinstance(x, type) and x is not type(None) and x not in models]
    if len(models) == 1 and not literals and not types_left and type(None) not in options:
        return Entry(path, "group", about, default), models[0]
    if len(models) > 1 and all("kind" in x.model_fields for x in models):
        return Entry(path, "kinds", about, default, tuple(x.model_fields["kind"].default for x in models)), None
    if literals and not types_left and not models:
        every = [*map(str, literals), *(["none"] if type(None) in options and "none" not in literals else [])]
        return Entry(path, "choice", about, default, tuple(every)), None
    return Entry(path, "text", about, default), None


def _options(annotation: Any) -> list[Any]:
    """What an annotation allows: types, literals, models."""
    origin = get_origin(annotation)
    if origin is Annotated:
        return _options(get_args(annotation)[0])
    if origin in (Union, types.UnionType):
        return [x for part in get_args(annotation) for x in _options(part)]
    if origin is Literal:
        return list(get_args(annotation))
    if origin is not None:
        return [origin]
    return [annotation]


def with_own(options: Sequence[str], value: Any) -> list[str]:
    """Options of a field and its present value, which may be none of them: then it is shown, and said to be wrong elsewhere."""
    return [*options, *([] if str(value) in options else [str(value)])]


def shown(value: Any) -> str:
    """A value as its field shows it: YAML on one line."""
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    return yaml.safe_dump(value, default_flow_style=True, width=1000).removesuffix("\n").removesuffix("\n...").strip()


def parsed(text: str) -> Any:
    """What stands in a field.

    Raises
    ------
    UsageError
        It is no YAML.
    """
    try:
        return yaml.safe_load(text)
    except (yaml.YAMLError, ValueError) as error:  # a date that is none is a ValueError
        raise UsageError(f"'{text[:60]}' cannot be read: {getattr(error, 'problem', None) or 'no YAML'}") from None


def compact(settings: BaseModel) -> dict[str, Any]:
    """Settings as they would be written by hand: what is not a default, and what says which kind they are."""
    found: dict[str, Any] = {}
    for name, field in type(settings).model_fields.items():
        value = getattr(settings, name)
        default = None if field.is_required() else field.get_default(call_default_factory=True)
        if name in ("kind", "block") or field.is_required() or value != default:
            found[name] = _written(value)
    return found


def _written(value: Any) -> Any:
    if isinstance(value, BaseModel):
        return compact(value)
    if isinstance(value, (list, tuple)):
        return [_written(x) for x in value]
    if isinstance(value, dict):
        return {key: _written(x) for key, x in value.items()}
    return value


def put(raw: dict[str, Any], path: tuple[str, ...], value: Any) -> None:
    """Put a value at its place among plain settings; None takes it out again, with groups that are empty then."""
    here, trail = raw, []
    for step in path[:-1]:
        trail.append((here, step))
        below = here.get(step)
        if not isinstance(below, dict):
            if value is None:
                return
            below = here[step] = {}
        here = below
    if value is None:
        here.pop(path[-1], None)
    else:
        here[path[-1]] = value
    for above, step in reversed(trail):
        if above[step] == {}:
            del above[step]


def get(raw: dict[str, Any], path: tuple[str, ...]) -> Any:
    """The value at a place; None where there is none."""
    here: Any = raw
    for step in path:
        if not isinstance(here, dict) or step not in here:
            return None
        here = here[step]
    return here
