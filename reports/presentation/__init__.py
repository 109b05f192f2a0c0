"""Words, numbers and drawings that the pages and the report share."""
