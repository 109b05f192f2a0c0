"""How platforms write forms, money, times and signatures, each read in one way."""
