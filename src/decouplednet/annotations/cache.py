"""Where what was computed of a data set waits for the next command; it may be deleted any time."""

import hashlib
import os
import tempfile
from pathlib import Path

VARIABLE = "DECOUPLEDNET_CACHE"


def cache_folder() -> Path:
    """Return the folder of cached files: ``$DECOUPLEDNET_CACHE``, else the user's cache folder.

    It is made if it is missing. Where it cannot be written, it is a folder for temporary files.
    """
    given = os.environ.get(VARIABLE)
    home = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    folder = Path(given or Path(home) / "decouplednet").expanduser()
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        return _temporary()
    return folder if os.access(folder, os.W_OK | os.X_OK) else _temporary()


def cache_file(root: Path, suffix: str) -> Path:
    """Return the file in which something of a data set is cached; one for each path of it.

    Args:
        root: the data set's folder.
        suffix: which kind of thing, such as ``.sqlite``.
    """
    digest = hashlib.sha256(os.fsencode(root.resolve())).hexdigest()[:24]
    return cache_folder() / f"{digest}{suffix}"


def _temporary() -> Path:
    # Shared by the processes of one user, like the folder that it stands for.
    folder = Path(tempfile.gettempdir()) / f"decouplednet-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    return folder
