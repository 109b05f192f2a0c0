"""Who withdrew consent, as the gateway remembers it and as the topic keeps it."""
