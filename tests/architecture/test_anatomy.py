"""A newcomer finds any behaviour from the folder names: each kind of thing has one file name, in every service."""

import ast
from pathlib import Path

import pytest
from common.contracts.base import SERVICES

from tests.architecture.sources import (
    COMMON,
    LOCAL,
    PACKAGES,
    REPOSITORY,
    Source,
    name_of,
    parse,
    sources,
)

SERVICE_FILES = (
    "pyproject.toml",
    "README.md",
    "migrations/env.py",
    "migrations/script.py.mako",
    "migrations/versions/0001_kit.py",
    "{0}/__init__.py",
    "{0}/__main__.py",
    "{0}/app.py",
    "{0}/publish.py",
    "{0}/py.typed",
)
HOMES = {
    "Decider": {"decisions.py", "process.py"},
    "Projection": {"views.py"},
    "APIRouter": {"api.py", "openapi.py", "documentation.py"},  # the gateway's documents are no aggregate
    "Reactions": {"reactions.py", "replica.py", "app.py"},
    "JobHandler": {"jobs.py"},
    "Service": {"app.py"},
    "ServiceModel": {"app.py", "model.py"},
}
"""What is made by a call: the only files it may stand in."""
BASES = {"Event": {"events.py"}, "Job": {"jobs.py"}}
"""The same for subclasses."""
VAGUE = {"utils", "util", "helpers", "helper", "manager", "misc", "common"}


def made_outside_its_home(source: Source) -> list[str]:
    made = {name_of(call.func) for call in source.calls}
    classes = [node for node in source.nodes if isinstance(node, ast.ClassDef)]
    derived = {name_of(base) for node in classes for base in node.bases}
    return [
        f"{source.name}: {kind}"
        for names, homes in ((made, HOMES), (derived, BASES))
        for kind in sorted({name.rpartition(".")[2] for name in names} & homes.keys())
        if source.path.name not in homes[kind]
    ]


@pytest.mark.parametrize("service", SERVICES)
class TestService:
    def test_has_the_files_of_all(self, service: str) -> None:
        wanted = [REPOSITORY / "services" / service / file.format(service) for file in SERVICE_FILES]
        assert [str(path.relative_to(REPOSITORY)) for path in wanted if not path.is_file()] == []

    def test_keeps_each_kind_of_thing_in_its_file(self, service: str) -> None:
        assert [
            found for source in sources(PACKAGES[service]) for found in made_outside_its_home(source)
        ] == []

    def test_every_folder_of_facts_is_an_aggregate(self, service: str) -> None:
        folders = {
            source.path.parent for source in sources(PACKAGES[service]) if source.path.name == "events.py"
        }
        assert folders
        incomplete = [
            str(folder.relative_to(REPOSITORY))
            for folder in sorted(folders)
            if not any((folder / file).is_file() for file in ("decisions.py", "process.py"))
            or not (folder / "views.py").is_file()
        ]
        assert incomplete == []

    def test_its_front_page_says_what_it_owns_hears_and_says(self, service: str) -> None:
        text = (REPOSITORY / "services" / service / "README.md").read_text().lower()
        assert [word for word in ("owns", "hears", "says") if word not in text] == []


def test_no_file_has_a_name_without_a_subject() -> None:
    folders = (COMMON, LOCAL, *PACKAGES.values())
    files = [source for folder in folders for source in sources(folder)]
    assert [source.name for source in files if VAGUE & set(source.path.stem.split("_"))] == []


def test_a_thing_outside_its_home_is_found() -> None:
    strange = PACKAGES["billing"] / "wallets" / "shown.py"
    text = "class Paid(Event): ...\nrouter = fastapi.APIRouter()\n"
    assert made_outside_its_home(parse(text, strange)) == [
        "services/billing/billing/wallets/shown.py: APIRouter",
        "services/billing/billing/wallets/shown.py: Event",
    ]
    assert made_outside_its_home(parse("class Paid(Event): ...", Path(strange).with_name("events.py"))) == []
