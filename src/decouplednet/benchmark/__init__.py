"""How fast this machine runs the method, against its own limit and against other ways to do it."""
