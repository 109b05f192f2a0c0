"""The HTTP side of a process: its roles, its one application, its operations."""
