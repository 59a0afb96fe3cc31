"""The studio: data, models, runs and deployments in a browser, over ordinary run folders and bundles."""

from __future__ import annotations
