"""Several processes that train one model, each on its share of every batch, started by torchrun."""
