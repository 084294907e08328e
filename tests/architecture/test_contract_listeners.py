"""Whoever a contract names as a listener subscribes to it, and nobody else does."""

import importlib
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from common import service as process
from common.api.runtime import RuntimeOf
from common.contracts import all_specs
from common.contracts.base import CONTROL_TOPIC, PROGRESS_TOPIC, SERVICES
from common.messaging.reactions import Reactions
from common.replicas.accounts import ACCOUNT_STREAM
from common.service import Service
from common.settings import Settings
from starlette.types import ASGIApp

from tests.architecture.sources import COMMON, PACKAGES, name_of, sources

# The contracts of the accounts stream, which a replica follows as a whole: each event moves its version on.
STREAMS: Mapping[str, str] = {ACCOUNT_STREAM: "common.contracts.gateway"}


def reactions_of(service: Service, folder: Path) -> Reactions:
    """What a service's running process subscribes: `hears` may need the runtime, so one is built, not started."""
    built: list[RuntimeOf] = []

    def keep(own: ASGIApp, runtime: RuntimeOf) -> ASGIApp:
        built.append(runtime)
        return service.wrap(own, runtime) if service.wrap else own

    settings = Settings(
        objects=str(folder / "objects"),
        token_keys=folder / "keys",
        jwks=str(folder / "keys" / "jwks.json"),
        publish_folder=folder / "published",
        service_database="postgresql://nobody@localhost:1/none",
        relay_database="postgresql://nobody@localhost:1/none",
        upstreams=",".join(f"{name}=http://localhost:1" for name in SERVICES if name != "gateway"),
    )
    process.build(replace(service, wrap=keep), settings)
    return service.hears(built[0]) if service.hears else service.reactions


def heard_by(reactions: Reactions) -> set[str]:
    heard = {contract.__name__ for contract in reactions.contracts}
    for category, module in STREAMS.items():
        if reactions.follows(category):
            heard |= {spec.name for spec in all_specs() if spec.cls.__module__ == module}
    return heard


@pytest.mark.parametrize("name", SERVICES)
async def test_subscribes_what_names_it_as_listener_and_nothing_else(name: str, tmp_path: Path) -> None:
    service: Service = importlib.import_module(f"{name}.app").SERVICE
    # Topics that are not events of a service have consumers of their own (below).
    named = {spec.name for spec in all_specs() if name in spec.heard_by and spec.topic is None}
    heard = heard_by(reactions_of(service, tmp_path))
    assert {"deaf to": sorted(named - heard), "not named by": sorted(heard - named)} == {
        "deaf to": [],
        "not named by": [],
    }


@pytest.mark.parametrize("name", SERVICES)
def test_the_tables_for_tools_and_for_the_process_agree(name: str, tmp_path: Path) -> None:
    """`reactions` is what tools ask without a process, so it hears no more than the process does."""
    service: Service = importlib.import_module(f"{name}.app").SERVICE
    assert service.reactions.contracts <= reactions_of(service, tmp_path).contracts


@pytest.mark.parametrize(
    ("folder", "file", "topic"),
    [
        (COMMON, "libs/common/common/service.py", CONTROL_TOPIC),
        (PACKAGES["gateway"], "services/gateway/gateway/activity/everywhere.py", PROGRESS_TOPIC),
    ],
    ids=[CONTROL_TOPIC, PROGRESS_TOPIC],
)
def test_the_other_topics_have_consumers_of_their_own(folder: Path, file: str, topic: str) -> None:
    (source,) = (source for source in sources(folder) if source.name == file)
    consumers = [call for call in source.calls if name_of(call.func) == "Consumer"]
    module = importlib.import_module(
        file.partition("/")[2].partition("/")[2].removesuffix(".py").replace("/", ".")
    )
    assert any(topic in _names(module, call.args[2]) for call in consumers)


def test_no_further_topic_lacks_one() -> None:
    assert {spec.topic for spec in all_specs()} == {None, CONTROL_TOPIC, PROGRESS_TOPIC}


def _names(module: object, node: object) -> list[str]:
    elements = getattr(node, "elts", [])
    return [str(getattr(module, name_of(element), "")) for element in elements]
