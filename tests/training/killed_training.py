"""Run by test_loop_kill.py: a process that forks trainings, kills them with SIGKILL at random moments and resumes them.

It forks after importing torch and before using it, so that each training starts at once.

Usage: killed_training.py FOLDER
"""

from __future__ import annotations

import os
import random
import signal
import sys
import time
from pathlib import Path

import torch
from safetensors.torch import save_file

sys.path.insert(0, str(Path(__file__).parent))
from conftest import make_arrays, make_net
from strandloom.training.loop import fit
from strandloom.training.settings import TrainingSettings
from strandloom.training.task import task_head

KILLS = 8


def train_once(folder: Path, out: Path) -> None:
    """Train on generated data, going on from the folder's checkpoint, and write the final weights."""
    torch.set_num_threads(1)
    train, validation = make_arrays(640, seed=1), make_arrays(64, seed=2)
    settings = TrainingSettings.model_validate(
        {"epochs": 20, "batch_size": 32, "patience": None, "augmentation": {"shift": 2, "mutation": 0.01}}
    )
    model = make_net()
    task = task_head("classes", train, outputs=2, settings=settings)
    fit(
        model,
        train,
        validation,
        settings=settings,
        task=task,
        strand="both",
        precision="fp32",
        folder=folder,
        resume=True,
    )
    save_file(model.state_dict(), out)


def start(folder: Path, out: Path) -> int:
    """Fork a training; its process number."""
    child = os.fork()
    if child == 0:
        train_once(folder, out)
        os._exit(0)
    return child


def main(folder: Path) -> None:
    """One training left alone, timed; then one killed again and again."""
    begun = time.perf_counter()
    _, status = os.waitpid(start(folder / "straight", folder / "straight.safetensors"), 0)
    assert status == 0
    whole = time.perf_counter() - begun

    moments = random.Random(7)
    for _ in range(KILLS):
        child = start(folder / "killed", folder / "killed.safetensors")
        time.sleep(moments.uniform(0.05, 0.4) * whole)
        os.kill(child, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
        finished = status == 0
        sys.stdout.write("finished\n" if finished else "killed\n")
        if finished:
            break
    _, status = os.waitpid(start(folder / "killed", folder / "killed.safetensors"), 0)
    assert status == 0


if __name__ == "__main__":
    main(Path(sys.argv[1]))
