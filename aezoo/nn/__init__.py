"""Tensors: plain PyTorch modules and functions. Nothing in this room knows what a spec is."""
