from benchmarks.ablation_table import AS_IT_IS, Cell, table


def test_a_gain_that_rounds_to_zero_has_no_minus_sign() -> None:
    cells = [
        Cell(AS_IT_IS, 0, 0.6, 0.7, None),
        Cell("little less", 0, 0.5996, 0.6996, None),
        Cell("less", 0, 0.5994, 0.7004, None),
    ]

    assert table(cells).splitlines()[3:] == [
        "| little less | 0.600 | 0.700 | - | +0.000 | +0.000 | 1 |",
        "| less | 0.599 | 0.700 | - | -0.001 | +0.000 | 1 |",
    ]
