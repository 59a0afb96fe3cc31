"""What ``doctor`` finds out: versions, machine, device and a first measure of speed."""

from __future__ import annotations

import os
import platform
import shutil
import sys
import time
from importlib import metadata
from typing import Any

from strandloom.cli.console import threads
from strandloom.version import VERSION

CORE = ("torch", "numpy", "polars", "pydantic", "numba", "isal", "scikit-learn", "scipy", "safetensors", "matplotlib")


def checkup(device: str = "auto") -> dict[str, dict[str, Any]]:
    """Sections of facts about this machine, each a name to a value.

    Raises
    ------
    StrandloomError
        The device asked for is not there.
    """
    import torch

    from strandloom.training.runtime import apply, choose_runtime

    runtime = apply(choose_runtime(device, parameters=1_000_000, threads=threads()))
    folder = os.environ.get("STRANDLOOM_DATA")
    data = "not set (only examples on real data need it)"
    if folder:
        data = folder if os.path.isdir(folder) else f"{folder} (no such folder)"
    return {
        "strandloom": {"version": VERSION, "python": platform.python_version(), "executable": sys.executable},
        "packages": {name: _version(name) for name in CORE},
        "machine": {
            "system": platform.platform(),
            "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
            "memory": _memory(),
            "free disk here": f"{shutil.disk_usage('.').free / 1e9:.0f} GB",
            "STRANDLOOM_DATA": data,
        },
        "device": {
            "device": str(runtime.device),
            "threads": runtime.threads,
            "precision for training": runtime.precision,
            "notes": "; ".join(runtime.notes) or "none",
        },
        "speed": _speed(torch.device(runtime.device)),
    }


def _version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return "MISSING"


def _memory() -> str:
    try:
        total = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (ValueError, OSError, AttributeError):
        return "unknown"
    return f"{total / 2**30:.0f} GiB"


def _speed(device: Any) -> dict[str, str]:
    """Matrix products and one training-size convolution, the best of a few repeats."""
    import torch

    found: dict[str, str] = {}
    n = 1024
    for name, kind in (("fp32 product", torch.float32), ("bf16 product", torch.bfloat16)):
        a = torch.randn(n, n, device=device, generator=torch.Generator(device).manual_seed(1)).to(kind)
        seconds = _best(lambda a=a: a @ a, device)
        found[name] = f"{2 * n**3 / seconds / 1e9:,.0f} GFLOP/s"
    x = torch.zeros(256, 4, 100, device=device)
    layer = torch.nn.Conv1d(4, 128, 15, padding="same").to(device)
    with torch.inference_mode():
        seconds = _best(lambda: layer(x), device)
    found["first layer"] = f"{256 / seconds:,.0f} sequences of 100 bp a second"
    return found


def _best(work: Any, device: Any) -> float:
    import torch

    best = float("inf")
    for _ in range(5):
        started = time.perf_counter()
        work()
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        best = min(best, time.perf_counter() - started)
    return best
