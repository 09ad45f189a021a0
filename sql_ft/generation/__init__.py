"""Greedy batched decoding, and one SQL statement out of a completion."""
