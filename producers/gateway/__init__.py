"""The HTTP gateway: authenticate, adapt, validate, publish, answer."""
