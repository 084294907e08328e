"""The typed client is the one that the API description makes."""

from pathlib import Path

from clients import generate


def test_it_is_what_the_description_says(tmp_path: Path) -> None:
    made = generate.texts(generate.document())
    assert generate.stale(made) == []
    assert generate.stale({tmp_path / "models.py": ""}) == ["models.py"]
