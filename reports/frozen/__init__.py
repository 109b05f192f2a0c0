"""Freezes reports: fixes the data, writes the extract, signs, stores, and tells later what has changed since."""
