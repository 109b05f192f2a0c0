"""Told without looking: a weekly digest and alerts, to the channels of the registry."""
