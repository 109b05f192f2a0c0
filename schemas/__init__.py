"""The contracts of the road: events, outcomes, topics, cells, registry entries. Imports nothing of ours."""
