import re
from collections.abc import Iterable, Sequence
from pathlib import Path

import pytest

from decouplednet.annotations.catalogue import Catalogue
from decouplednet.annotations.record import Record
from decouplednet.comparison.cell import Cell
from decouplednet.comparison.own_training import DECOUPLEDNET, MASKS_ONLY
from decouplednet.comparison.terms import set_terms
from decouplednet.errors import DataError
from decouplednet.settings import Settings
from decouplednet.training.digests import digests_of
from tests.annotations.folders import native
from tests.comparison.fakes import Untrained, terms_of
from tests.shapes import write_shapes

# Twelve images, all tagged and nine of them masked; masks hold cat, dog or both.
MASKS = {f"m{n}": ((0, 1), (0, 2), (1, 2))[n % 3] for n in range(9)}
TAGS = {**dict.fromkeys(MASKS, "cat"), "t0": "dog", "t1": "cat", "t2": "cat;dog"}
SPLITS = {"strong_1": ["m0", "m1"], "strong_2": ["m0", "m1", "m2"], "strong_all": list(MASKS)}


def names(records: Iterable[Record]) -> list[str]:
    return [record.name for record in records]


def test_masks_come_from_the_splits_of_the_data_set_where_it_has_them(tmp_path: Path) -> None:
    terms = terms_of(native(tmp_path, tags=TAGS, masks=MASKS, splits=SPLITS))

    assert terms.named == {1: "strong_1", 2: "strong_2"}
    assert names(terms.masked(2)) == ["m0", "m1", "m2"]
    assert terms.masked(0) == ()
    told = "has no split with 5 masks a class; it has 1, 2. Name one of them, or let"
    with pytest.raises(DataError, match=re.escape(told)):
        terms.masked(5)


def test_the_prefix_of_the_splits_can_be_another(tmp_path: Path) -> None:
    root = native(tmp_path, tags=TAGS, masks=MASKS, splits={"few.3": ["m0", "m4"], "fewx7": ["m1"]})

    assert terms_of(root, prefix="few.").named == {3: "few.3"}
    assert terms_of(root).named == {}


def test_elsewhere_the_masks_are_drawn_nested_from_those_that_are_not_scored(
    tmp_path: Path,
) -> None:
    root = native(tmp_path, tags=TAGS, masks=MASKS, splits={"val": ["m0", "m1"]})
    terms = terms_of(root, "data.validation_split=val")

    one, three = names(terms.masked(1)), names(terms.masked(3))
    assert set(one) < set(three) <= set(MASKS) - {"m0", "m1"}
    with pytest.raises(DataError, match="9 masks a class: only"):
        terms.masked(9)
    assert terms.drawn([1, 3]) == {"drawn_1": tuple(one), "drawn_3": tuple(three)}


def test_the_seed_of_the_settings_fixes_what_is_drawn(tmp_path: Path) -> None:
    root = native(tmp_path, tags=TAGS, masks=MASKS)
    drawn = [terms_of(root, f"seed={seed}").drawn([1, 2]) for seed in (0, 0, 1)]

    assert drawn[0] == drawn[1] != drawn[2]
    assert sorted(drawn[0]) == ["drawn_1", "drawn_2", "scored"]


@pytest.mark.parametrize("splits", [{}, SPLITS | {"strong_all": []}], ids=["drawn", "named"])
def test_without_a_split_to_score_a_share_is_held_out_that_no_method_learns_from(
    splits: dict[str, list[str]], tmp_path: Path
) -> None:
    splits = {name: lines for name, lines in splits.items() if lines}
    root = native(tmp_path, tags=TAGS, masks=MASKS, splits=splits)
    terms = terms_of(root, "data.held_out=0.4")

    assert names(terms.scored) == sorted(names(terms.scored))
    for masks in (1, 2):
        plan = terms.plan(Cell("untrained", masks, 7), Untrained(), progress=False)
        assert names(plan.roles.validation) == names(terms.scored)
        assert not set(terms.scored) & {*plan.roles.tags, *plan.roles.masks}


