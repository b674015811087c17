"""Spec to Model and Objective, held to what was declared."""
