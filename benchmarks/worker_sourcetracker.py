"""The Gibbs sampler of PyPI's sourcetracker, in an environment of its own: counts in an .npz in, shares and seconds out.

Usage: worker_sourcetracker.py IN.npz OUT.npz RESTARTS PASSES
"""

from __future__ import annotations

import sys
import time

import numpy as np

for _name in ("int", "float"):  # the package was written for a numpy that had these
    setattr(np, _name, {"int": int, "float": float}[_name])


def main() -> None:
    """Sample, and write the shares of every sink and the seconds it took."""
    import pandas as pd
    from sourcetracker._sourcetracker import _gibbs

    source, out, restarts, passes = sys.argv[1:5]
    with np.load(source) as found:
        sources, sinks = found["sources"], found["sinks"]
    taxa = [f"t{i}" for i in range(sources.shape[1])]
    source_frame = pd.DataFrame(sources, index=[f"e{i}" for i in range(len(sources))], columns=taxa)
    sink_frame = pd.DataFrame(sinks, index=[f"s{i}" for i in range(len(sinks))], columns=taxa)
    np.random.seed(1)  # noqa: NPY002
    started = time.perf_counter()
    shares, _ = _gibbs(source_frame, sink_frame, 0.001, 0.1, 10, int(restarts), 1, int(passes), 1)
    np.savez(out, shares=shares.to_numpy(), seconds=time.perf_counter() - started)


if __name__ == "__main__":
    main()
