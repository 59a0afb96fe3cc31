"""Checkpoints that survive ``kill -9`` between any two system calls.

``checkpoint/last.safetensors`` holds a whole training state after an epoch: tensors, and in its header one JSON text
with the rest. ``checkpoint/best-00007.safetensors`` holds the weights of the best epoch, which the last state names.
Each is written beside, synced and renamed, the best before the state that names it; older bests go last. No pickle.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from strandloom.errors import OutputError, TrainingError

FORMAT = 1
LAST = "last.safetensors"
HEADER_KEY = "strandloom"


@dataclass(frozen=True, eq=False)
class Saved:
    """A checkpoint read back: named tensors of the state, weights of the best epoch, and the JSON facts beside them."""

    tensors: dict[str, Tensor]
    best: dict[str, Tensor]
    facts: dict[str, Any]


class Checkpoints:
    """The checkpoints in a folder.

    Parameters
    ----------
    folder
        Made when the first checkpoint is written.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @property
    def last(self) -> Path:
        """Path of the last state (which may not exist yet)."""
        return self.folder / LAST

    def save(
        self, tensors: Mapping[str, Tensor], facts: Mapping[str, Any], *, best: Mapping[str, Tensor], best_epoch: int
    ) -> None:
        """Write a state, and the best weights where they are of a new epoch.

        Raises
        ------
        OutputError
            The folder cannot be written; the previous checkpoint is whole.
        """
        name = f"best-{best_epoch:05d}.safetensors"
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            if not (self.folder / name).exists():
                write_tensors(self.folder / name, best, {"epoch": best_epoch})
            write_tensors(self.last, tensors, {**facts, "format": FORMAT, "best_file": name})
            self._keep_best(name)
        except (OSError, SafetensorError) as error:
            raise OutputError(
                f"cannot write the checkpoint: {getattr(error, 'strerror', None) or error}",
                where=self.folder,
                hint="free some space and use --resume",
            ) from error

    def load(self) -> Saved | None:
        """The last state, on the CPU; None where training was stopped before its first epoch ended.

        Raises
        ------
        TrainingError
            A file is damaged or of a newer format.
        """
        if not self.last.exists():
            return None
        tensors, facts = read_tensors(self.last)
        if facts.get("format") != FORMAT:
            raise TrainingError(
                f"the checkpoint has format {facts.get('format')}, this version reads {FORMAT}", where=self.last
            )
        best, _ = read_tensors(self.folder / facts["best_file"])
        self._keep_best(facts["best_file"])  # a best newer than the state was written by an epoch that will run again
        return Saved(tensors, best, facts)

    def clear(self) -> None:
        """Remove the checkpoints: the state first, so that no state names a best that is gone."""
        self.last.unlink(missing_ok=True)
        for path in self.folder.glob("best-*.safetensors"):
            path.unlink(missing_ok=True)

    def _keep_best(self, name: str) -> None:
        for path in self.folder.glob("best-*.safetensors"):
            if path.name != name:
                path.unlink(missing_ok=True)


def replace_file(path: Path, write: Callable[[Path], object]) -> None:
    """Let ``write`` make a file beside ``path``, sync it to the disk, then rename it to ``path`` in one move."""
    beside = path.with_name(f".{path.name}.part")
    try:
        write(beside)
        with beside.open("rb+") as file:
            os.fsync(file.fileno())
        os.replace(beside, path)
    finally:
        beside.unlink(missing_ok=True)
    if os.name == "posix":  # the rename itself must reach the disk too
        handle = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def write_tensors(path: Path, tensors: Mapping[str, Tensor], facts: Mapping[str, Any]) -> None:
    """Named tensors and JSON-able facts as one safetensors file, atomically."""
    own = {name: x.detach().to("cpu", copy=True).contiguous() for name, x in tensors.items()}
    header = {HEADER_KEY: json.dumps(facts, allow_nan=False)}
    replace_file(path, lambda beside: save_file(own, beside, metadata=header))


def read_tensors(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """The inverse of :func:`write_tensors`.

    Raises
    ------
    TrainingError
        The file is missing or damaged.
    """
    try:
        with safe_open(path, framework="pt", device="cpu") as file:
            facts = json.loads((file.metadata() or {})[HEADER_KEY])
            return {name: file.get_tensor(name) for name in file.keys()}, facts  # noqa: SIM118 (not a mapping)
    except (OSError, SafetensorError, KeyError, ValueError) as error:
        raise TrainingError(
            f"the checkpoint cannot be read: {error}", where=path, hint="start anew without --resume"
        ) from error


def training_tensors(
    model: nn.Module, average: Mapping[str, Tensor], optimizer: torch.optim.Optimizer
) -> dict[str, Tensor]:
    """Everything that training changes, by name: ``model.*``, ``average.*`` and ``optimizer.<parameter>.<moment>``."""
    tensors = {f"model.{name}": x for name, x in model.state_dict().items()}
    tensors.update({f"average.{name}": x for name, x in average.items()})
    for name, parameter in model.named_parameters():
        for key, value in optimizer.state.get(parameter, {}).items():
            if isinstance(value, Tensor):
                tensors[f"optimizer.{name}.{key}"] = value
    return tensors


@torch.no_grad()
def restore_tensors(
    saved: Mapping[str, Tensor], model: nn.Module, average: Mapping[str, Tensor], optimizer: torch.optim.Optimizer
) -> None:
    """Put the tensors of :func:`training_tensors` back in place.

    Raises
    ------
    TrainingError
        They belong to another model.
    """
    for prefix, state in (("model.", model.state_dict()), ("average.", average)):
        found = {name.removeprefix(prefix): x for name, x in saved.items() if name.startswith(prefix)}
        if {k: x.shape for k, x in found.items()} != {k: x.shape for k, x in state.items()}:
            raise TrainingError(
                "the checkpoint belongs to another model", hint="resume with the experiment file it was started with"
            )
        for name, value in state.items():
            value.copy_(found[name])
    fused = bool(optimizer.defaults.get("fused"))
    for name, parameter in model.named_parameters():
        prefix = f"optimizer.{name}."
        moments: dict[str, Tensor] = {}
        for key, value in ((k.removeprefix(prefix), x) for k, x in saved.items() if k.startswith(prefix)):
            if value.shape == parameter.shape:  # same strides as the weight: fused kernels walk both in memory order
                moments[key] = torch.empty_like(parameter, dtype=value.dtype).copy_(value)
            else:
                moments[key] = value.to(parameter.device if fused else "cpu")
        if moments:
            optimizer.state[parameter] = moments
