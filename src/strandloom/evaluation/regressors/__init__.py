"""Classical regression on sequences: the bars that a network of measured values stands beside."""
