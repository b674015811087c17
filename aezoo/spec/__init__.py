"""Declarations: what a spec may say. Nothing in this room imports torch."""
