"""Honest traffic of a registry's accounts: signed as the platforms sign, sent over HTTP, kept in a ledger."""
