"""Blocks that are over, computed anew from stored events, and what follows from them: hours, days, differences."""
