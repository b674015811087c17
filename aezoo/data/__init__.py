"""From a source of samples to batches: open, check, split, gather."""
