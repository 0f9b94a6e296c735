import pytest

from decouplednet import errors


@pytest.mark.parametrize(
    "kind",
    [
        errors.DataError,
        errors.SettingsError,
        errors.ModelError,
        errors.DeviceError,
        errors.TrainingError,
        errors.UsageError,
    ],
)
def test_every_fault_a_user_can_mend_is_a_user_error(kind: type[Exception]) -> None:
    assert issubclass(kind, errors.UserError)
    assert kind.__doc__


def test_a_bug_is_no_user_error() -> None:
    assert not issubclass(ValueError, errors.UserError)
    assert not issubclass(errors.UserError, (ValueError, OSError))
