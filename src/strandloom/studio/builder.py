"""A network built from blocks: adding, moving, copying, and what each block leaves, live; YAML both ways. No page in here."""

from __future__ import annotations

import copy
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, get_args

import yaml
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from strandloom.errors import SettingsError, UsageError
from strandloom.models import settings as s
from strandloom.settings_file import check_settings

Block = dict[str, Any]
Path = tuple[int | str, ...]
"""Where a block stands: ``(3,)``, or ``(3, "branches", 0, 2)``, ``(3, "blocks", 1)`` inside others."""

BLOCKS: tuple[type[BaseModel], ...] = get_args(get_args(s.BlockSettings)[0])
"""Every kind of block."""
KINDS: dict[str, type[BaseModel]] = {kind.model_fields["block"].default: kind for kind in BLOCKS}
ARCHITECTURES: dict[str, type[BaseModel]] = {
    kind.model_fields["kind"].default: kind
    for kind in get_args(get_args(s.ModelSettings)[0])
    if kind is not s.ModuleSettings
}
"""Every architecture that a file can name."""
_FIRST: dict[str, Block] = {
    "conv": {"filters": 128, "width": 13},
    "pool": {"size": 2},
    "dropout": {"rate": 0.15},
    "bilstm": {"units": 64},
    "dense": {"units": 64},
    "parallel": {
        "branches": [[{"block": "conv", "filters": 32, "width": 7}], [{"block": "conv", "filters": 32, "width": 15}]]
    },
    "residual": {"blocks": [{"block": "norm"}, {"block": "activation"}]},
}
"""What a block begins with where it needs a number."""


def _conv(width: int = 13, padding: str = "valid") -> list[Block]:
    return [
        {"block": "conv", "filters": 128, "width": width, "padding": padding},
        {"block": "activation"},
        {"block": "dropout", "rate": 0.15},
    ]


PRESETS: dict[str, dict[str, Any]] = {
    "residual (the default)": {"kind": "residual"},
    "multi-scale with attention": {"kind": "multiscale"},
    "multi-scale as in the tutorial": {"kind": "multiscale_tutorial"},
    "yeast 5′UTR, the authors' winner": {"kind": "utr"},
    "yeast 5′UTR, its replication": {"kind": "utr", "padding": "valid"},
    "DeepSEA": {"kind": "deepsea"},
    "DanQ": {"kind": "danq"},
    "three convolutions, block by block": {
        "kind": "layers",
        "blocks": [
            {"block": "pad", "left": 10, "right": 10},
            *_conv(), *_conv(padding="same"), *_conv(padding="same"),
            {"block": "flatten"}, {"block": "dense", "units": 64}, {"block": "activation"}, {"block": "dropout", "rate": 0.15},
        ],
    },
    "source tracking, block by block": {
        "kind": "layers",
        "blocks": [
            {"block": "conv", "filters": 512, "width": 20}, {"block": "activation"}, {"block": "pool", "size": 2}, {"block": "flatten"},
            {"block": "dense", "units": 256}, {"block": "activation"}, {"block": "dropout", "rate": 0.5},
        ],
    },
    "empty": {
        "kind": "layers",
        "blocks": [{"block": "conv", "filters": 64, "width": 9}, {"block": "activation"}, {"block": "global_pool"}],
    },
}  # fmt: skip
"""Models to begin with, by what they are called."""


@dataclass(frozen=True)
class Line:
    """A block as the builder shows it.

    Parameters
    ----------
    path
        Where it stands.
    block
        Its kind.
    settings
        In words, those that are not defaults.
    shape
        What leaves it; empty where it could not be found.
    parameters
        Its weights.
    problem, hint
        What is wrong with it; empty where nothing is.
    """

    path: Path
    block: str
    settings: str
    shape: str = ""
    parameters: int | None = None
    problem: str = ""
    hint: str = ""


@dataclass(frozen=True)
class Built:
    """A model as the builder shows it.

    Parameters
    ----------
    lines
        Its blocks in order, those inside others after the one that holds them.
    output
        The last layer.
    parameters
        All weights; None where there is a problem.
    problem, hint
        What is wrong with the whole.
    """

    lines: list[Line]
    output: str
    parameters: int | None
    problem: str = ""
    hint: str = ""

    @property
    def sound(self) -> bool:
        """Whether it can be trained."""
        return self.parameters is not None


