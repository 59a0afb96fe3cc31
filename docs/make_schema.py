"""Write docs/experiment.schema.json from the typed settings."""

from pathlib import Path

from strandloom.experiment import json_schema
from strandloom.io.plain import write_json

write_json(Path(__file__).parent / "experiment.schema.json", json_schema())
