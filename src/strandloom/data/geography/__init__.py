"""Places on the globe: distances, grids, coast and land."""
