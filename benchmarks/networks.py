"""Training the published networks: strandloom beside Keras 3 on TensorFlow and beside plain torch with a DataLoader of items.

Every program runs in a process of its own that stays open; the processes are asked in turn, never two at once, and the median of the
rounds counts. Keras is installed in a throw-away environment (``benchmarks/.keras``). Its speed differs from process to process:
three are tried in each precision, and the fastest of each stays for the comparison.

On a card (``--device cuda``) there is no Keras; a second peer in plain torch finds its one-hot input on the card, encoded beforehand.

Usage: python benchmarks/networks.py [--repeats 5] [--only source,utr] [--device cuda]
"""

from __future__ import annotations

import argparse
import sys
from functools import partial

from common import alternate, median, record
from published import NETWORKS
from workers import Worker, fastest_keras

PRECISIONS = ("fp32", "bf16")


def on_card(name: str, *, device: str, repeats: int) -> None:
    """A network on a card, beside plain torch fed in two ways."""
    import torch

    ours, items = (Worker(sys.executable, script, device) for script in ("worker_ours.py", "worker_items.py"))
    peers = {"items": "train", "resident": "resident"}
    ways = {
        f"{way} {p}": partial(worker.ask, command, name, p)
        for p in PRECISIONS
        for way, worker, command in (("strandloom", ours, "train"), *((peer, items, peers[peer]) for peer in peers))
    }
    write(
        f"training-{name}-card",
        f"Training on a card, {NETWORKS[name].title}",
        {way: median(values) for way, values in alternate(ways, repeats=repeats).items()},
        ("strandloom", *peers),
        f"{torch.cuda.get_device_name(device)}; samples/s of an epoch, medians of {repeats} alternating rounds; items: a DataLoader of "
        "four processes; resident: one-hot input on the card before the clock starts",
    )
    for worker in (ours, items):
        worker.close()


def beside_keras(name: str, *, repeats: int) -> None:
    """A network on the CPU, beside Keras and plain torch."""
    ours, items = Worker(sys.executable, "worker_ours.py"), Worker(sys.executable, "worker_items.py")
    keras = {p: fastest_keras("train", name, p) for p in PRECISIONS}
    ways = {
        f"{way} {p}": partial(worker.ask, "train", name, p)
        for p in PRECISIONS
        for way, worker in (("strandloom", ours), ("Keras", keras[p]), ("items", items))
    }
    write(
        f"training-{name}",
        f"Training, {NETWORKS[name].title}",
        {way: median(values) for way, values in alternate(ways, repeats=repeats).items()},
        ("strandloom", "Keras", "items"),
        f"samples/s of an epoch, medians of {repeats} alternating rounds; of Keras the fastest of three processes",
    )
    for worker in (ours, items, *keras.values()):
        worker.close()


def write(section: str, title: str, speeds: dict[str, float], ways: tuple[str, ...], note: str) -> None:
    """Print and record the speeds ``way precision`` of several ways."""
    best = max(speeds[f"strandloom {p}"] for p in PRECISIONS)
    rows = [
        {
            "way": way,
            "fp32": speeds[f"{way} fp32"],
            "bf16": speeds[f"{way} bf16"],
            "strandloom's best / its best": best / max(speeds[f"{way} {p}"] for p in PRECISIONS),
        }
        for way in ways
    ]
    record(section, title, rows, packages=["torch", "numpy"], note=note)


def main() -> None:
    """Measure, print and record."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--only", default=",".join(NETWORKS))
    parser.add_argument("--device", default="cpu")
    given = parser.parse_args()
    for name in given.only.split(","):
        print(name, file=sys.stderr)
        if given.device == "cpu":
            beside_keras(name, repeats=given.repeats)
        else:
            on_card(name, device=given.device, repeats=given.repeats)


if __name__ == "__main__":
    main()
