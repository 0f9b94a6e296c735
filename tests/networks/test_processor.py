from pathlib import Path

import pytest

from decouplednet.networks.processor import bf16_in, int8_in


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("processor : 0\nflags\t\t: fpu avx512f avx512_bf16 sse\n", True),
        ("flags : fpu amx_bf16\n", True),
        ("Features : fp asimd bf16 i8mm\n", True),
        ("flags : fpu avx512f\nmodel name : bf16\n", False),
        ("", False),
    ],
)
def test_native_bf16_is_read_from_the_processor_flags(
    text: str, expected: bool, tmp_path: Path
) -> None:
    cpuinfo = tmp_path / "cpuinfo"
    cpuinfo.write_text(text, encoding="utf-8")

    assert bf16_in(cpuinfo) is expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("processor : 0\nflags\t\t: fpu avx512f avx512_vnni sse\n", True),
        ("flags : fpu avx_vnni\n", True),
        ("flags : fpu amx_int8\n", True),
        ("flags : fpu avx512f avx512_bf16\nmodel name : avx512_vnni\n", False),
    ],
)
def test_products_of_bytes_are_read_from_the_processor_flags(
    text: str, expected: bool, tmp_path: Path
) -> None:
    cpuinfo = tmp_path / "cpuinfo"
    cpuinfo.write_text(text, encoding="utf-8")

    assert int8_in(cpuinfo) is expected


def test_without_a_processor_description_nothing_is_assumed(tmp_path: Path) -> None:
    assert not bf16_in(tmp_path / "absent")
    assert not int8_in(tmp_path / "absent")
