"""Models of equal shape, trained as one: their weights have a leading axis, and each step is one pass for all."""
