"""Evaluation: the scores of a model beside those of simple baselines."""
