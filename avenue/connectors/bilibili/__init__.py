"""Bilibili's live rooms: calls to the open platform, its WebSocket's frames, and what listens to both."""
