"""Tensors: plain PyTorch modules and functions. Nothing in this package reads a spec."""
