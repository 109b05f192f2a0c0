"""Topics into tables: poll, batch, insert, commit."""
