"""Faults that a user can mend: each is one line that says where, found, expected and remedy."""


class UserError(Exception):
    """Something in data, files, a model or a recipe must be mended by the user; exit status 1."""


class DataError(UserError):
    """An image, a mask, a tag table, a class list or a split was refused."""


class SettingsError(UserError):
    """A recipe or a setting was refused."""


class ModelError(UserError):
    """A model folder or a weights file was refused."""


class DeviceError(UserError):
    """The device or precision asked for is not on this machine."""


class TrainingError(UserError):
    """A training run could not start or had to stop; what was good is kept."""


class UsageError(UserError):
    """Wrong use of the command line, such as an unknown setting after ``--set``; exit status 2."""
