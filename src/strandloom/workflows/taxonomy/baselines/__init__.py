"""What a model of taxonomy is held against: classical ways to name a sequence, with and without a place."""