def build(model: dict[str, Any], *, length: int, outputs: int) -> Built:
    """What a model leaves block by block, without computing anything.

    Parameters
    ----------
    model
        As in an experiment file.
    length, outputs
        Bases of the input and raw scores.
    """
    from strandloom.models.build import describe

    try:
        settings: Any = check_settings(_Holder, {"model": model}, where="model").model
        reports = describe(settings, channels=4, length=length, outputs=outputs)
    except SettingsError as error:
        return _broken(model, error, length=length, outputs=outputs)
    total = sum(x.parameters for x in reports)
    if settings.kind != "layers":
        lines = [Line((x.name,), x.name, x.settings, x.output_shape, x.parameters) for x in reports]
        return Built(lines, f"({outputs},)", total)
    by_path = {x.name.split(" ")[0]: x for x in reports}
    lines = []
    for path, block in walk(model["blocks"]):
        found = by_path[_address(path)]
        lines.append(Line(path, block["block"], found.settings, found.output_shape, found.parameters))
    return Built(lines, f"({outputs},)", total)


class _Holder(BaseModel):
    """A model on its own, for checking."""

    model: s.ModelSettings


def walk(blocks: Sequence[Block], path: Path = ()) -> list[tuple[Path, Block]]:
    """Every block with where it stands, a holder before what it holds."""
    found: list[tuple[Path, Block]] = []
    for i, block in enumerate(blocks):
        own = (*path, i)
        found.append((own, block))
        for j, branch in enumerate(block.get("branches", ())):
            found += walk(branch, (*own, "branches", j))
        found += walk(block.get("blocks", ()), (*own, "blocks"))
    return found


def add(model: dict[str, Any], kind: str, *, where: Path) -> dict[str, Any]:
    """A model with a new block at a place.

    Raises
    ------
    UsageError
        There is no such kind, or no such place.
    """
    if kind not in KINDS:
        raise UsageError(f"there is no block '{kind}'", hint=", ".join(KINDS))
    return paste(model, {"block": kind, **copy.deepcopy(_FIRST.get(kind, {}))}, where=where)


def paste(model: dict[str, Any], block: Block, *, where: Path) -> dict[str, Any]:
    """A model with a copy of a block at a place."""
    changed = copy.deepcopy(model)
    siblings, index = _siblings(changed, where, beyond=True)
    siblings.insert(index, copy.deepcopy(block))
    return changed


def at(model: dict[str, Any], path: Path) -> Block:
    """The block at a place.

    Raises
    ------
    UsageError
        There is none.
    """
    siblings, index = _siblings(model, path)
    return siblings[index]


def remove(model: dict[str, Any], path: Path) -> dict[str, Any]:
    """A model without a block."""
    changed = copy.deepcopy(model)
    siblings, index = _siblings(changed, path)
    del siblings[index]
    return changed


def move(model: dict[str, Any], path: Path, *, by: int) -> dict[str, Any]:
    """A model with a block moved among its neighbours."""
    changed = copy.deepcopy(model)
    siblings, index = _siblings(changed, path)
    target = min(max(index + by, 0), len(siblings) - 1)
    siblings.insert(target, siblings.pop(index))
    return changed


def change(model: dict[str, Any], path: Path, name: str, value: Any) -> dict[str, Any]:
    """A model with a setting of a block changed; a default is left out."""
    changed = copy.deepcopy(model)
    block = at(changed, path)
    kind = KINDS[block["block"]]
    if name not in kind.model_fields:
        raise UsageError(f"{block['block']} has no setting '{name}'", hint=", ".join(kind.model_fields))
    if value == kind.model_fields[name].default:
        block.pop(name, None)
    else:
        block[name] = value
    return changed


def add_branch(model: dict[str, Any], path: Path) -> dict[str, Any]:
    """A model with one more branch in a parallel block: a copy of its last."""
    changed = copy.deepcopy(model)
    block = at(changed, path)
    if block["block"] != "parallel":
        raise UsageError("only a parallel block has branches")
    block["branches"].append(copy.deepcopy(block["branches"][-1]))
    return changed


def fields_of(kind: str) -> dict[str, FieldInfo]:
    """The settings of a kind of block that a form can show: not its name nor the blocks it holds."""
    return {
        name: field for name, field in KINDS[kind].model_fields.items() if name not in ("block", "branches", "blocks")
    }


def to_yaml(model: dict[str, Any]) -> str:
    """A model as it stands in an experiment file."""
    return yaml.safe_dump({"model": model}, sort_keys=False, allow_unicode=True, default_flow_style=None, width=100)


