from pathlib import Path

import pytest

from decouplednet.inference.memory import available_memory

MACHINE = {"proc/meminfo": "MemTotal: 900 kB\nMemFree: 1 kB\nMemAvailable:   700 kB\n"}
NEWER = "sys/fs/cgroup/a/b"
OLDER = "sys/fs/cgroup/memory"


def left(root: Path, files: dict[str, str]) -> int | None:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return available_memory(root)


def test_the_machine_says_what_it_has_left(tmp_path: Path) -> None:
    assert left(tmp_path, MACHINE) == 700 * 1024


@pytest.mark.parametrize("files", [{}, {"proc/meminfo": "MemTotal: 900 kB\n"}])
def test_a_system_that_says_nothing_is_not_guessed_at(
    tmp_path: Path, files: dict[str, str]
) -> None:
    assert left(tmp_path, files) is None


@pytest.mark.parametrize(
    ("limit", "used", "stat", "expected"),
    [
        ("5000\n", "4100\n", "anon 7\ninactive_file 300\n", 1200),
        ("5000\n", "5100\n", "", 0),
        ("max\n", "4100\n", "inactive_file 300\n", 700 * 1024),
        ("900000000\n", "4100\n", "", 700 * 1024),
    ],
)
def test_the_group_of_a_container_may_have_less(
    tmp_path: Path, limit: str, used: str, stat: str, expected: int
) -> None:
    group = {f"{NEWER}/memory.max": limit, f"{NEWER}/memory.current": used}
    files = {f"{NEWER}/memory.stat": stat, "proc/self/cgroup": "0::/a/b\n"}

    assert left(tmp_path, MACHINE | group | files) == expected


def test_a_group_above_it_may_have_less_still(tmp_path: Path) -> None:
    groups = {
        "proc/self/cgroup": "0::/a/b\n",
        f"{NEWER}/memory.max": "9000",
        f"{NEWER}/memory.current": "100",
        "sys/fs/cgroup/a/memory.max": "6000",
        "sys/fs/cgroup/a/memory.current": "2500",
    }

    assert left(tmp_path, MACHINE | groups) == 3500


def test_groups_of_the_first_version_are_asked_where_the_container_mounts_them(
    tmp_path: Path,
) -> None:
    group = {
        "proc/self/cgroup": "9:name=systemd:/\n4:cpu,memory:/outside/1f\n1:cpu:/memory\n",
        f"{OLDER}/memory.limit_in_bytes": "8000",
        f"{OLDER}/memory.usage_in_bytes": "7000",
        f"{OLDER}/memory.stat": "inactive_file 5\ntotal_inactive_file 600\n",
    }

    assert left(tmp_path, MACHINE | group) == 1600
