"""What is particular to a PASCAL VOC folder: its twenty classes and its object files."""

from pathlib import Path
from xml.etree import ElementTree

from decouplednet.classes import ClassList, composed
from decouplednet.errors import DataError

# In the order of the ids in SegmentationClass (VOC2012 development kit, section on classes).
VOC_CLASSES = ClassList(
    (
        "aeroplane",
        "bicycle",
        "bird",
        "boat",
        "bottle",
        "bus",
        "car",
        "cat",
        "chair",
        "cow",
        "diningtable",
        "dog",
        "horse",
        "motorbike",
        "person",
        "pottedplant",
        "sheep",
        "sofa",
        "train",
        "tvmonitor",
    )
)


def read_objects(path: Path) -> frozenset[str]:
    """Return the names of the objects in an annotation file; parts of objects do not count.

    Raises:
        DataError: the file cannot be read or is no XML.
    """
    try:
        # Expat itself refuses entities that grow without measure (since 2.4.1).
        root = ElementTree.fromstring(path.read_bytes())  # noqa: S314
    except OSError as fault:
        raise DataError(f"{path}: cannot be read: {fault.strerror}") from None
    except (ElementTree.ParseError, LookupError, ValueError) as fault:
        raise DataError(f"{path}: not an XML file: {fault}") from None
    names = (composed(found.findtext("name", "").strip()) for found in root.findall("object"))
    return frozenset(name for name in names if name)
