"""Train an encoder without labels: warm-up, clipping, a validation part, and an end in words where it diverges."""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from strandloom.alphabet import Codes
from strandloom.errors import DivergedError, TrainingError
from strandloom.training.onehot import one_hot, one_hot_table
from strandloom.training.runtime import choose_precision
from strandloom.training.schedule import learning_rate_factor
from strandloom.training.seeds import derive_seed, private_rng
from strandloom.training.settings import CosineSettings
from strandloom.workflows.encoding.network import BASES, Encoder
from strandloom.workflows.encoding.pretext import ask
from strandloom.workflows.encoding.settings import EncoderSettings

_WEIGHTS, _ORDER, _HIDDEN, _HELD = 31, 32, 33, 34
WARM_UP, CLIP, DECAY = 0.1, 1.0, 0.01
LEAST_ROWS = 20
WORSE_THAN_CHANCE = 3.0
"""A validation loss so many times that of guessing is a divergence."""


@dataclass(frozen=True)
class Learned:
    """How an encoder was trained.

    Parameters
    ----------
    loss, accuracy
        On the validation sequences, best epoch: cross entropy, and the share of asked bases (of contrastive: of partners) answered rightly.
    chance
        The loss of guessing: by base composition, or one of all copies.
    composition
        Share of bases answered rightly by always naming the most frequent one (None: contrastive).
    epochs, best_epoch
        Trained, and kept.
    sequences, held_out
        Sequences learned from and judged on.
    seconds
        Of training.
    losses
        Validation loss of every epoch.
    """

    loss: float
    accuracy: float
    chance: float
    composition: float | None
    epochs: int
    best_epoch: int
    sequences: int
    held_out: int
    seconds: float
    losses: tuple[float, ...]

    def to_json(self) -> dict[str, Any]:
        """As JSON-able values."""
        return asdict(self)

    def sentence(self, objective: str) -> str:
        """In words."""
        asked = {
            "masked": "hidden bases",
            "denoise": "bases from the values alone",
            "contrastive": "partners among all copies",
        }[objective]
        beside = "" if self.composition is None else f" (naming the most frequent base: {self.composition:.1%})"
        return (
            f"encoder: {self.accuracy:.1%} of {asked} right on {self.held_out:,} held-out sequences{beside}; loss {self.loss:.3f}, "
            f"guessing {self.chance:.3f}; epoch {self.best_epoch} of {self.epochs}, {self.seconds:.0f} s"
        )


def learn_encoder(
    codes: Codes,
    validation: Codes,
    *,
    settings: EncoderSettings,
    start: dict[str, NDArray[Any]] | None = None,
    say: Callable[[str], None] = lambda _: None,
) -> tuple[Encoder, Learned]:
    """Train an encoder on sequences without labels.

    Parameters
    ----------
    codes, validation
        uint8 ``(N, L)`` learned from, and ``(M, L)`` judged on.
    start
        Weights of an earlier encoder of the same settings, to improve on new sequences.
    say
        Hears of each epoch.

    Raises
    ------
    TrainingError
        There are too few sequences.
    DivergedError
        The loss is no longer a number, or far worse than guessing.
    """
    if len(codes) < LEAST_ROWS or len(validation) < 2:
        raise TrainingError(
            f"{len(codes):,} sequences to learn from and {len(validation):,} to judge on; needed are {LEAST_ROWS} and 2",
            hint="give more sequences",
        )
    began = time.perf_counter()
    with private_rng(torch.device("cpu")):
        torch.manual_seed(derive_seed(_WEIGHTS, settings.seed))
        encoder = Encoder(settings, length=codes.shape[1])
        if start is not None:
            encoder.load_state_dict({name: torch.from_numpy(np.array(array)) for name, array in start.items()})
        return _train(
            encoder,
            torch.from_numpy(np.ascontiguousarray(codes)),
            torch.from_numpy(np.ascontiguousarray(validation)),
            began,
            say,
        )


