"""Settings to modules, and a description of what was built."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from strandloom.errors import SettingsError
from strandloom.models.layers import Layers
from strandloom.models.multiscale import Multiscale
from strandloom.models.published import blocks_of
from strandloom.models.residual import Residual
from strandloom.models.settings import (
    DanqSettings,
    DeepSeaSettings,
    LayersSettings,
    ModelSettings,
    ModuleSettings,
    MultiscaleSettings,
    ResidualSettings,
    UtrSettings,
)
from strandloom.models.tutorial import Tutorial


class Counts(NamedTuple):
    """Weights of a network: those trained, and all that are stored (with batch-norm statistics)."""

    trainable: int
    total: int


class BlockReport(NamedTuple):
    """One block of a network: where it stands, its settings in words, what leaves it, and its own weights."""

    name: str
    settings: str
    output_shape: str
    parameters: int


def build(settings: ModelSettings, *, channels: int, length: int, outputs: int, seed: int = 0) -> nn.Module:
    """The network of ``settings``, freshly initialised; the global random state stays as it was.

    Parameters
    ----------
    settings
        Any of the architectures.
    channels
        Input channels C (4 for DNA).
    length
        Bases L of the input.
    outputs
        Raw scores K.
    seed
        Seed of the initial weights.

    Returns
    -------
    nn.Module
        Maps one-hot float ``(B, C, L)``, whose all-zero columns are padding, to raw scores ``(B, K)``.

    Raises
    ------
    SettingsError
        The settings do not make a network for this input.
    """
    for name, value in (("channels", channels), ("length", length), ("outputs", outputs)):
        if value < 1:
            raise SettingsError(f"a network needs {name} of at least 1, not {value}", where="model")
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)  # torch.manual_seed would reach the devices' generators too
        return _make(settings, channels=channels, length=length, outputs=outputs)


def _make(settings: ModelSettings, *, channels: int, length: int, outputs: int) -> nn.Module:
    match settings:
        case ResidualSettings():
            return Residual(settings, channels=channels, length=length, outputs=outputs)
        case MultiscaleSettings():
            return Multiscale(settings, channels=channels, outputs=outputs)
        case LayersSettings():
            return Layers(settings, channels=channels, length=length, outputs=outputs)
        case UtrSettings() | DeepSeaSettings() | DanqSettings():
            return Layers(blocks_of(settings), channels=channels, length=length, outputs=outputs)
        case ModuleSettings():
            raise SettingsError(
                "a custom network cannot be built from settings",
                where="model.kind",
                hint="pass the nn.Module itself in Python, or choose one of the other kinds",
            )
    return Tutorial(channels=channels, outputs=outputs)


def parameter_count(module: nn.Module) -> Counts:
    """Count weights; counters of batches seen and buffers that are not stored do not count."""
    trainable = sum(p.numel() for p in module.parameters() if p.requires_grad)
    stored = module.state_dict(keep_vars=True)
    total = sum(v.numel() for name, v in stored.items() if not name.endswith("num_batches_tracked"))
    return Counts(trainable, total)


def describe(settings: ModelSettings, *, channels: int, length: int, outputs: int) -> list[BlockReport]:
    """What ``settings`` builds, block by block, without allocating or computing any weight.

    Shapes read ``(positions, channels)`` or ``(features,)``; ``parameters`` counts each block's own trainable
    weights, so that the column adds up to the network's. A block of blocks stands after the blocks inside it.

    Raises
    ------
    SettingsError
        The settings do not make a network for this input.
    """
    with torch.device("meta"):
        module = build(settings, channels=channels, length=length, outputs=outputs)
    if isinstance(module, Layers):
        return _describe_layers(module, outputs=outputs)
    return _describe_parts(module, channels=channels, length=length)


def _describe_layers(module: Layers, *, outputs: int) -> list[BlockReport]:
    reports = []
    for placed in module.placed:
        holds_blocks = placed.settings.block in ("parallel", "residual")
        told = placed.settings.model_dump(exclude={"block", "branches", "blocks"}, exclude_defaults=True)
        words = ", ".join(f"{key} {value}" for key, value in told.items())
        own = 0 if holds_blocks else parameter_count(placed.module).trainable
        reports.append(BlockReport(f"{placed.path} {placed.settings.block}", words, str(placed.shape), own))
    reports.append(BlockReport("output", f"units {outputs}", f"({outputs},)", parameter_count(module.output).trainable))
    return reports


def _describe_parts(module: nn.Module, *, channels: int, length: int) -> list[BlockReport]:
    """One row per direct part of the module (and per part of a list), by running shapes alone through it."""
    parts: list[tuple[str, nn.Module]] = []
    for name, child in module.named_children():
        if isinstance(child, nn.ModuleList):
            parts += [(f"{name}[{i}]", part) for i, part in enumerate(child)]
        else:
            parts.append((name, child))
    shapes: dict[str, str] = {}

    def record(name: str) -> object:
        def hook(_module: nn.Module, _inputs: object, output: Tensor) -> None:
            shapes[name] = _shape_text(output)

        return hook

    hooks = [part.register_forward_hook(record(name)) for name, part in parts]  # type: ignore[arg-type]
    with torch.no_grad():
        module.eval()(torch.empty(1, channels, length, device="meta"))
    for hook in hooks:
        hook.remove()
    return [
        BlockReport(name, type(part).__name__, shapes.get(name, ""), parameter_count(part).trainable)
        for name, part in parts
    ]


def _shape_text(output: Tensor) -> str:
    if output.ndim == 2:
        return f"({output.shape[1]},)"
    return f"({output.shape[-1]}, {output.shape[1]})"
