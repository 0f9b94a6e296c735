"""Files of the folder of images that the server may read, and no others."""

import stat
from pathlib import Path

from decouplednet.errors import DataError
from decouplednet.serve.limits import MOST_IMAGE_BYTES, check_image_bytes


def read_under(root: Path, name: str) -> bytes:
    """Return what a file below a folder holds.

    No message holds a path: whoever asks shall not learn where the folder lies.

    Args:
        root: the folder.
        name: path of the file below it, with ``/``. Links may lead elsewhere in the folder.

    Raises:
        DataError: it is absolute, leads out of the folder by ``..`` or a link, or is no regular
            file of a size that is read.
    """
    if name.startswith("/") or Path(name).is_absolute():
        raise DataError("the path of a local file is absolute; expected one below --images")
    try:
        folder = root.resolve(strict=True)
        path = (folder / name).resolve(strict=True)
        if not path.is_relative_to(folder):
            raise DataError("the path of a local file leads out of --images")
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            raise DataError("the local file is no regular file")
        check_image_bytes(status.st_size)
        with path.open("rb") as file:
            content = file.read(MOST_IMAGE_BYTES + 1)
    except FileNotFoundError:
        raise DataError("there is no such local file below --images") from None
    except (OSError, RuntimeError, ValueError) as fault:
        reason = fault.strerror if isinstance(fault, OSError) else "its path is none"
        raise DataError(f"the local file cannot be read: {reason}") from None
    check_image_bytes(len(content))
    return content
