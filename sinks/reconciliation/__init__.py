"""Conservation: what each hop says it passed on, added up and held against the next."""
