"""The tables, views and queries of the store, as SQL files, and what applies them."""
