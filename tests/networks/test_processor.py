from pathlib import Path

import pytest

from decouplednet.networks.processor import bf16_in, int8_in


@pytest.mark.parametrize(
    ("text", "halves", "in_bytes"),
    [
        ("processor : 0\nflags\t\t: fpu avx512f avx512_bf16 sse\n", True, False),
        ("processor : 0\nflags\t\t: fpu avx512f avx512_vnni sse\n", False, True),
        ("flags : fpu amx_bf16\n", True, False),
        ("flags : fpu amx_int8\n", False, True),
        ("flags : fpu avx_vnni\n", False, True),
        ("Features : fp asimd bf16 i8mm\n", True, False),
        ("flags : fpu avx512f\nmodel name : bf16 avx512_vnni\n", False, False),
        ("", False, False),
    ],
)
def test_native_products_are_read_from_the_processor_flags(
    text: str, halves: bool, in_bytes: bool, tmp_path: Path
) -> None:
    cpuinfo = tmp_path / "cpuinfo"
    cpuinfo.write_text(text, encoding="utf-8")

    assert (bf16_in(cpuinfo), int8_in(cpuinfo)) == (halves, in_bytes)


def test_without_a_processor_description_nothing_is_assumed(tmp_path: Path) -> None:
    assert not bf16_in(tmp_path / "absent")
    assert not int8_in(tmp_path / "absent")
