"""What this machine can do at most: matrix products in fp32, bf16 and int8 (GFLOP/s), one after the other, in turn.

``fp32`` is torch's own (MKL), which is slow on AMD processors; ``fp32 oneDNN`` is the library that computes convolutions, also for
Keras and OpenVINO.
"""

from __future__ import annotations

import torch

from common import alternate, median, record, timed

SIZE = 2048


def main() -> None:
    """Measure, print and record."""
    generator = torch.Generator().manual_seed(0)
    a, b = (torch.randn(SIZE, SIZE, generator=generator) for _ in range(2))
    low = a.bfloat16(), b.bfloat16()
    small = (a * 20).to(torch.int8), (b * 20).to(torch.int8)
    ways = {
        "fp32": lambda: timed(lambda: torch.mm(a, b)),
        "fp32 oneDNN": lambda: timed(lambda: torch.ops.mkldnn._linear_pointwise(a, b, None, "none", [], "")),
        "bf16": lambda: timed(lambda: torch.mm(*low)),
        "int8": lambda: timed(lambda: torch._int_mm(*small)),
    }
    found = alternate(ways, repeats=9)
    rows = [{"kind": name, "GFLOP/s": 2 * SIZE**3 / median(values) / 1e9} for name, values in found.items()]
    record("peak", f"Matrix products, n = {SIZE}, {torch.get_num_threads()} threads", rows, packages=["torch"])


if __name__ == "__main__":
    main()
