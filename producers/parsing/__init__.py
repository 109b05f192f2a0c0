"""From a body's bytes to its elements."""
