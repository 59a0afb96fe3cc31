"""Files in and out: sequences, tables and arrays, streamed in blocks."""
