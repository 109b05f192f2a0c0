"""Who may read beside keys: sessions that have ended, share links, and the bounds of signing in."""
