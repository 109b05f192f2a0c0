"""The end of stored rows: what is kept how long, and its destruction when that time is over."""
