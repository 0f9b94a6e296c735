"""The images that misspelt names in lists may mean."""

from collections import defaultdict
from collections.abc import Collection
from functools import cached_property

from decouplednet.classes import nearest_name


class Proposals:
    """Proposes an image for a name that no image has; nothing is indexed before the first one.

    Args:
        names: of all images.
    """

    def __init__(self, names: Collection[str]) -> None:
        self._names = names

    def remedy(self, name: str, otherwise: str) -> str:
        """Return the question whether another image is meant, or another remedy.

        An image of the same file name in any folder comes first, then the one that is spelt most
        like it; other digits are another photograph, so they must agree.

        Args:
            name: what a list or a mask says.
            otherwise: the remedy when nothing comes close.
        """
        near = self._by_file_name.get(_file_name(name))
        near = near or nearest_name(name, self._by_digits.get(_digits(name), ()))
        return f"did you mean {near!r}?" if near else otherwise

    @cached_property
    def _by_file_name(self) -> dict[str, str]:
        return {_file_name(name): name for name in self._names}

    @cached_property
    def _by_digits(self) -> dict[str, list[str]]:
        found: dict[str, list[str]] = defaultdict(list)
        for name in self._names:
            found[_digits(name)].append(name)
        return found


def _file_name(name: str) -> str:
    return name.rpartition("/")[2].casefold()


def _digits(name: str) -> str:
    return "".join(sign for sign in name if sign.isdigit())
