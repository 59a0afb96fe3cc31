"""Network architectures: typed settings and the modules they build."""
