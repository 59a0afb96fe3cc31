"""The pages of the studio, one a module; each has a function that registers it."""

from __future__ import annotations
