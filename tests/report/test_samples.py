from collections.abc import Iterator

from decouplednet.report.samples import extremes, images_by_class, shuffled, with_most_classes


def test_the_order_depends_on_the_seed_alone() -> None:
    names = [f"image_{number}" for number in range(9)]

    assert shuffled(names, 1) == shuffled(reversed(names), 1)
    assert sorted(shuffled(names, 1)) == names
    assert shuffled(names, 1) != shuffled(names, 2)


def test_the_first_images_of_each_class_are_taken() -> None:
    tagged = [
        ("a", frozenset({"cat", "cow"})),
        ("b", frozenset({"cat", "unknown"})),
        ("c", frozenset({"cat", "dog"})),
        ("d", frozenset[str]()),
    ]

    found = images_by_class(tagged, ["dog", "cat", "cow", "sheep"], 2)

    assert list(found.items()) == [
        ("dog", ("c",)),
        ("cat", ("a", "b")),
        ("cow", ("a",)),
        ("sheep", ()),
    ]


def test_no_more_images_are_read_than_needed() -> None:
    def tagged() -> Iterator[tuple[str, frozenset[str]]]:
        yield "a", frozenset({"cat"})
        raise AssertionError("read on")

    assert images_by_class(tagged(), ["cat"], 1) == {"cat": ("a",)}


def test_images_with_several_classes_come_first_and_untagged_ones_not_at_all() -> None:
    tagged = [
        ("a", frozenset({"cat"})),
        ("b", frozenset[str]()),
        ("c", frozenset({"cat", "dog"})),
        ("d", frozenset({"dog"})),
    ]

    assert [name for name, _ in with_most_classes(tagged, 9)] == ["c", "a", "d"]
    assert with_most_classes(tagged, 1) == (("c", frozenset({"cat", "dog"})),)


def test_best_and_worst_share_no_image() -> None:
    score = {"a": 0.5, "b": 0.9, "c": 0.1, "d": 0.5, "e": 0.7}

    assert extremes(score, 2) == (("b", "e"), ("c", "d"))
    assert extremes(score, 4) == (("b", "e", "a"), ("c", "d"))
    assert extremes({"a": 1.0}, 4) == (("a",), ())
    assert extremes({}, 4) == ((), ())
