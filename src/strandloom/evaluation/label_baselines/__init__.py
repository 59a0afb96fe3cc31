"""Classical baselines of yes/no labels."""
