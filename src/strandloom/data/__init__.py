"""Tables of sequences as arrays: data sets, targets, splits, leakage, simulation."""
