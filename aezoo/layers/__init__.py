"""The layers that a mirror is made of: declarations in the core, registered with the parts in the box."""
