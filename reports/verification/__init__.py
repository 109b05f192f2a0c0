"""Checks a frozen report on any machine: its seal, its extract, and each of its figures by a computation of its own.

Of this project it imports the definitions (`reports.metrics`), the pure statistics (`reports.stats`) and `schemas`; a
report is never held against the code that made it.
"""
