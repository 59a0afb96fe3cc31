"""Hyper-parameter search: many short trainings judged on validation, the winner trained anew and judged once."""