def _train(
    encoder: Encoder, codes: torch.Tensor, held: torch.Tensor, began: float, say: Callable[[str], None]
) -> tuple[Encoder, Learned]:
    settings = encoder.settings
    optimizer = torch.optim.AdamW(encoder.parameters(), lr=settings.learning_rate, weight_decay=DECAY)
    steps = max(len(codes) // settings.batch_size, 1)
    schedule = CosineSettings(warm_up=WARM_UP)
    chance, composition = guessing(held, settings)
    best: tuple[float, float, int, dict[str, torch.Tensor]] | None = None
    losses: list[float] = []
    for epoch in range(1, settings.epochs + 1):
        encoder.train()
        order = torch.from_numpy(
            np.random.default_rng(derive_seed(_ORDER, settings.seed, epoch)).permutation(len(codes))
        )
        for step in range(steps):
            generator = torch.Generator().manual_seed(derive_seed(_HIDDEN, settings.seed, epoch, step))
            rows = order[step * settings.batch_size : (step + 1) * settings.batch_size]
            for group in optimizer.param_groups:
                group["lr"] = settings.learning_rate * learning_rate_factor(
                    schedule, (epoch - 1) * steps + step, total=steps * settings.epochs
                )
            with half(encoder):
                asked = ask(encoder, codes[rows], generator=generator)
            optimizer.zero_grad()
            asked.loss.backward()
            torch.nn.utils.clip_grad_norm_(encoder.parameters(), CLIP)
            optimizer.step()
        loss, accuracy = judged(encoder, held)
        losses.append(loss)
        if not math.isfinite(loss) or loss > WORSE_THAN_CHANCE * max(chance, 1.0):
            raise DivergedError(
                f"the encoder diverged in epoch {epoch}: validation loss {loss:.3g}, where guessing has {chance:.3g}",
                hint="lower encoder.learning_rate",
            )
        say(
            f"  encoder epoch {epoch}/{settings.epochs}: validation loss {loss:.4f} (guessing {chance:.4f}), {accuracy:.1%} right"
        )
        if best is None or loss < best[0]:
            best = (loss, accuracy, epoch, copy.deepcopy(encoder.state_dict()))
    assert best is not None
    encoder.load_state_dict(best[3])
    encoder.eval()
    learned = Learned(
        best[0],
        best[1],
        chance,
        composition,
        settings.epochs,
        best[2],
        len(codes),
        len(held),
        time.perf_counter() - began,
        tuple(losses),
    )
    return encoder, learned


def judged(encoder: Encoder, held: torch.Tensor) -> tuple[float, float]:
    """Loss and share of right answers on held-out codes ``(M, L)``; what is hidden is the same each time."""
    encoder.eval()
    size = encoder.settings.batch_size
    total, right, asked = 0.0, 0, 0
    with torch.inference_mode(), half(encoder):
        for number, at in enumerate(range(0, len(held), size)):
            part = held[at : at + size]
            if len(part) < 2 and at:
                break  # one sequence has no others to be told from
            found = ask(encoder, part, generator=torch.Generator().manual_seed(derive_seed(_HELD, number)))
            total, right, asked = total + float(found.loss) * found.asked, right + found.right, asked + found.asked
    return total / max(asked, 1), right / max(asked, 1)


def guessing(held: torch.Tensor, settings: EncoderSettings) -> tuple[float, float | None]:
    """Loss of guessing on held-out codes, and the share of bases that the most frequent one is (None: contrastive)."""
    if settings.objective == "contrastive":
        return math.log(2 * min(settings.batch_size, len(held)) - 1), None
    counts = torch.bincount(held[held < BASES].long(), minlength=BASES).double()
    share = counts / counts.sum()
    return float(-(share * share.clamp(min=1e-12).log()).sum()), float(share.max())


def linear_ceiling(codes: Codes, validation: Codes, *, values: int, rows: int = 4000) -> float:
    """Share of bases that the best linear code of so many values rebuilds (principal components of one-hot, argmax at each position).

    Parameters
    ----------
    codes, validation
        uint8 ``(N, L)`` that the components are found on (a first ``rows`` of them), and ``(M, L)`` that are rebuilt.
    """
    from sklearn.decomposition import PCA

    table = one_hot_table()
    flat = [
        one_hot(torch.from_numpy(np.ascontiguousarray(x[:rows])), table).flatten(1).numpy() for x in (codes, validation)
    ]
    count = min(values, *flat[0].shape)
    model = PCA(count, svd_solver="randomized", random_state=1).fit(flat[0])
    rebuilt = model.inverse_transform(model.transform(flat[1])).reshape(len(flat[1]), BASES, -1)
    held = np.asarray(validation[:rows])
    known = held < BASES
    return float((rebuilt.argmax(1) == held)[known].mean())


def encode(encoder: Encoder, codes: Codes, *, both: bool = False, batch_size: int = 256) -> NDArray[np.float32]:
    """Values of sequences, float32 ``(N, V)``; ``both``: the mean over the two strands."""
    from strandloom.alphabet import DNA

    table = one_hot_table()
    out = np.empty((len(codes), encoder.settings.values), np.float32)
    encoder.eval()
    with torch.inference_mode(), half(encoder):
        for at in range(0, len(codes), batch_size):
            part = np.ascontiguousarray(codes[at : at + batch_size])
            found = encoder(one_hot(torch.from_numpy(part), table))
            if both:
                turned = np.ascontiguousarray(DNA.reverse_complement(part))
                found = (found + encoder(one_hot(torch.from_numpy(turned), table))) / 2
            out[at : at + len(part)] = found.float().numpy()
    return out


def half(encoder: Encoder) -> AbstractContextManager[Any]:
    """Layers in 16 bits where the hardware has them built in, as in training (:func:`choose_precision`); weights stay in 32."""
    weights = sum(x.numel() for x in encoder.parameters())
    chosen = choose_precision(torch.device("cpu"), parameters=weights)
    return torch.autocast("cpu", dtype=torch.bfloat16, enabled=chosen.precision == "bf16")