def test_a_plan_has_the_seed_and_the_masks_of_its_cell_and_the_tags_of_its_method(
    tmp_path: Path,
) -> None:
    data = write_shapes(tmp_path / "data", images=14, masks=10)
    terms = terms_of(data, "data.tags_split=tags", "data.validation_split=val", "seed=3")
    plan = terms.plan(Cell("decouplednet", 2, 8), DECOUPLEDNET, progress=True)

    assert plan.settings.seed == 8
    assert plan.settings.data.masks_split == "drawn_2"
    assert plan.roles.masks == terms.masked(2)
    assert len(plan.roles.tags) == 12
    assert plan.machine.progress
    alone = terms.plan(Cell("masks-only", 2, 8), MASKS_ONLY, progress=False)
    assert alone.roles.tags == alone.roles.masks == plan.roles.masks
    assert alone.roles.validation == plan.roles.validation


def test_a_method_without_masks_is_given_the_fewest(tmp_path: Path) -> None:
    named = terms_of(native(tmp_path / "a", tags=TAGS, masks=MASKS, splits=SPLITS))
    drawn = terms_of(native(tmp_path / "b", tags=TAGS, masks=MASKS))
    method = Untrained(uses_masks=False)

    for terms in (named, drawn):
        plan = terms.plan(Cell("untrained", 0, 1), method, progress=False)
        assert plan.roles.masks == terms.masked(1)


def test_tags_are_those_of_the_images_that_give_them(tmp_path: Path) -> None:
    root = native(tmp_path, tags=TAGS, masks=MASKS, splits={**SPLITS, "few": ["m1", "t2"]})
    terms = terms_of(root, "data.tags_split=few")

    assert terms.tags() == (frozenset({"cat", "dog"}),) * 2  # the mask of m1 shows a dog


def test_digests_tell_other_masks_and_other_scored_images_apart(tmp_path: Path) -> None:
    root = native(tmp_path, tags=TAGS, masks=MASKS, splits={**SPLITS, "val": ["m7"]})
    first, other = (terms_of(root, f"data.validation_split={name}") for name in ("val", "strong_1"))

    assert first.digests(1).scored == first.digests(2).scored != other.digests(1).scored
    assert first.digests(1).masks == other.digests(1).masks
    assert len({first.digests(masks).masks for masks in (0, 1, 2)}) == 3


def test_digests_tell_other_tags_apart(tmp_path: Path) -> None:
    few = {**SPLITS, "few": ["m1", "t2"]}
    root = native(tmp_path / "a", tags=TAGS, masks=MASKS, splits=few)
    other = native(tmp_path / "b", tags=TAGS | {"t1": "dog"}, masks=MASKS, splits=few)
    one, same, fewer, changed = (
        terms_of(folder, "data.validation_split=strong_1", *changes).digests(2)
        for folder, *changes in (
            (root,),
            (root, "segmenter.updates=3"),
            (root, "data.tags_split=few"),
            (other,),
        )
    )

    assert one == same
    assert len({one.tags, fewer.tags, changed.tags}) == 3
    assert (fewer.masks, changed.masks) == (one.masks, one.masks)


def test_the_digest_of_tags_is_that_of_the_images_that_a_method_may_learn_from(
    tmp_path: Path,
) -> None:
    terms = terms_of(native(tmp_path, tags=TAGS, masks=MASKS, splits=SPLITS))
    plan = terms.plan(Cell("decouplednet", 2, 0), DECOUPLEDNET, progress=False)

    assert terms.digests(2).tags == digests_of(plan)["tags"] != terms.digests(1).tags
    assert terms.digests(0).tags == terms.digests(1).tags


def test_there_must_be_something_to_score(tmp_path: Path) -> None:
    root = native(tmp_path, tags=TAGS, masks=MASKS)

    told = "no image with a mask is left to be scored; name some with data.validation_split"
    with pytest.raises(DataError, match=re.escape(f"{root}: {told}")):
        terms_of(root, "data.held_out=0")


def test_reading_the_masks_to_draw_from_is_shown(tmp_path: Path) -> None:
    shown: list[str] = []

    def progress(records: Sequence[Record]) -> Iterable[Record]:
        shown.extend(record.name for record in records)
        return records

    root = native(tmp_path, tags=TAGS, masks=MASKS, splits={"val": ["m0"]})
    settings = Settings.read(None, ["preset=tiny", "data.validation_split=val"])
    set_terms(Catalogue.read(root), settings, progress=progress)
    assert shown == [f"m{number}" for number in range(1, 9)]
