"""Small exports of CVAT for the tests."""

from pathlib import Path

from decouplednet.annotations.findings import Finding
from decouplednet.annotations.formats.cvat import Cvat, detect
from decouplednet.annotations.formats.source import Said
from decouplednet.classes import ClassList

SIZE = (37, 53)
CLASSES = ClassList(("dog", "cat", "cow"))
LABELS = ("dog", "cat", "background", "cow")


def meta(labels: tuple[str, ...] = LABELS, of: str = "task") -> str:
    listed = "".join(
        f"<label><name>{label}</name><color>#fa3253</color><type>any</type><attributes>"
        "</attributes></label>"
        for label in labels
    )
    return (
        f"<meta><{of}><id>4</id><name>zoo</name><size>2</size><mode>annotation</mode><labels>"
        f"{listed}</labels><owner><username>a</username><email></email></owner></{of}>"
        "<dumped>2025-01-01</dumped></meta>"
    )


def image(name: str, shapes: str = "", more: str = 'width="53" height="37"') -> str:
    return f'<image id="0" name="{name}" {more}>{shapes}</image>'


def write(path: Path, *images: str, head: str = meta()) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    text = (
        '<?xml version="1.0" encoding="utf-8"?>\n<annotations>\n  <version>1.1</version>\n  '
        f"{head}\n  {' '.join(images)}\n</annotations>\n"
    )
    path.write_text(text, encoding="utf-8")
    return path


def found(root: Path) -> Cvat:
    source = detect(root)
    assert source is not None
    return source


def read(root: Path, *images: str, head: str = meta()) -> list[Said | Finding]:
    file = write(root / "annotations.xml", *images, head=head)
    return list(found(root).read(file))
