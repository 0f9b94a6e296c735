import re
import secrets
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path

import pytest

from decouplednet.annotations.catalogue import Catalogue
from decouplednet.annotations.index import SCHEMA, Index, Records, connect
from decouplednet.annotations.record import Record
from decouplednet.annotations.roles import (
    Roles,
    assign_roles,
    check_classes_present,
    choose_classes,
    choose_masked_classes,
    masks_only,
)
from decouplednet.classes import ClassList
from decouplednet.errors import DataError
from decouplednet.settings import DataSettings

CLASSES = ClassList(("cat", "cow", "dog"))
Made = Callable[..., Catalogue]


@pytest.fixture
def catalogue(tmp_path: Path) -> Made:
    """Return what makes a catalogue whose images are single letters; only the index is a file."""

    def made(tagged: str = "", masked: str = "", bare: str = "", **splits: str) -> Catalogue:
        letters = sorted({*tagged, *masked, *bare})
        file = tmp_path / f"{secrets.token_hex(4)}.sqlite"
        with closing(connect(file, writable=True)) as index:
            index.executescript(SCHEMA)
            index.execute("INSERT INTO meta VALUES ('digest', ?)", (file.name,))
            for row, name in enumerate(letters):
                mask = row if name in masked else None
                cells = (row, name, f"{name}.png", '["cat"]' if name in tagged else None, mask)
                index.execute(
                    "INSERT INTO images (row, name, file, tags, mask) VALUES (?, ?, ?, ?, ?)", cells
                )
            index.commit()
        records = Records(Index(file, Path("images"), CLASSES, file.name), range(len(letters)))
        listed = {name: tuple(images) for name, images in splits.items()}
        return Catalogue(Path("data"), "native", CLASSES, records, listed)

    return made


def roles(data: Catalogue, seed: int = 0, **settings: object) -> Roles:
    return assign_roles(data, DataSettings.model_validate(settings), seed)


def names(records: Sequence[Record]) -> str:
    return "".join(record.name for record in records)


def test_without_splits_a_share_of_the_masks_is_held_out_and_only_scored(catalogue: Made) -> None:
    got = roles(catalogue(tagged="abc", masked="cdefgh", bare="xy"), held_out=0.4)

    assert len(got.validation) == 2
    held = set(names(got.validation))
    assert held < set("cdefgh")
    assert set(names(got.masks)) == set("cdefgh") - held
    assert set(names(got.tags)) == set("abcdefgh") - held
    assert (got.unlabelled, got.overlapping) == (2, 0)


def test_the_choice_follows_the_seed(catalogue: Made) -> None:
    data = catalogue(masked="abcdefghij")

    assert roles(data, seed=3) == roles(data, seed=3)
    assert len({names(roles(data, seed=seed).validation) for seed in range(9)}) > 1


@pytest.mark.parametrize(
    ("masked", "share", "held"),
    [
        ("abcd", 0.0, 0),
        ("ab", 0.9, 0),  # too few to spare one
        ("abc", 0.01, 1),  # at least one of three
        ("abcde", 0.2, 1),
        ("abcdefgh", 0.2, 2),
        ("abc", 0.99, 2),  # one is left to learn from
    ],
)
def test_the_share_is_rounded_so_that_both_sides_can_work(
    catalogue: Made, masked: str, share: float, held: int
) -> None:
    got = roles(catalogue(masked=masked), held_out=share)

    assert len(got.validation) == held
    assert len(got.masks) == len(masked) - held


def test_named_splits_win(catalogue: Made) -> None:
    data = catalogue(tagged="abc", masked="cdef", bare="x", t="xba", m="dc", v="fe")

    got = roles(data, tags_split="t", masks_split="m", validation_split="v")

    assert (names(got.tags), names(got.masks), names(got.validation)) == ("ab", "cd", "ef")
    assert (got.unlabelled, got.overlapping) == (1, 0)


def test_validation_leaves_the_roles_that_were_not_named(catalogue: Made) -> None:
    data = catalogue(tagged="abc", masked="cdef", v="cf", m="cd")

    got = roles(data, validation_split="v")
    assert (names(got.tags), names(got.masks), got.overlapping) == ("abde", "de", 0)

    got = roles(data, validation_split="v", masks_split="m")
    assert (names(got.tags), names(got.masks), got.overlapping) == ("abde", "cd", 1)


def test_what_is_held_out_is_claimed_by_no_named_split(catalogue: Made) -> None:
    data = catalogue(masked="abcdefgh", m="ab", t="cd")

    got = roles(data, masks_split="m", tags_split="t", held_out=0.5)

    assert (names(got.masks), names(got.tags)) == ("ab", "cd")
    assert len(got.validation) == 2
    assert set(names(got.validation)) < set("efgh")
    assert got.overlapping == 0


def test_overlap_of_named_splits_is_counted_once_an_image(catalogue: Made) -> None:
    data = catalogue(masked="abcd", s="abc", v="bcd")

    assert roles(data, tags_split="s", masks_split="s", validation_split="v").overlapping == 2


