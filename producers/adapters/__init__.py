"""One file per platform's flow: how it signs, what it asks, what its messages mean, what it wants to hear back."""
