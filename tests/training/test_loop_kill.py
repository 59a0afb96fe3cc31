"""A training killed with SIGKILL at any moment and resumed ends with the bytes of one that ran through."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import nn

from strandloom.training.arrays import Arrays
from strandloom.training.loop import fit
from strandloom.training.settings import TrainingSettings
from strandloom.training.task import task_head

SCRIPT = Path(__file__).with_name("killed_training.py")
SOURCE = Path(__file__).parents[2] / "src"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork and SIGKILL")
def test_killed_and_resumed_equals_uninterrupted(tmp_path: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": str(SOURCE), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, SCRIPT, tmp_path], env=environment, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split().count("killed") >= 3, done.stdout
    assert (tmp_path / "killed.safetensors").read_bytes() == (tmp_path / "straight.safetensors").read_bytes()

    lines, expected = (
        [json.loads(x) for x in (tmp_path / name / "metrics.jsonl").read_text().splitlines()]
        for name in ("killed", "straight")
    )
    for line in (*lines, *expected):
        del line["seconds"], line["samples_per_second"]
    assert lines == expected
    assert len(lines) == 20
    assert len(list((tmp_path / "killed" / "checkpoint").glob("best-*"))) == 1


class Stop(Exception):
    """Stands for a kill."""


def test_stop_at_every_rename_and_removal(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    arrays: Callable[..., Arrays],
    net: Callable[[], nn.Module],
) -> None:
    train, validation = arrays(64, seed=1), arrays(32, seed=2)
    settings = TrainingSettings(epochs=3, batch_size=32)
    task = task_head("classes", train, outputs=2, settings=settings)

    def run(folder: Path) -> dict[str, torch.Tensor]:
        model = net()
        fit(
            model,
            train,
            validation,
            settings=settings,
            task=task,
            strand="one",
            precision="fp32",
            folder=folder,
            resume=True,
        )
        return model.state_dict()

    expected = run(tmp_path / "straight")
    replace, fsync = os.replace, os.fsync
    for after in (False, True):
        for stop_at in range(1, 40):
            calls = 0

            def counted(
                call: Callable[..., None], *arguments: object, stop_at: int = stop_at, after: bool = after
            ) -> None:
                nonlocal calls
                calls += 1
                if calls == stop_at and not after:
                    raise Stop
                call(*arguments)
                if calls == stop_at:
                    raise Stop

            folder = tmp_path / f"{after}-{stop_at}"
            monkeypatch.setattr(os, "replace", lambda *a, c=counted: c(replace, *a))
            monkeypatch.setattr(os, "fsync", lambda *a, c=counted: c(fsync, *a))
            try:
                run(folder)
            except Stop:
                monkeypatch.undo()
                found = run(folder)
                assert all(torch.equal(found[name], x) for name, x in expected.items())
                assert len((folder / "metrics.jsonl").read_text().splitlines()) == 3
            else:
                monkeypatch.undo()
                assert stop_at > 10
                break
        else:
            pytest.fail("a training of three epochs makes fewer calls")
