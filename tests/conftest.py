"""Shared fixtures."""

from __future__ import annotations

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real data that ``STRANDLOOM_DATA`` names; the test is skipped where it is unset."""
    folder = os.environ.get("STRANDLOOM_DATA")
    if not folder:
        pytest.skip("STRANDLOOM_DATA is unset")
    return Path(folder)
