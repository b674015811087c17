"""The reference of parts: what each declaration says of itself, as values and as a page."""
