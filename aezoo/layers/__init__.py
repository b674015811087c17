"""The layers that mirrors are made of: declarations in the core, registered with the built-in parts."""
