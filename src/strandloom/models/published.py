"""Published networks as lists of blocks, layer by layer as their authors wrote them."""

from __future__ import annotations

from typing import Any

from strandloom.models.settings import DanqSettings, DeepSeaSettings, LayersSettings, UtrSettings

PublishedSettings = UtrSettings | DeepSeaSettings | DanqSettings
_UTR_FLANK = 10
_DEEPSEA_FILTERS, _DEEPSEA_WIDTH, _DEEPSEA_DENSE = (320, 480, 960), 8, 925
_FLATTEN = {"block": "flatten"}


def blocks_of(settings: PublishedSettings) -> LayersSettings:
    """The blocks of a published network; the dense layer to the outputs follows them."""
    match settings:
        case UtrSettings():
            blocks = _utr(settings)
        case DeepSeaSettings():
            blocks = _deepsea(settings)
        case DanqSettings():
            blocks = _danq(settings)
    return LayersSettings.model_validate({"blocks": blocks})


def _utr(settings: UtrSettings) -> list[dict[str, Any]]:
    return leader_blocks(padding=settings.padding)


def leader_blocks(
    *,
    filters: int = 128,
    width: int = 13,
    conv_layers: int = 3,
    conv_dropout: float = 0.15,
    dense_layers: int = 1,
    dense_units: int = 64,
    dense_dropout: float = 0.0,
    padding: str = "same",
) -> list[dict[str, Any]]:
    """Networks of the yeast 5′UTR: ten empty columns on each side, convolutions, dense layers; by default the authors' winner.

    Parameters
    ----------
    padding
        Of every convolution but the first, which has none.
    """
    blocks: list[dict[str, Any]] = [{"block": "pad", "left": _UTR_FLANK, "right": _UTR_FLANK}]
    for number in range(conv_layers):
        blocks += [*_conv(filters, width, padding if number else "valid"), *_drops(conv_dropout)]
    blocks.append(_FLATTEN)
    for _ in range(dense_layers):
        blocks += [*_dense(dense_units), *_drops(dense_dropout)]
    return blocks


def _deepsea(settings: DeepSeaSettings) -> list[dict[str, Any]]:
    blocks: list[dict[str, Any]] = []
    for number, filters in enumerate(_DEEPSEA_FILTERS):
        last = number == len(_DEEPSEA_FILTERS) - 1
        blocks += _conv(filters, _DEEPSEA_WIDTH, settings.padding)
        blocks += [_drop(0.5)] if last else [{"block": "pool", "size": 4}, _drop(0.2)]
    return [*blocks, _FLATTEN, *_dense(_DEEPSEA_DENSE)]


def _danq(settings: DanqSettings) -> list[dict[str, Any]]:
    return [
        *_conv(settings.filters, settings.width, "valid"), {"block": "pool", "size": settings.pool}, _drop(0.2),
        {"block": "bilstm", "units": settings.units}, _drop(0.5), _FLATTEN, *_dense(settings.dense),
    ]  # fmt: skip


def _conv(filters: int, width: int, padding: str) -> list[dict[str, Any]]:
    return [
        {"block": "conv", "filters": filters, "width": width, "padding": padding},
        {"block": "activation", "function": "relu"},
    ]


def _dense(units: int) -> list[dict[str, Any]]:
    return [{"block": "dense", "units": units}, {"block": "activation", "function": "relu"}]


def _drops(rate: float) -> list[dict[str, Any]]:
    return [_drop(rate)] if rate else []


def _drop(rate: float) -> dict[str, Any]:
    return {"block": "dropout", "rate": rate}
