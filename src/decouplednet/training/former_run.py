"""Whether a run that an earlier version began can go on."""

from collections.abc import Mapping

from decouplednet.errors import TrainingError
from decouplednet.inference.model_folder import means_another_network
from decouplednet.training.run_folder import RunFolder


def check_format(facts: Mapping[str, object], folder: RunFolder) -> None:
    """Refuse to go on with a run whose preset meant another network when it began.

    Args:
        facts: of the run; without ``format_version`` it is of format 1.
        folder: of the run.

    Raises:
        TrainingError: it meant another one.
        SettingsError: its settings are damaged.
    """
    settings, found = folder.recorded_settings(), facts.get("format_version", 1)
    version = found if isinstance(found, int) else 1
    if means_another_network(version, settings.preset):
        raise TrainingError(
            f"{folder.root}: begun in format_version {version}, in which preset "
            f"{settings.preset} was another network; start anew in another folder"
        )
