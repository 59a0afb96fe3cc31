"""Source tracking: which environments did the reads of a sample come from, and in which shares."""
