"""What may be concluded from few units: verdicts that may be read at any time, and the sample-ratio check."""

from reports.stats.verdict import judge

__all__ = ["judge"]
