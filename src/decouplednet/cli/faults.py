"""The one line that a fault becomes where no message of ours says more."""

from collections.abc import Collection, Sequence


def wrong_use(message: str, words: Sequence[str], commands: Collection[str]) -> str:
    """Return the line about a wrong use, with the help that tells more.

    Args:
        message: what is wrong.
        words: those after ``decouplednet``.
        commands: names of the commands; the first of them among the words is the one in use.

    >>> wrong_use("No such option: --jsn", ["check", "--jsn"], {"check"})
    'No such option: --jsn (decouplednet check --help tells more)'
    """
    used = next((f" {word}" for word in words if word in commands), "")
    return f"{message} (decouplednet{used} --help tells more)"


def of_system(fault: OSError) -> str:
    """Return the line about a fault of a file or a disk.

    >>> of_system(OSError(36, "File name too long", "aaa"))
    'aaa: File name too long'
    >>> of_system(OSError(28, "No space left on device"))
    'output: No space left on device'
    """
    return f"{fault.filename or 'output'}: {fault.strerror or fault}"