@pytest.mark.parametrize(
    ("held", "settings", "message"),
    [
        (
            {"tagged": "abc", "masked": "a", "m": "abc"},
            {"masks_split": "m"},
            "data: data.masks_split = m: the image 'b' has no mask (2 of 3 such images)",
        ),
        (
            {"tagged": "abc", "masked": "a", "v": "ca"},
            {"validation_split": "v"},
            "data: data.validation_split = v: the image 'c' has no mask (1 of 2 such images)",
        ),
        (
            {"masked": "a", "bare": "xy", "t": "xy"},
            {"tags_split": "t"},
            "data: no image in data.tags_split = t has tags; write rows into tags.csv, or name "
            "another data.tags_split",
        ),
        (
            {"bare": "xy"},
            {},
            "data: no image in it has tags; write rows into tags.csv, or name another "
            "data.tags_split",
        ),
        (
            {"tagged": "ab"},
            {},
            "data: no image has a mask; draw a few",
        ),
        (
            {"tagged": "ab", "masked": "c", "v": "c"},
            {"validation_split": "v"},
            "data: no image with a mask is left to train on; draw more, or hold out fewer with "
            "data.held_out or another data.validation_split",
        ),
        (
            {"masked": "abc", "val": "abc"},
            {"tags_split": "vall"},
            "data: there is no split 'vall'; did you mean 'val'? The splits are val",
        ),
    ],
)
def test_roles_that_cannot_be_filled_are_refused(
    catalogue: Made, held: dict[str, str], settings: dict[str, object], message: str
) -> None:
    with pytest.raises(DataError, match=f"^{re.escape(message)}$"):
        assign_roles(catalogue(**held), DataSettings.model_validate(settings), 0)


def test_classes_are_all_of_the_data_set_or_the_chosen_in_their_order() -> None:
    assert choose_classes(CLASSES, DataSettings()) == CLASSES
    assert choose_classes(CLASSES, DataSettings(classes=("dog", "cat"))).names == ("dog", "cat")
    accented = DataSettings(classes=("cafe\u0301",))
    assert choose_classes(ClassList(("caf\u00e9",)), accented).names == ("caf\u00e9",)


@pytest.mark.parametrize(
    ("chosen", "message"),
    [
        (("cat", "cwo"), r"^data\.classes: there is no class 'cwo'; did you mean 'cow'\?$"),
        (("cat", "cat"), r"^data\.classes: class 'cat' is listed twice$"),
        ((), r"^data\.classes: a class list holds 1 to 254 names; this one holds 0$"),
    ],
)
def test_a_choice_that_cannot_be_learnt_is_refused(chosen: tuple[str, ...], message: str) -> None:
    with pytest.raises(DataError, match=message):
        choose_classes(CLASSES, DataSettings(classes=chosen))


def test_a_class_on_no_image_is_refused() -> None:
    tags = [frozenset({"cat", "whale"}), None, frozenset[str]()]

    check_classes_present(ClassList(("cat",)), tags, Path("data"))
    message = (
        r"^data: no image that gives tags shows cow, dog \(2 of 3 classes\); tag some, or choose "
        r"the others with data\.classes$"
    )
    with pytest.raises(DataError, match=message):
        check_classes_present(CLASSES, tags, Path("data"))


def test_a_share_of_the_tags_is_kept_for_calibration_and_gives_nothing_else(
    catalogue: Made,
) -> None:
    data = catalogue(tagged="abcdefgh", masked="ghij", s="abcdefgh", m="gh", v="ij")

    def kept_half(seed: int) -> Roles:
        return roles(
            data,
            seed,
            calibration_share=0.5,
            tags_split="s",
            masks_split="m",
            validation_split="v",
        )

    got = kept_half(0)

    kept = set(names(got.calibration))
    assert len(kept) == 3
    assert kept < set("abcdef")  # g and h give their masks
    assert set(names(got.tags)) == set("abcdefgh") - kept
    assert names(got.masks) == "gh"
    assert kept_half(0) == got
    assert any(kept_half(seed).calibration != got.calibration for seed in range(1, 6))


def test_nothing_is_kept_for_calibration_unless_asked_for(catalogue: Made) -> None:
    assert not roles(catalogue(tagged="abc", masked="cdef")).calibration


def test_images_without_tags_of_their_own_are_never_kept_for_calibration(catalogue: Made) -> None:
    got = roles(catalogue(tagged="ab", masked="cdef"), calibration_share=0.9)

    assert set(names(got.calibration)) <= set("ab")


def test_the_classes_whose_masks_are_learnt_are_chosen_by_name() -> None:
    chosen = choose_masked_classes(CLASSES, DataSettings(masks_classes=("dog", "cat")))

    assert tuple(chosen) == ("dog", "cat")
    assert choose_masked_classes(CLASSES, DataSettings()) == CLASSES


def test_a_class_whose_masks_are_learnt_but_that_is_not_to_be_learnt_is_refused() -> None:
    with pytest.raises(DataError, match=r"data\.masks_classes: .*'catt'.*did you mean 'cat'"):
        choose_masked_classes(CLASSES, DataSettings(masks_classes=("catt",)))


def test_with_masks_only_the_masked_images_alone_give_tags(catalogue: Made) -> None:
    data = catalogue(tagged="abcd", masked="cd", strong="cd")
    settings = DataSettings(masks_split="strong", held_out=0)

    assert names(assign_roles(data, settings, 0).tags) == "abcd"
    narrowed = masks_only(settings)
    assert names(assign_roles(data, narrowed, 0).tags) == "cd"
    assert narrowed == DataSettings(masks_split="strong", tags_split="strong", held_out=0)
