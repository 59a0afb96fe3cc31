"""Training the published networks: strandloom beside Keras 3 on TensorFlow and beside plain torch with a DataLoader of items.

Every way runs in a process of its own that stays open; the processes are asked in turn, never two at once, and the median of the
rounds counts. Keras is installed in a throw-away environment (``benchmarks/.keras``). Its speed differs from process to process:
three are tried in each precision, and the fastest of each stays for the comparison.

Usage: python benchmarks/networks.py [--repeats 5] [--only source,utr]
"""

from __future__ import annotations

import argparse
import sys
from functools import partial

from common import alternate, median, record
from published import NETWORKS
from workers import Worker, fastest_keras

PRECISIONS = ("fp32", "bf16")


def main() -> None:
    """Measure, print and record."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--only", default=",".join(NETWORKS))
    given = parser.parse_args()
    for name in given.only.split(","):
        print(name, file=sys.stderr)
        ours, items = Worker(sys.executable, "worker_ours.py"), Worker(sys.executable, "worker_items.py")
        keras = {p: fastest_keras("train", name, p) for p in PRECISIONS}
        ways = {
            f"{way} {p}": partial(worker.ask, "train", name, p)
            for p in PRECISIONS
            for way, worker in (("strandloom", ours), ("Keras", keras[p]), ("items", items))
        }
        speeds = {way: median(values) for way, values in alternate(ways, repeats=given.repeats).items()}
        best = max(speeds[f"strandloom {p}"] for p in PRECISIONS)
        rows = [
            {
                "way": way,
                "fp32": speeds[f"{way} fp32"],
                "bf16": speeds[f"{way} bf16"],
                "strandloom's best / its best": best / max(speeds[f"{way} {p}"] for p in PRECISIONS),
            }
            for way in ("strandloom", "Keras", "items")
        ]
        for worker in (ours, items, *keras.values()):
            worker.close()
        note = f"samples/s of an epoch, medians of {given.repeats} alternating rounds; of Keras the fastest of three processes"
        record(f"training-{name}", f"Training, {NETWORKS[name].title}", rows, packages=["torch", "numpy"], note=note)


if __name__ == "__main__":
    main()
