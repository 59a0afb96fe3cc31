"""Sequence design: from starts to sequences with the predicted value that is wanted, inside rules and inside what the model knows."""
