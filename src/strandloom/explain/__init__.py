"""From a trained network to motifs: attributions, matrices of filters, patterns, known motifs, and experiments on sequences."""
