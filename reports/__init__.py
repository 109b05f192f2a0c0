"""The read side: queries, one per question; the reading API, the dashboard, the trial report."""
