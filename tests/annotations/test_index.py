import os
import pickle
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from decouplednet.annotations import index_builder
from decouplednet.annotations.cache import VARIABLE, cache_file, cache_folder
from decouplednet.annotations.catalogue import Catalogue
from decouplednet.annotations.formats.native import NativeSource
from decouplednet.annotations.index import Index, Names, Records
from decouplednet.annotations.listing import read_listing
from decouplednet.annotations.record import Record
from decouplednet.errors import DataError
from tests.annotations import folders

LETTERS = [f"{letter}/{number}" for letter in "cab" for number in range(7)]


@pytest.fixture
def records(tmp_path: Path) -> Records:
    folders.native(
        tmp_path,
        tags={name: "cat" if name.startswith("a") else "" for name in LETTERS},
        masks={name: [2] for name in LETTERS[::3]},
    )
    return read_listing(tmp_path).records


def names(records: Records | Iterator[Record]) -> list[str]:
    return [record.name for record in records]


def test_images_are_sorted_by_name_and_found_by_row_slice_and_name(records: Records) -> None:
    assert names(records) == sorted(LETTERS)
    assert records[3].name == sorted(LETTERS)[3]
    assert records[-1].name == sorted(LETTERS)[-1]
    assert names(records[2:9:3]) == sorted(LETTERS)[2:9:3]
    assert records.data_index.row("b/4") == sorted(LETTERS).index("b/4")
    assert records.data_index.row("b/9") is None
    assert records.data_index.rows(["c/1", "x", "a/0"]) == [15, None, 0]


def test_images_come_in_the_order_of_the_rows_that_are_asked_for(records: Records) -> None:
    rows = np.random.default_rng(0).permutation(len(records))

    chosen = Records(records.data_index, rows)

    assert names(chosen) == [sorted(LETTERS)[row] for row in rows]
    assert chosen[4] in chosen
    assert records[int(rows[5])] not in chosen[:5]


def test_more_images_than_are_read_at_once(
    records: Records, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = list(records)
    monkeypatch.setattr("decouplednet.annotations.index._BATCH", 4)

    assert list(records) == whole
    assert records.data_index.rows([one.name for one in whole]) == list(range(len(whole)))
    assert records.data_index.rows_where("mask NOT NULL").tolist() == [
        one.mask is not None for one in whole
    ]


def test_the_names_are_a_collection_that_holds_none(records: Records) -> None:
    every = Names(records.data_index)

    assert list(every) == sorted(LETTERS)
    assert (len(every), "a/3" in every, "a/8" in every) == (21, True, False)


def test_an_index_is_opened_anew_in_another_process(records: Records) -> None:
    expected = list(records)

    (child, parent) = os.pipe()
    process = os.fork()
    if process == 0:  # a worker that inherits the open file
        os.write(parent, str(list(records) == expected).encode())
        os._exit(0)
    os.waitpid(process, 0)

    assert os.read(child, 10) == b"True"
    sent = pickle.loads(pickle.dumps(records))  # noqa: S301 - made here
    assert (list(sent), sent) == (expected, records)


def test_a_data_set_that_changed_while_it_was_used_is_refused(
    records: Records, tmp_path: Path
) -> None:
    sent = pickle.loads(pickle.dumps(records))  # noqa: S301 - made here
    folders.image(tmp_path / "images" / "aa.png")
    changed = read_listing(tmp_path).records

    assert changed != records
    with pytest.raises(DataError) as fault:
        sent[0]
    assert str(fault.value) == (
        f"{tmp_path / 'images'}: the data set changed while it was read; start again"
    )


def test_only_what_changed_is_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folders.native(tmp_path, tags={"a": "cat", "b": "dog"}, masks={"a": [1], "b": [2], "c": [1]})
    first = Catalogue.read(tmp_path)
    read: list[str] = []
    whole = NativeSource.read

    def watched(self: NativeSource, file: Path) -> object:
        read.append(file.name)
        return whole(self, file)

    monkeypatch.setattr(NativeSource, "read", watched)

    assert Catalogue.read(tmp_path) == first
    assert read == []
    folders.mask(tmp_path / "masks" / "b.png", [1, 2, 0])
    (tmp_path / "masks" / "c.png").unlink()
    second = Catalogue.read(tmp_path)
    assert read == ["b.png"]
    assert [record.mask is not None for record in second.records] == [True, True, False]
    monkeypatch.setattr(index_builder, "_VERSION", "another")
    assert Catalogue.read(tmp_path) == second
    assert read == ["b.png", "a.png", "b.png", "tags.csv"]


def test_faults_of_files_that_did_not_change_are_told_again(tmp_path: Path) -> None:
    folders.native(tmp_path, tags={"a": "cat", "b": "dgo"})
    with (tmp_path / "tags.csv").open("a") as rows:
        rows.write("c\n")

    first = read_listing(tmp_path).findings

    assert [one.code for one in first] == ["bad-row", "unknown-tag"]
    assert read_listing(tmp_path).findings == first


def test_a_damaged_index_is_made_anew(tmp_path: Path) -> None:
    folders.native(tmp_path, tags={"a": "cat"})
    before = Catalogue.read(tmp_path)
    file = before.records.data_index.path
    file.write_bytes(b"SQLite format 3\0" + file.read_bytes()[16:2000])

    assert Catalogue.read(tmp_path) == before


def test_the_index_lies_in_the_cache_and_not_in_the_data_set(tmp_path: Path) -> None:
    data = folders.native(tmp_path / "data", tags={"a": "cat"})
    before = sorted(tmp_path.rglob("*"))

    index = Catalogue.read(data).records.data_index

    assert sorted(tmp_path.rglob("*")) == before
    assert index.path.parent == cache_folder()
    assert index.path == cache_file(data, ".native.sqlite")
    assert not list(cache_folder().glob(".*.part"))


def test_an_index_that_cannot_be_written_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = folders.native(tmp_path / "data", tags={"a": "cat"})
    path = cache_file(data, ".native.sqlite")
    path.mkdir(parents=True)

    with pytest.raises(DataError) as fault:
        Catalogue.read(data)

    assert str(fault.value) == (
        f"{path}: the index of the data set cannot be written: Is a directory; "
        "choose another folder"
    )
    path.rmdir()


def test_a_cache_that_cannot_be_made_is_a_temporary_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv(VARIABLE, str(tmp_path / "file" / "cache"))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))

    assert cache_folder() == tmp_path / f"decouplednet-{os.getuid()}"


def test_the_cache_follows_the_user_s_settings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(VARIABLE)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "x"))
    assert cache_folder() == tmp_path / "x" / "decouplednet"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert cache_folder() == tmp_path / ".cache" / "decouplednet"


def test_a_fault_of_the_store_is_one_line(tmp_path: Path) -> None:
    index = Index(tmp_path / "gone.sqlite", tmp_path, None, "x")

    with pytest.raises(DataError) as fault:
        index.record(0)

    assert str(fault.value) == (
        f"{tmp_path / 'gone.sqlite'}: the index of the data set cannot be opened: "
        "unable to open database file"
    )
    assert sqlite3.threadsafety > 0
