"""Where and how to compute: device, threads, precision and allocator, by rule and never by a timing."""

from __future__ import annotations

import ctypes
import importlib.metadata
import os
import platform
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal, NamedTuple

import torch

from strandloom.errors import UsageError
from strandloom.training.settings import Precision

LEAST_BF16_PARAMETERS = 20_000
"""Below this many weights a step is all overhead and 16 bits gain nothing."""
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # of glibc's malloc.h
PACKAGES = ("strandloom", "torch", "numpy", "polars", "pydantic", "safetensors", "scikit-learn", "scipy", "numba")


class Chosen(NamedTuple):
    """A precision and the reason in a few words."""

    precision: Precision
    why: str


@dataclass(frozen=True)
class Runtime:
    """What a run computes on; written to ``environment.json`` and used again on resume.

    Attributes
    ----------
    device
        ``cpu``, ``cuda:0``, ``mps``.
    threads
        Threads of torch on the CPU.
    precision
        Of training; predictions are always ``fp32``.
    notes
        Why, in plain words.
    """

    device: str
    threads: int
    precision: Precision
    notes: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """As JSON-able values."""
        return asdict(self)

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> Runtime:
        """The inverse of :meth:`to_json`."""
        return cls(**{**values, "notes": tuple(values["notes"])})


def choose_runtime(
    device: str = "auto",
    *,
    precision: Literal["auto"] | Precision = "auto",
    parameters: int,
    threads: int | None = None,
    earlier: Runtime | None = None,
) -> Runtime:
    """The runtime of a training.

    Parameters
    ----------
    device
        ``auto`` (an NVIDIA card, else an Apple one, else the CPU), ``cpu``, ``cuda``, ``cuda:1``, ``mps``.
    precision
        ``auto`` follows :func:`choose_precision`.
    parameters
        Trainable weights of the model.
    threads
        None for one per physical core that this process may use.
    earlier
        The runtime of the run being resumed: its precision and threads are kept, so that the weights stay the same.

    Raises
    ------
    UsageError
        The device is not there.
    """
    place, note = choose_device(device)
    if earlier is not None:
        notes = [note, "precision and threads as in the run being resumed"]
        if place.type != torch.device(earlier.device).type:
            notes.append(f"the run began on {earlier.device}: the weights will not be the same bit for bit")
        return Runtime(str(place), earlier.threads, earlier.precision, tuple(notes))
    chosen = Chosen(precision, "as asked") if precision != "auto" else choose_precision(place, parameters=parameters)
    return Runtime(
        device=str(place),
        threads=threads or physical_cores(),
        precision=chosen.precision,
        notes=(note, f"{chosen.precision}: {chosen.why}"),
    )


def choose_device(name: str) -> tuple[torch.device, str]:
    """A device by name and a note on the choice.

    Raises
    ------
    UsageError
        The name is unknown or the device is not there.
    """
    cards = torch.cuda.device_count() if torch.cuda.is_available() else 0
    apple = torch.backends.mps.is_available()
    if name == "auto":
        if cards:
            return torch.device("cuda", 0), f"device: {torch.cuda.get_device_name(0)}"
        if apple:
            return torch.device("mps"), "device: Apple GPU"
        return torch.device("cpu"), "device: CPU (no accelerator found)"
    try:
        device = torch.device(name)
    except RuntimeError:
        device = None
    if device is None or device.type not in ("cpu", "cuda", "mps"):
        raise UsageError(f"unknown device '{name}'", where="--device", hint="use auto, cpu, cuda, cuda:0 or mps")
    there = ", ".join(["cpu", *(f"cuda:{i}" for i in range(cards)), *(["mps"] if apple else [])])
    if device.type == "cuda":
        index = device.index or 0
        if index >= cards:
            raise UsageError(f"there is no device '{name}' here; found: {there}", where="--device", hint="use auto")
        return torch.device("cuda", index), f"device: {torch.cuda.get_device_name(index)}"
    if device.type == "mps" and not apple:
        raise UsageError(f"there is no device 'mps' here; found: {there}", where="--device", hint="use auto")
    return torch.device(device.type), f"device: {device.type}, as asked"


