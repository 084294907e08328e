"""What the publisher says in public."""

from datetime import UTC, datetime
from uuid import UUID

import msgspec
import pytest
from common.contracts import Contract
from common.contracts import publisher as public
from common.eventsourcing.event import Event, Meta, Recorded
from common.ids import new_id
from publisher.app import SERVICE
from publisher.integrations.events import PublishAsked
from publisher.publications.events import PostGone, PostUnpublished, PublicationConfirmed
from publisher.publish import publish

from tests.unit.publisher.publication_facts import (
    CONTENT,
    ENSURED,
    FAILED,
    FIRST,
    MEDIUM_STARTED,
    MEDIUM_UPLOADED,
    OTHER_RUN,
    REQUESTED,
    RUN,
    SITE,
    post_published,
)
from tests.unit.publisher.test_publisher_integrations import CONNECTED, FOLDER, ID
from tests.unit.publisher.test_publisher_integrations import FAILED as CONNECTION_FAILED


def said(event: Event) -> Contract | None:
    return publish(Recorded(1, UUID(int=1), f"x-{CONTENT}", 1, new_id(), event, Meta(), datetime.now(UTC)))


def test_what_is_out_is_said_with_its_run() -> None:
    expected = public.ContentPublished(
        content_id=CONTENT,
        version=1,
        site_id=SITE,
        external_id="p1",
        external_url="https://site/p1",
        run_id=RUN,
    )
    assert said(post_published()) == expected
    confirmed = PublicationConfirmed(
        request_id=FIRST,
        content_id=CONTENT,
        version=1,
        site_id=SITE,
        external_id="p1",
        external_url="https://site/p1",
        run_id=OTHER_RUN,
    )
    assert said(confirmed) == msgspec.structs.replace(expected, run_id=OTHER_RUN)


def test_a_failure_says_what_to_do() -> None:
    contract = said(FAILED)
    assert isinstance(contract, public.PublishFailed)
    assert (contract.error_code, contract.message) == ("wrong_password", "401 Enter it again.")
    assert contract.run_id == RUN


@pytest.mark.parametrize(
    ("event", "contract"),
    [
        (CONNECTED, public.SiteConnected),
        (CONNECTION_FAILED, public.SiteConnectionFailed),
        (PublishAsked(integration_id=ID, request_id=FIRST, content_id=CONTENT), public.PublishRequested),
        (PostUnpublished(content_id=CONTENT, version=1, site_id=SITE), public.ContentUnpublished),
        (FOLDER, None),
        (REQUESTED, None),
        (ENSURED, None),
        (MEDIUM_STARTED, None),
        (MEDIUM_UPLOADED, None),
        (PostGone(external_id="p1"), None),
    ],
)
def test_each_fact_has_its_contract(event: Event, contract: type[Contract] | None) -> None:
    found = said(event)
    assert found is None if contract is None else isinstance(found, contract)


def test_every_fact_can_be_stored_and_read_again() -> None:
    for event in (REQUESTED, FAILED, post_published(), CONNECTED, FOLDER, MEDIUM_UPLOADED):
        stored = msgspec.json.encode(event)
        assert SERVICE.model.types.decode_json(type(event).__name__, stored) == event
