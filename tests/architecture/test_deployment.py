"""Container files: valid by the specification and the linter, and consistent with the code they run."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from common import configuration, crash_points
from common.contracts.base import SERVICES
from common.messaging.topics import ALL_TOPICS
from common.settings import Settings

from tests.architecture.sources import COMMON, LOCAL, PACKAGES, REPOSITORY, sources

BIN = Path(sys.executable).parent
COMPOSE: dict[str, Any] = yaml.safe_load((REPOSITORY / "docker-compose.yml").read_text())
CONTAINERS: dict[str, Any] = COMPOSE["services"]
OURS = [name for name, container in CONTAINERS.items() if "build" in container]
KNOWN = {variable.name: variable for section in configuration.SECTIONS for variable in section.variables}
SCHEMA = json.loads((REPOSITORY / "tests/data/compose-spec.json").read_text())


def violations(compose: dict[str, Any]) -> list[str]:
    found = jsonschema.Draft202012Validator(SCHEMA).iter_errors(compose)
    return [f"{error.json_path}: {error.message[:200]}" for error in found]


def used(environment: dict[str, Any]) -> dict[str, Any]:
    """What a service's settings would be; each `${NAME:-default}` as its default, `${NAME:?}` as a letter."""
    return {
        name: re.sub(r"\$\{(\w+):([-?])([^}]*)\}", lambda hit: "x" if hit[2] == "?" else hit[3], str(value))
        for name, value in environment.items()
    }


