"""Lawbook: the laws, one file for each thing they are about."""
