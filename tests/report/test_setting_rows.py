from decouplednet.report.setting_rows import SettingRow, setting_rows
from decouplednet.settings import ComputeSettings, DataSettings, Settings


def test_every_setting_stands_in_its_section_with_its_meaning() -> None:
    rows = setting_rows(
        Settings(seed=7, data=DataSettings(classes=("cat", "dog")), compute=ComputeSettings())
    )

    assert list(rows) == [
        "run",
        "data",
        "classifier",
        "classifier.augmentation",
        "segmenter",
        "segmenter.augmentation",
        "self_training",
        "prediction",
        "compute",
    ]
    assert SettingRow("seed", "7", "fixes every random choice of the run") in rows["run"]
    values = {row.name: row.value for row in (*rows["data"], *rows["classifier.augmentation"])}
    assert values["classes"] == "cat, dog"
    assert values["tags_split"] == "not set"
    assert not any("None" in row.meaning for section in rows.values() for row in section)
    assert values["flip"] == "true"
    assert all(row.meaning for section in rows.values() for row in section)
