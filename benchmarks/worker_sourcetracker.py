"""The Gibbs sampler of PyPI's sourcetracker, in an environment of its own: counts in an .npz in, shares and seconds out.

Usage: worker_sourcetracker.py IN.npz OUT.npz RESTARTS PASSES
"""

from __future__ import annotations

import sys
import time

import numpy as np

for _name in ("int", "float"):  # the package was written for a numpy that had these
    setattr(np, _name, {"int": int, "float": float}[_name])


DRAWS = 5
"""Draws of a restart, two passes apart, whose mean is taken."""


def main() -> None:
    """Sample, and write the shares of every sink and the seconds it took."""
    from sourcetracker._sourcetracker import ConditionalProbability, gibbs_sampler

    source, out, restarts, passes = sys.argv[1:5]
    with np.load(source) as found:
        sources, sinks = found["sources"], found["sinks"]
    np.random.seed(1)  # noqa: NPY002
    started = time.perf_counter()
    shares = []
    for sink in sinks:
        given = ConditionalProbability(0.001, 0.1, 10, sources)
        drawn, *_ = gibbs_sampler(given, sink, int(restarts), DRAWS, int(passes), 2)
        shares.append(np.asarray(drawn, float).mean(0))
    np.savez(out, shares=np.array(shares), seconds=time.perf_counter() - started)


if __name__ == "__main__":
    main()
