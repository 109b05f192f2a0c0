"""How each platform signs what it pushes, written from its published rules.

Nothing here is shared with the code that verifies: two readings of one rule that agree say more than one.
"""