class TestCompose:
    def test_follows_the_compose_specification(self) -> None:
        assert violations(COMPOSE) == []

    def test_the_specification_finds_mistakes(self) -> None:
        broken = {
            **COMPOSE,
            "services": {**CONTAINERS, "kafka": {"image": "apache/kafka:4.1.0", "prots": ["1"]}},
        }
        assert len(violations(broken)) == 1

    def test_runs_every_service_and_migrates_every_database(self) -> None:
        assert set(OURS) == {*SERVICES, *(f"migrate-{name}" for name in (*SERVICES, "secrets"))}

    def test_migrates_before_it_starts(self) -> None:
        for name in SERVICES:
            waits = CONTAINERS[name]["depends_on"]
            for job in (f"migrate-{name}", "migrate-secrets"):
                assert waits[job] == {"condition": "service_completed_successfully"}

    def test_what_is_waited_for_exists_and_can_be_healthy(self) -> None:
        for name, container in CONTAINERS.items():
            waits = container.get("depends_on", {})
            assert set(waits) <= CONTAINERS.keys(), name
            for other, how in waits.items() if isinstance(waits, dict) else ():
                built = "build" in CONTAINERS[other]  # the image brings a check
                assert how["condition"] != "service_healthy" or built or "healthcheck" in CONTAINERS[other]

    def test_mounts_only_what_is_there(self) -> None:
        for container in CONTAINERS.values():
            for mount in container.get("volumes", ()):
                source = mount.partition(":")[0]
                assert (
                    (REPOSITORY / source).is_file()
                    if source.startswith("./")
                    else source in COMPOSE["volumes"]
                )

    def test_hands_our_containers_only_variables_of_the_table(self) -> None:
        names = {name for container in OURS for name in CONTAINERS[container]["environment"]}
        assert names <= KNOWN.keys()
        settings = {f"IGNY8_{field}".upper() for field in Settings.model_fields}
        for service in SERVICES:
            given = {name for name in CONTAINERS[service]["environment"] if name.startswith("IGNY8_")}
            assert given <= settings, service

    def test_asks_the_operator_only_for_variables_of_the_table(self) -> None:
        text = (REPOSITORY / "docker-compose.yml").read_text()
        asked = set(re.findall(r"\$\{(\w+)", text))
        assert asked <= KNOWN.keys()
        required = set(re.findall(r"\$\{(\w+):\?", text))
        assert required <= {name for name, variable in KNOWN.items() if variable.fresh}

    @pytest.mark.parametrize("service", SERVICES)
    def test_its_environment_is_a_valid_configuration(
        self, service: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        environment = used(CONTAINERS[service]["environment"])
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        settings = Settings()
        assert settings.service_database.endswith(f"@postgres:5432/igny8_{service}")
        assert settings.service_database != settings.relay_database
        assert settings.kafka == "kafka:9092"
        assert (service == "gateway") == bool(settings.upstreams)
        assert not set(re.findall(r"//([\w-]+):", settings.upstreams)) - {*SERVICES}

    def test_kafka_is_four_in_kraft_mode_and_the_services_make_the_topics(self) -> None:
        kafka = CONTAINERS["kafka"]
        assert kafka["image"].startswith("apache/kafka:4.")
        assert kafka["environment"]["KAFKA_PROCESS_ROLES"] == "broker,controller"
        assert kafka["environment"]["KAFKA_AUTO_CREATE_TOPICS_ENABLE"] == "false"
        assert ALL_TOPICS

    def test_only_the_proxy_is_reachable_from_outside(self) -> None:
        open_ports = {
            name
            for name, container in CONTAINERS.items()
            for port in container.get("ports", ())
            if not port.startswith("127.0.0.1:")
        }
        assert open_ports == {"proxy"}
        assert "gateway:8080" in (REPOSITORY / "deploy/docker/Caddyfile").read_text()

    def test_optional_parts_are_behind_profiles(self) -> None:
        profiles = {profile for container in CONTAINERS.values() for profile in container.get("profiles", ())}
        assert profiles == {"observability", "wordpress"}


class TestImage:
    def test_passes_the_linter(self, tmp_path: Path) -> None:
        dockerfile = REPOSITORY / "deploy/docker/Dockerfile"
        assert self.lint(dockerfile) == []
        careless = tmp_path / "Dockerfile"
        careless.write_text(re.sub(r"python:[\w.-]+", "python", dockerfile.read_text()))
        assert "DL3006" in self.lint(careless)

    @staticmethod
    def lint(dockerfile: Path) -> list[str]:
        done = subprocess.run(
            [BIN / "hadolint", "--format=json", dockerfile], capture_output=True, text=True, check=False
        )
        return [finding["code"] for finding in json.loads(done.stdout)]

    def test_is_not_run_by_root_and_installs_with_the_uv_of_the_command(self) -> None:
        text = (REPOSITORY / "deploy/docker/Dockerfile").read_text()
        last = text.rpartition("\nFROM ")[2]
        assert re.search(r"^USER \d+$", last, re.MULTILINE)
        (version,) = re.findall(r"^uv_version=(\S+)$", (REPOSITORY / "igny8").read_text(), re.MULTILINE)
        assert f"uv:{version} " in text


class TestConfiguration:
    def test_the_example_is_what_the_table_says(self) -> None:
        assert (REPOSITORY / ".env.example").read_text() == configuration.example()

    def test_the_table_holds_every_setting_with_its_default(self) -> None:
        for name, field in Settings.model_fields.items():
            variable = KNOWN[f"IGNY8_{name.upper()}"]
            assert variable.description == field.description
        assert KNOWN["IGNY8_TRIAL_CREDITS"].default == "200"
        assert KNOWN["IGNY8_TOKEN_KEYS"].default == ""

    def test_the_table_holds_every_variable_that_the_code_names(self) -> None:
        folders = (COMMON, LOCAL, *PACKAGES.values())
        texts = [source.path.read_text() for folder in folders for source in sources(folder)]
        named = {name for text in texts for name in re.findall(r"IGNY8_[A-Z_]*[A-Z]", text)}
        templates = {"IGNY8_"}
        harness = {crash_points.VARIABLE}  # belongs into no installation
        assert named - KNOWN.keys() - templates == harness

    def test_every_variable_has_one_place_and_a_description(self) -> None:
        every = [variable for section in configuration.SECTIONS for variable in section.variables]
        assert len(every) == len(KNOWN)
        assert all(variable.description.endswith((".", "…", ")")) for variable in every)

    def test_a_fresh_file_has_new_values_for_what_compose_requires(self) -> None:
        first, second = configuration.fresh(), configuration.fresh()
        values = dict(line.split("=", 1) for line in first.splitlines() if "=" in line)
        assert values.keys() == {name for name, variable in KNOWN.items() if variable.fresh}
        assert all(len(value) >= 32 for value in values.values())
        assert len(set(values.values())) == len(values)
        assert first != second


def test_shell_scripts_pass_the_linter() -> None:
    listed = subprocess.run(
        ["git", "ls-files", "--", "*.sh", "igny8", ".ci/run"],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=True,
    )
    scripts = listed.stdout.split()
    assert {"igny8", ".ci/run", "deploy/docker/postgres-init.sh"} <= set(scripts)
    done = subprocess.run(["shellcheck", *scripts], cwd=REPOSITORY, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "")
