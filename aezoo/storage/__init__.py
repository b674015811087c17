"""A model's folder: saving and loading, layout, manifest, weights, verification, lock file, card, pictures."""
