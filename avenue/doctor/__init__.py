"""Which hop of the road is broken first, and what to do about it."""
