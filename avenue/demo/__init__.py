"""`avenue demo`: the whole road once, on this machine."""
