"""The command line and the wiring: one module per command, and the embedded stack."""
