"""The HTTP door: authenticate, adapt, judge, publish, answer."""
