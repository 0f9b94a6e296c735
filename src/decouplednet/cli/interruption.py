"""Ctrl-C in a command that can be gone on with."""


class Interrupted(Exception):  # noqa: N818 (the user's will, no fault)
    """The user stopped a command; the message says what to do with what is there."""
