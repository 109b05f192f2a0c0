"""The rota of a trial for the wall of a shop: which place is in which arm on which day, in one language."""
