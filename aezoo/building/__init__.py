"""Spec to Model and Objective, checked against what was declared."""
