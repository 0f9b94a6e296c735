"""How help names arguments and flags: DATA, not {data}; --quiet, not --quiet <bool>."""

from typing import Any

from typer.core import TyperArgument, TyperCommand, TyperGroup, TyperOption


class Command(TyperCommand):
    """A command in these words."""

    def get_params(self, ctx: Any) -> Any:
        """Return the arguments and options, ``--help`` among them."""
        return _named(super().get_params(ctx))

    def collect_usage_pieces(self, ctx: Any) -> list[str]:
        """Return what stands in the line of usage."""
        return [piece.strip("{}") for piece in super().collect_usage_pieces(ctx)]


class Group(TyperGroup):
    """The commands together, in these words."""

    def get_params(self, ctx: Any) -> Any:
        """Return the options, ``--help`` among them."""
        return _named(super().get_params(ctx))


def _named(parameters: Any) -> Any:
    for each in parameters:
        if isinstance(each, TyperArgument):
            each.metavar = each.metavar or str(each.name).upper()
        elif isinstance(each, TyperOption) and each.is_flag:
            each.metavar = ""
    return parameters
