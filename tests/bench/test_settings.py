import pytest

from bench.suite.settings import is_folder_name


@pytest.mark.parametrize(
    ("name", "plain"),
    [
        ("ablation", True),
        ("unet-ladder", True),
        ("Größe 2.0 (alt, neu) +L2=1", True),
        ("_private", True),
        *((name, False) for name in ("", ".", "..", "../etc", "a/b", "a\\b", "/tmp", ".hidden", "-rf", "C:", "a\0b", "a\n")),
        *((name, False) for name in ("ends.", "ends ", "reference", "a" * 300, "a*", "<b>", "\u202eabc")),
    ],
)  # fmt: skip
def test_no_name_leads_out_of_results(name: str, plain: bool) -> None:
    assert is_folder_name(name) == plain
