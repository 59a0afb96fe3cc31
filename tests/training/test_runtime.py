from __future__ import annotations

import json
import os
import sys

import pytest
import torch

from strandloom.errors import UsageError
from strandloom.training.runtime import (
    LEAST_BF16_PARAMETERS,
    Runtime,
    choose_device,
    choose_precision,
    choose_runtime,
    environment,
    physical_cores,
    tune_allocator,
)

CPU = torch.device("cpu")


def test_precision_follows_the_processor(monkeypatch: pytest.MonkeyPatch) -> None:
    flags: dict[str, bool] = {}
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: flags)
    assert choose_precision(CPU, parameters=10**6).precision == "fp32"
    flags["avx512_bf16"] = True
    assert choose_precision(CPU, parameters=10**6).precision == "bf16"
    assert choose_precision(CPU, parameters=LEAST_BF16_PARAMETERS - 1).precision == "fp32"
    assert choose_precision(torch.device("mps"), parameters=10**6).precision == "fp32"


def test_a_missing_device_is_a_clear_error() -> None:
    with pytest.raises(UsageError, match="unknown device 'tpu'"):
        choose_device("tpu")
    with pytest.raises(UsageError, match="unknown device 'gpu:x'"):
        choose_device("gpu:x")
    if not torch.cuda.is_available():
        with pytest.raises(UsageError, match=r"no device 'cuda:3' here; found: cpu"):
            choose_device("cuda:3")
    if not torch.backends.mps.is_available():
        with pytest.raises(UsageError, match="no device 'mps' here"):
            choose_device("mps")


def test_resume_keeps_precision_and_threads() -> None:
    earlier = Runtime("cpu", 7, "bf16")
    found = choose_runtime("cpu", parameters=10, earlier=earlier)
    assert (found.threads, found.precision) == (7, "bf16")
    assert Runtime.from_json(json.loads(json.dumps(found.to_json()))) == found


def test_asked_for_is_given() -> None:
    found = choose_runtime("cpu", precision="fp32", parameters=10**7, threads=3)
    assert (found.device, found.threads, found.precision) == ("cpu", 3, "fp32")


def test_cores_and_environment() -> None:
    assert 1 <= physical_cores() <= (os.cpu_count() or 1)
    values = json.loads(json.dumps(environment(choose_runtime("cpu", parameters=1))))
    assert values["versions"]["torch"].startswith("2.")
    assert values["runtime"]["device"] == "cpu"


@pytest.mark.skipif(sys.platform != "linux", reason="glibc")
def test_allocator() -> None:
    import platform

    assert tune_allocator() == (platform.libc_ver()[0] == "glibc")
