"""Losses that are not finite: noticed, traced to the layer and the samples they began at, and gone back from."""
