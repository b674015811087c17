"""Training: one loop for any objective and any number of players."""
