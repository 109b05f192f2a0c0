"""What becomes of an event: accepted, duplicate or rejected, and why."""
