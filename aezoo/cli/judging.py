"""Scores as a table: the model beside its baselines."""

from __future__ import annotations
