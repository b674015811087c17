"""Judging a model: its scores beside those of simple baselines, and walks through its code."""
