"""A YAML file of typed settings: read with line numbers, changed by ``a.b=c``, checked, and its mistakes told in words.

Torch-free; what an experiment, a design or a search may hold is said by their own settings.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, Literal, NamedTuple, TypeVar, Union, get_args, get_origin

import yaml
from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo

from strandloom.errors import SettingsError, nearest

Kind = TypeVar("Kind", bound=BaseModel)


class SettingsFile(NamedTuple):
    """Plain settings of a file, with where each comes from."""

    raw: dict[str, Any]
    """The settings, with what replaces them."""
    where: str
    """The file, for messages."""
    lines: dict[tuple[str, ...], int]
    """The line of each setting in the file."""
    given: dict[tuple[str, ...], str]
    """The words that gave a setting outside the file."""

    def without(self, key: str) -> SettingsFile:
        """The same without one of its groups."""
        return self._replace(raw={name: value for name, value in self.raw.items() if name != key})

    def check(self, kind: type[Kind]) -> Kind:
        """The settings as a kind of settings; see :func:`check_settings`."""
        return check_settings(kind, self.raw, where=self.where, lines=self.lines, given=self.given)


def read_settings_file(
    path: str | Path, overrides: Iterable[str] = (), *, what: str, hint: str | None = None
) -> SettingsFile:
    """Read a YAML file and apply ``a.b=c`` overrides.

    Parameters
    ----------
    overrides
        Settings to replace, each ``dotted.path=value`` with the value in YAML.
    what, hint
        What the file is, for messages, and what to do when it is not there.

    Raises
    ------
    SettingsError
        The file is missing, is not YAML, or names code.
    """
    path = Path(path)
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise SettingsError(f"no such {what}", where=path, hint=hint) from None
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        raise SettingsError(
            f"the byte 0x{error.object[error.start]:02X} is not UTF-8 text",
            where=f"{path}:{line}",
            hint="save the file as UTF-8",
        ) from None
    except IsADirectoryError:
        raise SettingsError(f"this is a folder, not {_an(what)}", where=path, hint="name a YAML file") from None
    except OSError as error:
        raise SettingsError(f"the {what} cannot be read: {error.strerror or error}", where=path) from None
    raw, lines = _parse(text, str(path), what)
    return override(SettingsFile(raw, str(path), lines, {}), overrides)


def override(file: SettingsFile, overrides: Iterable[str]) -> SettingsFile:
    """Apply ``a.b=c`` overrides.

    Raises
    ------
    SettingsError
        One is not of that form, or names something inside a single value.
    """
    given = dict(file.given)
    for text in overrides:
        _override(file.raw, text)
        given[tuple(text.partition("=")[0].strip().split("."))] = f"--set {text}"
    return file._replace(given=given)


def check_settings(
    kind: type[Kind],
    raw: Mapping[str, Any],
    *,
    where: str,
    lines: Mapping[tuple[str, ...], int] | None = None,
    given: Mapping[tuple[str, ...], str] | None = None,
) -> Kind:
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
        return kind.model_validate(_filled(kind, raw) if isinstance(raw, Mapping) else raw)
    except ValidationError as error:
        raise _translate(kind, error, where, lines or {}, given or {}) from None


def _filled(kind: type[BaseModel], raw: Mapping[str, Any]) -> dict[str, Any]:
    """A heading with nothing below it means its defaults."""
    fields = kind.model_fields
    groups = {name for name, field in fields.items() if isinstance(field.default, BaseModel)}
    return {name: value for name, value in raw.items() if value is not None or name not in groups}


def _an(what: str) -> str:
    return f"an {what}" if what[0] in "aeiou" else f"a {what}"


_BEGIN = {"experiment file": "start with `name:` and `data:`"}

# ---------------------------------------------------------------------------------------------- YAML with line numbers


def _parse(text: str, where: str, what: str) -> tuple[dict[str, Any], dict[tuple[str, ...], int]]:
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
        raise SettingsError(f"{_an(what)} is a mapping of settings", where=where, hint=_BEGIN.get(what))
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
        else:
            if here.get(part) is None:  # not there, or a heading with nothing below it
                here[part] = {}
            here = here[part]
        if not isinstance(here, (dict, list)):
            whole = ".".join(parts[: i + 1])
            raise SettingsError(
                f"`--set {text}`: `{whole}` is a single value, with no `{parts[i + 1]}` in it",
                where="--set",
                hint=f"set the whole of it: --set {whole}=VALUE",
            )
    if isinstance(here, list):
        here[_index(parts[-1], here, text)] = parsed
    else:
        here[parts[-1]] = parsed


def _index(part: str, items: Sequence[Any], text: str) -> int:
    if not part.isdecimal() or int(part) >= len(items):
        allowed = f"not an index from 0 to {len(items) - 1}" if items else "no index of an empty list"
        raise SettingsError(f"`--set {text}`: `{part}` is {allowed}", where="--set")
    return int(part)


# ---------------------------------------------------------------------------------------------- pydantic errors in words


_MISFIT = re.compile(
    r"\w+_(type|parsing|parsing_size|from_float)|literal_error|finite_number|(greater|less)_than(_equal)?|too_short"
)
"""Kinds of error that a description of what is allowed answers."""


def _translate(
    kind_of: type[BaseModel],
    error: ValidationError,
    where: str,
    lines: Mapping[tuple[str, ...], int],
    given_by: Mapping[tuple[str, ...], str],
) -> SettingsError:
    first = _telling(kind_of, error)
    site = _locate(kind_of, first["loc"])
    place, kind, given = site.place, first["type"], first["input"]
    dotted = ".".join(place)
    line = next((lines[place[:n]] for n in range(len(place), -1, -1) if place[:n] in lines), None)
    spot = f"{where}:{line}" if line else where
    key = site.allowed.tag or "kind"
    asked = (*place, key) if kind.startswith("union_tag") else place
    for name, words in given_by.items():
        shared = min(len(name), len(asked))
        spot = words if name[:shared] == asked[:shared] else spot
    if kind == "extra_forbidden":
        allowed = sorted(site.group.model_fields)
        like = nearest(place[-1], allowed)
        hint = f"did you mean `{like}`?" if like else "allowed here: " + ", ".join(allowed)
        return SettingsError(f"unknown setting `{dotted}`", where=spot, hint=hint)
    if kind == "missing":
        return SettingsError(f"the setting `{dotted}` is missing", where=spot, hint=site.help)
    if kind.startswith("union_tag"):
        tags = [tag for member in site.allowed.members for tag in member.tags(key)]
        if kind == "union_tag_not_found":
            return SettingsError(f"`{dotted}` needs `{key}`", where=spot, hint="one of: " + ", ".join(tags))
        tag = first["ctx"]["tag"]
        like = nearest(str(tag), tags)
        hint = f"did you mean `{like}`? allowed: {', '.join(tags)}" if like else "allowed: " + ", ".join(tags)
        return SettingsError(f"`{dotted}.{key}` is `{tag}`, which is not known", where=spot, hint=hint)
    if first["loc"][-1:] == ("[key]",):
        return SettingsError(f"`{dotted}`: the name {given!r} is not text", where=spot, hint="put it in quotes")
    message, advice = first["msg"].removeprefix("Value error, "), site.help
    if kind == "value_error" and site.allowed.is_group:
        advice = None  # it is about several settings together, which the help of the whole group does not explain
    elif _MISFIT.fullmatch(kind):
        choices = site.allowed.in_words()
        message = "input should be " + _either(choices)
        meant = nearest(given, [c.strip("'") for c in choices if c[0] == "'"]) if isinstance(given, str) else None
        advice = f"did you mean `{meant}`?" if meant else advice
    shown = f" (given: {given!r})" if isinstance(given, (str, int, float, bool)) or given is None else ""
    what = f"`{dotted}`: " if dotted else ""
    return SettingsError(f"{what}{message[:1].lower() + message[1:]}{shown}", where=spot, hint=advice)


def _telling(kind_of: type[BaseModel], error: ValidationError) -> Any:
    """The error to report: an unknown key, else the first one.

    Where a setting may have one of several types, pydantic reports on each: the one that came furthest is what was meant.
    """
    errors = error.errors(include_url=False)
    first = next((e for e in errors if e["type"] == "extra_forbidden"), None)
    if first is not None:
        return first
    first = errors[0]
    fork = _locate(kind_of, first["loc"]).fork
    if fork is None:
        return first
    rivals = [e for e in errors if e["loc"][:fork] == first["loc"][:fork]]
    return max(rivals, key=lambda e: (len(e["loc"]), _MISFIT.fullmatch(e["type"]) is None))


class _Type(NamedTuple):
    """The type of a setting with what ``Annotated`` and ``Field`` say of it."""

    core: Any
    bounds: tuple[Any, ...] = ()
    tag: str | None = None
    """The key that tells the members of a union apart, where one does."""

    @classmethod
    def of(cls, annotation: Any, *marks: Any) -> _Type:
        """Read an annotation; ``marks`` are what surrounds it."""
        if get_origin(annotation) is Annotated:
            inner, *more = get_args(annotation)
            return cls.of(inner, *marks, *more)
        fields = [m for m in marks if isinstance(m, FieldInfo)]
        bounds = [m for m in marks if not isinstance(m, FieldInfo)] + [m for f in fields for m in f.metadata]
        return cls(annotation, tuple(bounds), next((str(f.discriminator) for f in fields if f.discriminator), None))

    @property
    def is_group(self) -> bool:
        """Whether it is a group of settings."""
        return isinstance(self.core, type) and issubclass(self.core, BaseModel)

    @property
    def members(self) -> list[_Type]:
        """What a union may be, None included; empty for other types."""
        union = get_origin(self.core) in (Union, UnionType)
        return [_Type.of(member, *self.bounds) for member in get_args(self.core)] if union else []

    def tags(self, key: str) -> tuple[str, ...]:
        """The values of ``key`` that mean this member of a union."""
        return get_args(self.core.model_fields[key].annotation) if self.is_group else ()

    def member(self, part: int | str) -> _Type:
        """The member of a union that pydantic names so in a location."""
        for member in self.members:
            outer = get_origin(member.core)
            if self.tag is not None and part in member.tags(self.tag):
                return member
            if self.tag is None and (outer or member.core) in (tuple, dict) and str(part).startswith(outer.__name__):
                return member
            if self.tag is None and member.is_group and member.core.__name__ == part:
                return member
        return _Type(None)  # a single value, with nothing inside

    def in_words(self, *, many: bool = False) -> list[str]:
        """What is allowed, an alternative each; lists last."""
        inside = get_args(self.core)
        if self.members:
            found = dict.fromkeys(words for member in self.members for words in member.in_words(many=many))
            return sorted(found, key=lambda words: words.startswith(("a list", "lists")))
        if get_origin(self.core) is Literal:
            return [repr(value) for value in inside]
        if self.core in (None, type(None)):
            return ["null"]
        if self.core is bool:
            return ["true", "false"]
        if self.core in (int, float):
            noun = "whole number" if self.core is int else "number"
            return [(f"{noun}s" if many else f"a {noun}") + self._range()]
        if get_origin(self.core) is tuple:
            least = next((m.min_length for m in self.bounds if hasattr(m, "min_length")), 0)
            count = f"{least} or more " if least else "" if inside[-1] is Ellipsis else f"{len(inside)} "
            return [f"{'lists' if many else 'a list'} of {count}{_either(_Type.of(inside[0]).in_words(many=True))}"]
        if get_origin(self.core) is dict or self.is_group:
            return ["mappings of settings" if many else "a mapping of settings"]
        return ["texts" if many else "text"]

    def _range(self) -> str:
        signs = {"ge": "≥", "gt": ">", "le": "≤", "lt": "<"}
        found = {name: getattr(m, name) for m in self.bounds for name in signs if hasattr(m, name)}
        if found.keys() == {"ge", "le"}:
            return f" from {found['ge']} to {found['le']}"
        return "".join(f"{' and' if i else ''} {signs[name]} {found[name]}" for i, name in enumerate(found))


class _Site(NamedTuple):
    """Where a location of pydantic leads."""

    place: tuple[str, ...]
    """Its keys in the file, without what pydantic inserts for unions."""
    allowed: _Type
    """What may stand there."""
    group: type[BaseModel]
    """The innermost group of settings around it."""
    help: str | None
    """The docstring of the setting, or of the one that holds it."""
    fork: int | None
    """Parts of the location before the first union without a tag; None where it passes none."""


def _locate(kind_of: type[BaseModel], loc: tuple[int | str, ...]) -> _Site:
    place: list[str] = []
    here = ends = _Type(kind_of)
    group: type[BaseModel] = kind_of
    about: str | None = None
    fork: int | None = None
    for depth, part in enumerate(loc):
        some = [member for member in here.members if member.core is not type(None)]
        if len(some) == 1:  # `X | None` has no part of its own in a location
            here = some[0]
        if here.members:
            if here.tag is None and fork is None:
                fork = depth
            ends, here = here, here.member(part)
            ends = ends if ends.tag is None else here
            continue
        if here.is_group:
            group = here.core
            field = group.model_fields.get(str(part))
            here = _Type(None) if field is None else _Type.of(field.annotation, field)
            about = (field and field.description) or about
        elif get_origin(here.core) is tuple:
            inside = get_args(here.core)
            here = _Type.of(inside[0] if inside[-1] is Ellipsis else inside[int(part)])
        elif get_origin(here.core) is dict:
            here = _Type.of(get_args(here.core)[1])
        else:
            continue
        place.append(str(part))
        ends = here
    return _Site(tuple(place), ends, group, " ".join(about.split()) if about else None, fork)


def _either(words: Sequence[str]) -> str:
    return " or ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)
