"""Honest numbers: metrics, intervals, calibration, abstention."""
