"""Seeds derived from the one seed of a run, so that a resumed run needs no saved generator state."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch

ORDER, DROPOUT, AUGMENTATION, PROBE = 1, 2, 3, 4
"""What a derived seed is for: the first part given to :func:`derive_seed`."""


def derive_seed(*parts: int) -> int:
    """A 63-bit seed from non-negative integers such as ``(AUGMENTATION, seed, epoch, step)``; the same everywhere."""
    return int(np.random.SeedSequence(parts).generate_state(1, np.uint64)[0] >> np.uint64(1))


def seed_torch(seed: int, device: torch.device) -> None:
    """Seed torch's global generators of the CPU and of one device, which dropout draws from."""
    torch.default_generator.manual_seed(seed)
    if device.type == "cuda":
        with torch.cuda.device(device):
            torch.cuda.manual_seed(seed)
    elif device.type == "mps":
        torch.mps.manual_seed(seed)


@contextmanager
def private_rng(device: torch.device) -> Iterator[None]:
    """Leave torch's global generators as they were found, whatever is seeded and drawn inside."""
    apple = torch.mps.get_rng_state() if device.type == "mps" else None
    try:
        with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
            yield
    finally:
        if apple is not None:
            torch.mps.set_rng_state(apple)