def from_yaml(text: str) -> dict[str, Any]:
    """The model of a text in YAML.

    Raises
    ------
    SettingsError
        It is none; a mistake inside a model is not looked for here.
    """
    try:
        raw = yaml.safe_load(text)
    except (yaml.YAMLError, ValueError) as error:
        place = getattr(error, "problem_mark", None)
        line = f"line {place.line + 1}" if place is not None else None
        raise SettingsError(f"this is not YAML: {getattr(error, 'problem', None) or error}", where=line) from None
    model = raw.get("model", raw) if isinstance(raw, dict) else raw
    if not isinstance(model, dict) or not isinstance(model.get("kind"), str):
        raise SettingsError("a model is a mapping with its kind", hint="model: {kind: residual}")
    if model["kind"] not in ARCHITECTURES:
        raise SettingsError(f"there is no model of kind '{model['kind'][:60]}'", hint=", ".join(ARCHITECTURES))
    if model["kind"] == "layers":
        _check_blocks(model.get("blocks"))
    return model


def _check_blocks(blocks: Any) -> None:
    """The form of blocks, so that they can be walked."""
    if not isinstance(blocks, list):
        raise SettingsError("blocks is a list of blocks", hint="blocks: [{block: conv, filters: 64, width: 9}]")
    for block in blocks:
        if not isinstance(block, dict) or not isinstance(block.get("block"), str):
            raise SettingsError("a block is a mapping with its kind", hint="{block: conv, filters: 64, width: 9}")
        if block["block"] not in KINDS:
            raise SettingsError(f"there is no block '{block['block'][:60]}'", hint=", ".join(KINDS))
        if not isinstance(block.get("branches", []), list):
            raise SettingsError("branches is a list of lists of blocks")
        for branch in block.get("branches", ()):
            _check_blocks(branch)
        if "blocks" in block:
            _check_blocks(block["blocks"])


def _siblings(model: dict[str, Any], path: Path, *, beyond: bool = False) -> tuple[list[Block], int]:
    """The list that a place is in, and its index there."""
    here: Any = model.get("blocks")
    try:
        for step in path[:-1]:
            here = here[step]
        index = path[-1]
        if isinstance(here, list) and isinstance(index, int) and 0 <= index < len(here) + beyond:
            return here, index
    except (KeyError, IndexError, TypeError):
        pass
    raise UsageError("there is no block at this place")


def _address(path: Path) -> str:
    """``model.blocks[3].branches[0][2]``, as errors and reports name a block."""
    text = "model.blocks"
    for step in path:
        text += f"[{step}]" if isinstance(step, int) else f".{step}"
    return text


def _broken(model: dict[str, Any], error: SettingsError, *, length: int, outputs: int) -> Built:
    """Blocks with the problem where it is, and shapes of those before it."""
    where = error.where or ""
    if model.get("kind") != "layers" or not isinstance(model.get("blocks"), list):
        return Built([], f"({outputs},)", None, error.message, error.hint or "")
    message = error.message
    if told := re.match(r"`model((?:\.\w+)*)`: ", message):  # a setting that is wrong in itself: `model.blocks.1.width`
        where = "model" + "".join(f"[{x}]" if x.isdigit() else f".{x}" for x in told.group(1).split(".")[1:])
        message = f"{where.rpartition('.')[2]}: {message[told.end() :]}"
    found = re.search(r"blocks(?:\[\d+\]|\.\w+)*", where)
    address = f"model.{found.group(0)}" if found else ""
    every = walk(model["blocks"])
    guilty = max(
        (
            path
            for path, _ in every
            if address == _address(path) or address.startswith((_address(path) + ".", _address(path) + "["))
        ),
        key=len,
        default=None,
    )
    shapes = _shapes_before(model, guilty, length=length)
    lines = []
    for path, block in every:
        problem = (message, error.hint or "") if path == guilty else ("", "")
        words = ", ".join(f"{k} {v}" for k, v in block.items() if k not in ("block", "branches", "blocks"))
        shape, weights = shapes.get(path, ("", None))
        lines.append(Line(path, block["block"], words, shape, weights, *problem))
    whole = ("", "") if guilty is not None else (message, error.hint or "")
    return Built(lines, f"({outputs},)", None, *whole)


def _shapes_before(model: dict[str, Any], guilty: Path | None, *, length: int) -> dict[Path, tuple[str, int | None]]:
    """Shapes and weights of the outer blocks before a broken one, by building those alone."""
    from strandloom.models.build import describe

    blocks = model["blocks"] if guilty is None else model["blocks"][: int(guilty[0])]
    for ending in ([], [{"block": "flatten"}]):
        if not blocks and not ending:
            continue
        try:
            holder = check_settings(_Holder, {"model": {"kind": "layers", "blocks": [*blocks, *ending]}}, where="model")
            reports = describe(holder.model, channels=4, length=length, outputs=1)
        except SettingsError:
            continue
        by_path = {x.name.split(" ")[0]: x for x in reports}
        return {
            path: (by_path[_address(path)].output_shape, by_path[_address(path)].parameters) for path, _ in walk(blocks)
        }
    return {}
