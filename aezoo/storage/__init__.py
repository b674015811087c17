"""A model's folder: layout, manifest, weights, verification, lock file, card, pictures."""