def choose_precision(device: torch.device, *, parameters: int) -> Chosen:
    """The rule behind ``precision: auto``: 16 bits where the hardware has them built in, and the model is worth it."""
    if parameters < LEAST_BF16_PARAMETERS:
        return Chosen("fp32", f"the model has fewer than {LEAST_BF16_PARAMETERS:,} weights")
    if device.type == "cuda":
        if torch.cuda.get_device_capability(device) >= (8, 0):
            return Chosen("bf16", "the card computes bfloat16 natively")
        return Chosen("fp32", "the card has no native bfloat16")
    if device.type == "cpu":
        features = torch.cpu.get_capabilities()
        for flag in ("avx512_bf16", "amx_bf16"):
            if features.get(flag):
                return Chosen("bf16", f"the processor has {flag}")
        return Chosen("fp32", "the processor has no native bfloat16")
    return Chosen("fp32", f"bfloat16 is not used on {device.type}")


def apply(runtime: Runtime) -> Runtime:
    """Set the threads of torch and tune the allocator of this process; call once before training or prediction."""
    torch.set_num_threads(runtime.threads)
    tune_allocator()
    return runtime


def tune_allocator() -> bool:
    """Keep freed memory of large tensors in the process (glibc), which makes steps faster. Whether it took effect.

    Without it every step maps its activations from the kernel and gives them back.
    """
    if platform.system() != "Linux" or platform.libc_ver()[0] != "glibc":
        return False
    library = ctypes.CDLL(None)
    trim = library.mallopt(M_TRIM_THRESHOLD, 2**31 - 1)
    large = library.mallopt(M_MMAP_THRESHOLD, 1 << 30) or library.mallopt(M_MMAP_THRESHOLD, 32 << 20)
    return bool(trim and large)


def physical_cores() -> int:
    """Physical cores this process may use: its affinity, counted by core, within the container's quota."""
    if not hasattr(os, "sched_getaffinity"):
        return max(1, (os.cpu_count() or 2) // 2 if platform.machine() == "x86_64" else os.cpu_count() or 1)
    allowed = os.sched_getaffinity(0)
    cores = {core_of(cpu) for cpu in allowed}
    return max(1, min(len(cores), _quota() or len(cores)))


def core_of(cpu: int) -> str:
    """The core a logical processor belongs to, named by its siblings; by its own number where Linux does not say."""
    path = Path(f"/sys/devices/system/cpu/cpu{cpu}/topology/thread_siblings_list")
    try:
        return path.read_text().strip()
    except OSError:
        return str(cpu)


def _quota() -> int | None:
    """Processors granted by the control group (version 2), rounded up; None for no limit."""
    try:
        quota, period = Path("/sys/fs/cgroup/cpu.max").read_text().split()
    except (OSError, ValueError):
        return None
    return None if quota == "max" else max(1, -(-int(quota) // int(period)))


def environment(runtime: Runtime | None = None) -> dict[str, Any]:
    """What a run ran on, as JSON-able values for ``environment.json``: versions, machine, and the runtime."""
    versions: dict[str, str] = {"python": platform.python_version()}
    for name in PACKAGES:
        try:
            versions[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    machine = {
        "system": platform.platform(),
        "processor": _processor(),
        "cores": physical_cores(),
        "cpu_capability": torch.backends.cpu.get_cpu_capability(),
        "accelerators": [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())],
    }
    return {"versions": versions, "machine": machine, "runtime": None if runtime is None else runtime.to_json()}


def _processor() -> str:
    """The processor's name as Linux gives it, else as Python does."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    return next((x.split(":", 1)[1].strip() for x in lines if x.startswith("model name")), platform.processor())
