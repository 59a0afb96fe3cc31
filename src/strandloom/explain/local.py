"""Raw scores of single substitutions, computed only where they change anything.

A substitution reaches the positions that a filter over it covers, and a few more after every layer; elsewhere the activations are
those of the sequence itself (fastISM, Nair et al. 2022). Here the *difference* from them goes through the linear layers, so that a
dilated filter costs one product for each position that differs, not for each that will; what no substitution in a stretch of bases
reaches is pooled once for all of them.

Arrays run as ``(positions, sequences S or edits E, channels)``: a run of positions is then one matrix, and every layer a few products.
"""

from __future__ import annotations

from typing import NamedTuple, Protocol

from torch import Tensor, nn

from strandloom.explain.local_multiscale import LocalMultiscale
from strandloom.explain.local_residual import LocalResidual
from strandloom.models.multiscale import Multiscale
from strandloom.models.residual import Residual

WIDEST_POOL = 32
"""Bases in a pooled position up to which a residual network is computed in part: what a base adds is a table that grows with the square."""


class Edits(NamedTuple):
    """E substitutions in a block of sequences, as columns of equal length."""

    row: Tensor
    """Sequence of the block, int64."""
    position: Tensor
    """Position, 0 … L - 1, int64."""
    base: Tensor
    """Base that is put there, 0 … 3, int64."""

    def __len__(self) -> int:
        """Number of substitutions E."""
        return len(self.row)

    def take(self, which: slice | Tensor) -> Edits:
        """Some of the substitutions."""
        return Edits(self.row[which], self.position[which], self.base[which])


class Kept(Protocol):
    """What is kept of S sequences, to score their substitutions."""

    def scores(self, row: Tensor, change: Tensor, *, first: int) -> Tensor:
        """Raw scores ``(E, K)`` of substitutions in bases ``first : first + stretch``.

        Parameters
        ----------
        row
            int64 ``(E,)``: the sequence of each.
        change
            ``(E, stretch * 4)``: by how much the one-hot input differs in the stretch.
        first
            A multiple of the stretch.
        """


class Local(Protocol):
    """A network that can be computed where a substitution changes something."""

    @property
    def stretch(self) -> int:
        """Bases whose substitutions are computed together."""

    def keep(self, x: Tensor) -> Kept:
        """Compute one-hot ``(S, 4, L)`` and keep what its substitutions need."""


def computable(network: nn.Module) -> bool:
    """Whether a network can be computed where a substitution changes something.

    It can for ``residual`` (up to 32 bases in a pooled position) and ``multiscale`` networks as they are built, without hooks.
    """
    if any(m._forward_hooks or m._forward_pre_hooks for m in network.modules()):
        return False
    return type(network) is Multiscale or (type(network) is Residual and network.window <= WIDEST_POOL)


def local(network: nn.Module) -> Local | None:
    """The network as one that is computed where a substitution changes something; None where it cannot be."""
    if not computable(network):
        return None
    if isinstance(network, Residual):
        return LocalResidual(network)
    return LocalMultiscale(network) if isinstance(network, Multiscale) else None
