"""Declarations: what a spec may say. Nothing in this package imports torch."""
