"""Sweeps: many runs of one spec with other values, their table, and the best of them."""
