"""An encoder, and a forest where there were labels, as one model: values and answers of sequences, to a bundle and back."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import torch
from numpy.typing import NDArray

from strandloom.alphabet import DNA, Codes
from strandloom.bundle import ENCODING_PART, Bundle, Manifest, Part, read_bundle
from strandloom.data.window import Window
from strandloom.errors import BundleError
from strandloom.evaluation.baselines.base import State
from strandloom.evaluation.ranking import Floats
from strandloom.predict.answers import ScorePair, answer_frame
from strandloom.settings_file import check_settings
from strandloom.workflows.encoding.forest import Forest
from strandloom.workflows.encoding.learn import encode
from strandloom.workflows.encoding.network import Encoder
from strandloom.workflows.encoding.settings import EncoderSettings

FOREST_PART = "forest"
MOVES = (0, 1, -1, 2, -2)
"""Where sequences may be asked, in the share of their length that ``forest.moved`` says."""
LEAST_SHARE = 1e-4
"""A share of trees is kept so far from 0 and 1 before its log odds are taken."""


@dataclass(frozen=True, eq=False)
class EncodingModel:
    """What ``encode fit`` makes.

    Parameters
    ----------
    encoder
        Sequences to values.
    forest
        Values to answers; None: there were no labels.
    task
        Of the forest.
    both
        Whether values are means over both strands.
    centre, scale
        Of measured values, float64 ``(K,)``; empty otherwise.
    moves
        Bases by which sequences are moved (to the right) when the forest is asked, the answers being averaged.
    """

    encoder: Encoder
    forest: Forest | None
    task: str
    both: bool
    centre: Floats
    scale: Floats
    moves: tuple[int, ...] = (0,)

    def values(self, codes: Codes) -> NDArray[np.float32]:
        """Values of sequences, float32 ``(N, V)`` for codes ``(N, L)``."""
        return encode(self.encoder, codes, both=self.both)

    def scores(self, values: NDArray[np.floating]) -> Floats:
        """Raw scores ``(N, K)`` of values ``(N, V)``: log odds (labels), log shares (classes) or measured values."""
        assert self.forest is not None
        found = self.forest.predict(values, threads=torch.get_num_threads())
        if self.task == "value":
            return found * self.scale + self.centre
        found = np.clip(found, LEAST_SHARE, 1 - LEAST_SHARE)
        if self.task == "labels":
            return np.asarray(np.log(found) - np.log1p(-found))
        return np.asarray(np.log(found / found.sum(axis=1, keepdims=True)))

    def answers(self, codes: Codes) -> Floats:
        """Raw scores ``(N, K)`` of sequences, codes ``(N, L)``: the mean of those of the sequence where it stands and moved."""
        return np.asarray(sum(self.scores(self.values(move(codes, by))) for by in self.moves) / len(self.moves))

    def parts(self, facts: dict[str, Any]) -> dict[str, Part]:
        """As parts of a bundle; ``facts`` are what the card and ``encode apply`` tell."""
        arrays = {"centre": self.centre, "scale": self.scale} if len(self.centre) else {}
        parts = {
            ENCODING_PART: Part(
                arrays,
                {
                    **facts,
                    "settings": self.encoder.settings.model_dump(mode="json"),
                    "both": self.both,
                    "task": self.task,
                    "moves": list(self.moves),
                },
            )
        }
        if self.forest is not None:
            state = self.forest.state()
            parts[FOREST_PART] = Part(state.arrays, state.facts)
        return parts


@dataclass(frozen=True, eq=False)
class LoadedEncoding:
    """An encoding model with what its bundle says."""

    model: EncodingModel
    bundle: Bundle

    @property
    def manifest(self) -> Manifest:
        """The manifest."""
        return self.bundle.manifest

    @property
    def window(self) -> Window:
        """How sequences of other lengths are padded and cropped."""
        manifest = self.manifest
        return Window(manifest.length, manifest.anchor, manifest.too_long)

    def value_frame(self, ids: pl.Series, codes: Codes) -> pl.DataFrame:
        """``id, v_0 … v_{V-1}``."""
        found = self.model.values(codes)
        return pl.DataFrame([ids.alias("id"), *(pl.Series(f"v_{i}", found[:, i]) for i in range(found.shape[1]))])

    def answer_frame(self, ids: pl.Series, codes: Codes) -> pl.DataFrame:
        """Answers of the forest, as ``strandloom predict`` writes those of its task."""
        scores = self.model.answers(codes)
        return answer_frame(self.manifest, ids, ScorePair(scores.astype(np.float32), scores))


def move(codes: Codes, by: int) -> Codes:
    """Codes ``(N, L)`` moved to the right by so many bases (to the left where negative); what becomes free is padding."""
    if not by:
        return codes
    found = np.full_like(codes, DNA.pad)
    if by > 0:
        found[:, by:] = codes[:, :-by]
    else:
        found[:, :by] = codes[:, -by:]
    return found


def _earlier_moves(by: int) -> tuple[int, ...]:
    """Moves of a bundle that names only how far, to either side."""
    return (0, by, -by) if by else (0,)


def load_encoding(folder: str | Path) -> LoadedEncoding:
    """Load a bundle of ``encode fit``.

    Raises
    ------
    BundleError
        It is damaged, too new, or no such bundle.
    """
    bundle = read_bundle(folder)
    part = bundle.parts.get(ENCODING_PART)
    if part is None:
        raise BundleError("the bundle holds no encoder", where=folder, hint="strandloom predict asks it")
    settings = check_settings(EncoderSettings, part.facts["settings"], where=f"{folder}")
    encoder = Encoder(settings, length=bundle.manifest.length)
    try:
        encoder.load_state_dict({name: torch.from_numpy(array.copy()) for name, array in bundle.weights[0].items()})
    except RuntimeError:
        raise BundleError(
            "the encoder was made by an earlier version, of another shape", where=folder, hint="fit it again"
        ) from None
    encoder.eval()
    stored = bundle.parts.get(FOREST_PART)
    forest = None if stored is None else Forest.from_state(State(stored.arrays, stored.facts))
    empty = np.zeros(0)
    model = EncodingModel(
        encoder,
        forest,
        str(part.facts["task"]),
        bool(part.facts["both"]),
        part.arrays.get("centre", empty),
        part.arrays.get("scale", empty),
        tuple(part.facts["moves"]) if "moves" in part.facts else _earlier_moves(int(part.facts.get("moved", 0))),
    )
    return LoadedEncoding(model, bundle)
