"""The tiers of tests, each a folder, from the quickest to the slowest."""

OFFLINE = ("unit", "property", "model", "house")
"""Tiers that run in one process and open no socket; `make test-unit` runs the first of them."""
TIERS = (*OFFLINE, "contract", "integration", "e2e", "fault")
