"""Digests of what a run learns from, by which a resumed run knows that nothing was changed."""

import hashlib
from collections.abc import Iterable, Sequence

from decouplednet.annotations.catalogue import Record
from decouplednet.errors import DataError
from decouplednet.training.plan import Plan


def digests_of(plan: Plan) -> dict[str, str]:
    """Return a digest of the images' names and sizes in bytes, of their tags, and of the masks.

    Raises:
        DataError: a file cannot be read.
    """
    roles = plan.roles
    images = {record.name: record for record in (*roles.tags, *roles.masks)}
    return {
        "images": _digest(f"{name}\t{_size(record)}" for name, record in sorted(images.items())),
        "tags": tags_digest(roles.tags, plan.tags),
        "masks": masks_digest(roles.masks),
    }


def tags_digest(records: Sequence[Record], tags: Sequence[frozenset[str] | None]) -> str:
    """Return a digest of images' names, of the tags that they give and of what is left unsaid.

    Args:
        records: the images.
        tags: of each; None where they are unknown.
    """
    pairs = zip(records, tags, strict=True)
    return _digest(
        f"{record.name}\t{None if given is None else sorted(given)}"
        + (f"\t{sorted(record.unsaid)}" if record.unsaid else "")
        for record, given in pairs
    )


def masks_digest(records: Iterable[Record]) -> str:
    """Return a digest of images' names and of the contents of their masks, in whatever order.

    Raises:
        DataError: a mask cannot be read.
    """
    by_name = sorted(records, key=lambda record: record.name)
    return _digest(f"{record.name}\t{_mask(record)}" for record in by_name)


def _size(record: Record) -> int:
    try:
        return record.image.stat().st_size
    except OSError as fault:
        raise DataError(f"{record.image}: cannot be read: {fault.strerror}") from None


def _mask(record: Record) -> str:
    return record.mask.digest() if record.mask else hashlib.sha256(b"").hexdigest()


def _digest(lines: Iterable[str]) -> str:
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()
