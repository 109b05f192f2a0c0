"""Who may send and what stands where: the registry file, the compacted topic, the look-up, keys."""
