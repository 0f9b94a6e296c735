import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
GLOSSARY = ROOT / "docs" / "glossary.md"
# Names that are of torch, Python and other tools, not ours.
FOREIGN = (
    "binary_cross_entropy_with_logits",
    "unicodedata.category",
    "category_id",
    '"categories"',
    "`categories`",
    "Segmentation mask 1.1",  # an export of CVAT
)


def rows() -> Iterator[tuple[str, str, str]]:
    for line in GLOSSARY.read_text().splitlines():
        if line.startswith("| ") and not line.startswith("| word "):
            word, meaning, unwanted = (cell.strip() for cell in line.strip("|").split("|"))
            yield word, meaning, unwanted


def pattern(phrase: str) -> re.Pattern[str]:
    """Match a phrase as words, as an identifier, and in the plural."""
    parts = r"[\s_-]+".join(re.escape(part) for part in re.split(r"[\s-]", phrase))
    return re.compile(rf"(?<![A-Za-z]){parts}s?(?![A-Za-z])", re.IGNORECASE)


def texts() -> list[Path]:
    folders = {
        "src": ("*.py", "*.html"),
        "docs": ("*.md", "*.py"),
        "recipes": ("*.toml", "*.py"),
        "benchmarks": ("*.py",),
    }
    found = [
        path
        for folder, kinds in folders.items()
        for kind in kinds
        for path in (ROOT / folder).rglob(kind)
    ]
    return [*found, ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md"]


@pytest.mark.parametrize(
    ("word", "phrase"),
    [(word, phrase.strip()) for word, _, cell in rows() for phrase in cell.split(",") if phrase],
)
def test_a_thing_is_called_by_the_word_of_the_glossary(word: str, phrase: str) -> None:
    unwanted = pattern(phrase)
    found = []
    for path in set(texts()) - {GLOSSARY}:
        text = path.read_text(encoding="utf-8")
        for name in FOREIGN:
            text = text.replace(name, "")
        found += [f"{path.relative_to(ROOT)}: {hit.group()}" for hit in unwanted.finditer(text)]

    assert not found, f"say {word}: {found}"


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("the heat map", True),
        ("heat_maps = 1", True),
        ("Heat-map", True),
        ("wheat map", False),
        ("heat mapping", False),
    ],
)
def test_phrases_are_found_as_words_identifiers_and_plurals(text: str, found: bool) -> None:
    assert bool(pattern("heat map").search(text)) is found


def test_the_glossary_is_a_table_of_three_columns_with_every_word_once() -> None:
    words = [word for word, _, _ in rows() if not set(word) <= {"-"}]

    assert len(words) > 20
    assert len(set(words)) == len(words)
    assert all(meaning for _, meaning, _ in rows())
