"""What a 30,000 × 101 bp task costs from file to report, and how near the estimate came."""

from __future__ import annotations

from common import record, run, table
from gue import experiment


def main() -> None:
    """One seed of tf_1, everything else as by default."""
    found = run("cost/tf_1", experiment("tf_1"))
    known = found["environment"]
    seconds = known["seconds"]
    total, ahead = known["total_seconds"], known["estimated_seconds"]
    peak = known["peak_memory"] / 2**30
    rows = [[name, f"{value:.0f} s"] for name, value in seconds.items()]
    body = (
        f"tf_1: 30,672 training rows of 101 bp, one seed, all baselines, 1,000 bootstrap resamples: **{total / 60:.1f} minutes** "
        f"from file to report on {known['runtime']['threads']} threads (goal 10); estimated at the start {ahead / 60:.1f} minutes "
        f"(factor {max(total, ahead) / min(total, ahead):.2f}, goal 1.5); peak memory {peak:.1f} GiB.\n\n"
        + table(["stage", "time"], rows)
    )
    record("cost", "Cost of a 30,000 × 101 bp task", body)


if __name__ == "__main__":
    main()
