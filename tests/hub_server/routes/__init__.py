"""What the Hub does for each address: one file per room of its API, each with the table of its routes."""
