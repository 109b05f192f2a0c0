"""Connectors: programs that fetch what a platform does not push, and post it to the gateway like any partner."""
