"""A bundle over sequences in memory."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import nullcontext
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from strandloom.bundle import (
    ENCODING_PART,
    SOURCES_CALIBRATION,
    SOURCES_PART,
    TAXONOMY_PART,
    Bundle,
    Manifest,
    StoredBlend,
    StoredEngine,
    read_bundle,
    read_engine,
)
from strandloom.data.window import Window
from strandloom.engines.settings import TORCH, choose
from strandloom.errors import BundleError, InputError, UsageError
from strandloom.evaluation.baselines.base import State
from strandloom.evaluation.baselines.fit import baseline_from_state
from strandloom.evaluation.blend import Blend, baseline_probabilities
from strandloom.evaluation.decision import Decision
from strandloom.evaluation.label_baselines.fit import label_baseline_from_state
from strandloom.evaluation.label_blend import blended_scores, label_probabilities
from strandloom.evaluation.regressors.base import Regressor
from strandloom.evaluation.regressors.fit import regressor_from_state
from strandloom.evaluation.value_blend import ValueBlend, regressor_values
from strandloom.io.letters import Letters, finish
from strandloom.io.records import Records
from strandloom.io.settings import LetterPolicy
from strandloom.predict.answers import ScorePair, answer_frame, calibrated_labels, decision_of, label_thresholds

if TYPE_CHECKING:
    from torch import nn

    from strandloom.training.runtime import Runtime

LETTER_SETTING = re.compile(r"set data\.letters\.\w+ to .*$")
"""How a hint names the setting of a letter, which a prediction has not."""


Partner = Callable[[NDArray[np.uint8], NDArray[np.int32]], NDArray[np.float64]]
"""Codes and lengths to the probabilities of a stored baseline, as they are blended in."""


class Predictor:
    """A loaded model: sequences in, probabilities out.

    Parameters
    ----------
    bundle
        The verified bundle.
    modules
        One network a member, on the device, in evaluation mode.
    runtime
        Device and threads.
    engine
        What computes the networks; None: torch in fp32.
    """

    def __init__(
        self, bundle: Bundle, modules: Sequence[nn.Module], runtime: Runtime, *, engine: StoredEngine | None = None
    ) -> None:
        self.bundle = bundle
        self.modules = tuple(modules)
        self.runtime = runtime
        self.engine = engine

    @property
    def manifest(self) -> Manifest:
        """What the model says of itself."""
        return self.bundle.manifest

    @property
    def window(self) -> Window:
        """How sequences of other lengths are padded and cropped."""
        return Window(self.manifest.length, self.manifest.anchor, self.manifest.too_long)

    @cached_property
    def partners(self) -> tuple[Partner | None, ...]:
        """Of each blend the stored baseline's probabilities, from codes and lengths; None where its networks stand alone.

        Raises
        ------
        BundleError
            The bundle does not hold one that it blends in.
        """
        return tuple(self._partner(blend) if blend.baseline else None for blend in self.manifest.blends)

    def _partner(self, blend: StoredBlend) -> Partner:
        state, strand = self._stored(blend.part, blend.partner), self.manifest.strand
        if self.manifest.task == "labels":
            labels = label_baseline_from_state(blend.partner, state)
            return lambda codes, lengths: label_probabilities(labels, codes, lengths, strand=strand)
        baseline = baseline_from_state(blend.partner, state)
        return lambda codes, lengths: baseline_probabilities(baseline, codes, lengths, strand=strand)

    @cached_property
    def regressors(self) -> tuple[dict[str, Regressor], ...]:
        """Of task ``value``: the stored regressors of each blend, by name.

        Raises
        ------
        BundleError
            The bundle does not hold one that it blends in.
        """
        return tuple(
            {
                one.partner: regressor_from_state(one.partner, self._stored(one.part, one.partner))
                for one in blend.partners
            }
            for blend in self.manifest.value_blends
        )

    def _stored(self, name: str, partner: str) -> State:
        part = self.bundle.parts.get(name)
        if part is None:
            raise BundleError(
                f"the bundle blends in the baseline {partner} but does not hold it", hint="copy the bundle again"
            )
        return State(part.arrays, part.facts)

    def logits(
        self, codes: NDArray[np.uint8], lengths: NDArray[np.int32], *, batch_size: int | None = None
    ) -> NDArray[np.float64]:
        """Scores before calibration, float64 ``(N, K)``: the networks', with stored baselines blended in where validation gained.

        Parameters as in :meth:`scores`.
        """
        return self.scores(codes, lengths, batch_size=batch_size).blended

    def scores(
        self, codes: NDArray[np.uint8], lengths: NDArray[np.int32], *, batch_size: int | None = None
    ) -> ScorePair:
        """Scores with and without the stored baselines.

        Parameters
        ----------
        codes
            uint8 ``(N, L)``, already placed in the window.
        lengths
            int32 ``(N,)``, bases of each row.
        batch_size
            Rows given to a network at once; the scores do not depend on it. None: 256 (fewer of sequences above 1,000 bases), or what the
            engine was measured with.

        Raises
        ------
        BundleError
            As :attr:`partners`.
        """
        return self.blended(self.member_scores(codes, lengths, batch_size=batch_size), codes, lengths)

    def member_scores(
        self, codes: NDArray[np.uint8], lengths: NDArray[np.int32], *, batch_size: int | None = None
    ) -> NDArray[np.float32] | NDArray[np.float64]:
        """Scores of each network, ``(M, N, K)``: raw ones float32, of task ``value`` values in their own unit, float64.

        Parameters as in :meth:`scores`.
        """
        if batch_size is None and self.engine is not None:
            batch_size = self.engine.batch_size
        every = np.stack(list(self._member_logits(codes, lengths, batch_size)))
        if self.manifest.task != "value":
            return every
        scale, centre = (
            np.array([getattr(one, name) for one in self.manifest.value_scales])[:, None]
            for name in ("scale", "centre")
        )
        return every.astype(np.float64) * scale + centre

    @cached_property
    def network_weights(self) -> NDArray[np.float64]:
        """What each network's score is multiplied with in the answer, beside stored baselines: float64 ``(M,)``."""
        found = np.ones(self.manifest.members)
        for members, network in (
            *((x.members, x.network) for x in self.manifest.blends), *((x.members, x.network) for x in self.manifest.value_blends),
        ):  # fmt: skip
            found[list(members)] = network
        return found

    def blended(
        self, every: NDArray[np.floating[Any]], codes: NDArray[np.uint8], lengths: NDArray[np.int32]
    ) -> ScorePair:
        """The scores of each network ``(M, N, K)`` as one answer, with stored baselines blended in.

        Raises
        ------
        BundleError
            As :attr:`partners`.
        """
        manifest = self.manifest
        if manifest.task == "value":
            return self._values(every, codes, lengths)
        if not manifest.blends:
            network = _mean(every, range(manifest.members))
            return ScorePair(network, network.astype(np.float64))
        network = np.zeros((len(codes), len(manifest.labels)), np.float32)
        members, blended = 0, np.zeros(network.shape)
        for stored, partner in zip(manifest.blends, self.partners, strict=True):
            own = _mean(every, stored.members)
            other = None if partner is None else partner(codes, lengths)
            blend = Blend(stored.network, stored.baseline)
            found = blended_scores(blend, own, other) if manifest.task == "labels" else blend.apply(own, other)
            blended += found / len(manifest.blends)
            network += own * len(stored.members)
            members += len(stored.members)
        return ScorePair(network / np.float32(members), blended)

    def _values(
        self, every: NDArray[np.floating[Any]], codes: NDArray[np.uint8], lengths: NDArray[np.int32]
    ) -> ScorePair:
        """Values, with stored regressors blended in."""
        manifest = self.manifest
        network = every.mean(0)
        spread = every.std(0, ddof=1) if len(every) > 1 else None
        blended = np.zeros(network.shape)
        for stored, partners in zip(manifest.value_blends, self.regressors, strict=True):
            mean = every[list(stored.members)].mean(0)
            blend = ValueBlend(stored.network, tuple((one.partner, one.share) for one in stored.partners))
            other = {
                name: regressor_values(one, codes, lengths, strand=manifest.strand) for name, one in partners.items()
            }
            blended += blend.apply(mean, other) / len(manifest.value_blends)
        return ScorePair(network.astype(np.float32), blended if manifest.value_blends else network, spread)

    def _member_logits(
        self, codes: NDArray[np.uint8], lengths: NDArray[np.int32], batch_size: int | None
    ) -> Iterator[NDArray[np.float32]]:
        """Raw scores ``(N, K)`` of each network, averaged over strands under ``strand: both``."""
        from strandloom.engines.catalog import torch_threads
        from strandloom.training.infer import logits

        scope = nullcontext() if self.engine is None else torch_threads(self.engine.name, self.runtime.threads)
        with scope:
            for module in self.modules:
                yield logits(
                    module,
                    codes,
                    lengths,
                    strand=self.manifest.strand,
                    anchor=self.manifest.anchor,
                    batch_size=batch_size,
                    device=self.runtime.device,
                )

    @cached_property
    def decision(self) -> Decision:
        """How raw scores become a class or silence, as fitted on validation."""
        return decision_of(self.manifest)

    @property
    def label_thresholds(self) -> NDArray[np.float64]:
        """The probability from which each label is given, float64 ``(K,)``."""
        return label_thresholds(self.manifest)

    def label_probabilities(self, logits: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
        """Raw scores of task ``labels`` to calibrated probabilities, float64 ``(N, K)``."""
        return calibrated_labels(self.manifest, logits)

    def answer(self, ids: pl.Series, scores: ScorePair) -> pl.DataFrame:
        """Scores of N rows as they are written (:func:`~strandloom.predict.answers.answer_frame`)."""
        return answer_frame(self.manifest, ids, scores)

    def predict(
        self, sequences: str | Sequence[str] | pl.DataFrame | Records, *, ids: Sequence[str] | None = None
    ) -> pl.DataFrame:
        """Predict sequences in memory.

        Parameters
        ----------
        sequences
            One sequence, several, a frame with the sequence column (and ``id``), or records.
        ids
            Row names; by default the frame's ``id`` or 1, 2, 3 …

        Returns
        -------
        polars.DataFrame
            ``id, prediction, p_<class>…, abstain``, one row per sequence, in order; of labels and values as
            :func:`~strandloom.predict.answers.answer_frame` says.

        Raises
        ------
        InputError
            A sequence is empty, or holds a letter that the model's letter policy does not take (one that it would skip in a
            file is an error here: there is one answer per sequence).
        """
        records = sequences if isinstance(sequences, Records) else records_of(sequences, ids, self.manifest)
        codes, lengths = self.window.place(records)
        return self.answer(records.ids, self.scores(codes, lengths))


def _mean(every: NDArray[np.floating[Any]], members: Iterable[int]) -> NDArray[np.float32]:
    """Mean raw scores ``(N, K)`` of some members."""
    chosen = list(members)
    total = every[chosen[0]].astype(np.float32)
    for member in chosen[1:]:
        total = total + every[member]
    return np.asarray(total / np.float32(len(chosen)), np.float32)


def load(
    bundle: str | Path | Bundle,
    *,
    engine: str = TORCH,
    device: str = "auto",
    threads: int | None = None,
    model: nn.Module | None = None,
) -> Predictor:
    """Load a bundle for prediction.

    Parameters
    ----------
    bundle
        The bundle folder (``RUN/bundle``) or a bundle in memory.
    engine
        ``torch`` computes in fp32. Others are those that ``strandloom export`` put into the bundle, by name (``onnx-int8``), or
        by library (``onnx``, ``openvino``): the one that was measured the fastest. Only torch computes on other devices than the CPU.
    device
        ``auto``, ``cpu``, ``cuda`` …
    threads
        Threads on the CPU; None: one a physical core.
    model
        For a bundle trained from your own ``nn.Module``: a module of the same shape, whose weights are replaced.

    Raises
    ------
    BundleError
        The bundle is damaged, too new, or needs ``model``.
    UsageError
        The engine is not in the bundle, is not installed, or does not compute on the device.
    """
    import copy

    import torch

    from strandloom.models.build import build
    from strandloom.training.runtime import apply, choose_runtime

    read = bundle if isinstance(bundle, Bundle) else read_bundle(bundle)
    manifest = read.manifest
    for part, kind, how in (
        (TAXONOMY_PART, "taxonomy", "strandloom taxonomy assign BUNDLE QUERIES --out DIR"),
        (SOURCES_PART, "source", "strandloom sources estimate BUNDLE READS --out DIR"),
        (ENCODING_PART, "encoding", "strandloom encode apply BUNDLE INPUT --out FILE"),
    ):
        if part in read.parts:
            raise BundleError(
                f"the bundle holds {'an' if kind[0] in 'aeiou' else 'a'} {kind} model, which is asked in another way",
                where=None if isinstance(bundle, Bundle) else bundle,
                hint=how,
            )
    if manifest.model.kind == "custom" and SOURCES_CALIBRATION in read.parts:
        raise BundleError(
            "the bundle holds a source model, which is asked in another way",
            where=None if isinstance(bundle, Bundle) else bundle,
            hint="strandloom sources estimate BUNDLE READS --out DIR",
        )
    if manifest.model.kind == "custom" and model is None:
        raise BundleError(
            "the bundle was trained from a module of your own, whose code it does not hold",
            where=None if isinstance(bundle, Bundle) else bundle,
            hint="in Python: strandloom.load(bundle, model=MyModule())",
        )
    chosen = choose(manifest, engine, where=None if isinstance(bundle, Bundle) else str(bundle))
    if chosen is not None and not chosen.name.startswith(TORCH):
        if device not in ("auto", "cpu"):
            raise UsageError(
                f"the engine {chosen.name} computes on the CPU, not on {device}",
                where="--device",
                hint=f"leave --device out, or use --engine {TORCH}",
            )
        device = "cpu"
    runtime = apply(choose_runtime(device, precision="fp32", parameters=0, threads=threads))
    modules: list[nn.Module] = []
    for weights in read.weights:
        if model is not None:
            module = copy.deepcopy(model)
        else:
            module = build(
                manifest.model, channels=len(manifest.bases), length=manifest.length, outputs=len(manifest.labels)
            )
        state = {name: torch.from_numpy(array.copy()) for name, array in weights.items()}
        try:
            module.load_state_dict(state)
        except RuntimeError as error:
            raise BundleError(
                f"the weights do not fit the model: {str(error).splitlines()[-1].strip()}",
                where=None if isinstance(bundle, Bundle) else bundle,
                hint="copy the bundle again"
                if model is None
                else "give a module of the same shape as the one that was trained",
            ) from None
        modules.append(module.to(runtime.device).eval())
    if chosen is None:
        return Predictor(read, modules, runtime)
    if isinstance(bundle, Bundle):
        raise UsageError("a bundle in memory has no engines", hint="name its folder")
    from strandloom.engines.catalog import open_engine

    stored = read_engine(bundle, manifest, chosen.name)
    opened = [
        open_engine(chosen.name, files, network=module, threads=runtime.threads)
        for files, module in zip(stored, modules, strict=True)
    ]
    return Predictor(read, opened, runtime, engine=chosen)


def records_of(sequences: str | Sequence[str] | pl.DataFrame, ids: Sequence[str] | None, manifest: Manifest) -> Records:
    """Sequences in memory as records, read by the letter policy of a model.

    Raises
    ------
    InputError
        As :meth:`Predictor.predict`.
    """
    others = pl.DataFrame()
    if isinstance(sequences, pl.DataFrame):
        column = manifest.sequence
        name = column if column in sequences.columns else "sequence"
        if name not in sequences.columns:
            raise InputError(f"the frame has no column `{name}`", hint="columns: " + ", ".join(sequences.columns))
        if ids is None and "id" in sequences.columns:
            ids = sequences["id"].cast(pl.String).to_list()
        others = sequences.drop([c for c in (name, "id") if c in sequences.columns])
        texts: Sequence[str] = sequences[name].cast(pl.String).fill_null("").to_list()
    else:
        texts = [sequences] if isinstance(sequences, str) else list(sequences)
    if not texts:
        raise InputError("no sequence to predict")
    names = [str(i + 1) for i in range(len(texts))] if ids is None else [str(i) for i in ids]
    if len(names) != len(texts):
        raise InputError(f"{len(names)} ids for {len(texts)} sequences")
    for name, text in zip(names, texts, strict=True):
        if not isinstance(text, str):
            raise InputError(f"a sequence is text, not {type(text).__name__}", where=f"record '{name}'")
    asked = manifest.letters.model_dump()
    policy = LetterPolicy(**{kind: "error" if action == "skip" else action for kind, action in asked.items()})
    letters = Letters(policy, "sequences", unit="row")
    ends = np.cumsum(np.fromiter(map(len, texts), np.int64, len(texts)))
    found = letters.encode(
        np.frombuffer("".join(texts).encode("ascii", "replace"), np.uint8),
        np.concatenate([[0], ends[:-1]]),
        ends,
        ids=pl.Series("id", names, dtype=pl.String),
        columns=others,
        places=np.arange(1, len(texts) + 1),
    )
    if found.error is not None:
        hint = LETTER_SETTING.sub("leave such sequences out", found.error.hint or "") or None
        raise InputError(found.error.message, where=found.error.where, hint=hint)
    return finish(found.piece, letters, id_name=None)
