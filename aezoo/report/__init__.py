"""What people look at: pictures of what a model does, drawn from plain arrays."""
