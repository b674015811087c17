"""Diagnosis: figures of data and of trained models -> findings, each with its evidence, its cause and a patch."""
