"""Numbers of things in words."""


def count(number: int, thing: str) -> str:
    """Return a number with its thing in the singular or the plural.

    Args:
        number: how many.
        thing: a word whose plural ends in s.

    >>> count(1, "image"), count(2, "label map"), count(0, "row")
    ('1 image', '2 label maps', '0 rows')
    """
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"
