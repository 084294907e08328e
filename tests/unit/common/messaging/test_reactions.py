"""The table of what a service hears."""

from datetime import UTC, datetime
from typing import Any, cast
from uuid import UUID

from common.contracts import Contract
from common.contracts.publisher import ContentPublished, SiteConnected, SiteConnectionFailed
from common.database import Transaction
from common.messaging.envelope import Heard, Unknown
from common.messaging.reactions import Reactions

ID = UUID(int=1)
CONNECTED = SiteConnected(site_id=ID, integration_id=ID, platform="wordpress")
FAILED = SiteConnectionFailed(site_id=ID, integration_id=ID, error_code="DOWN", message="It is down.")
NO_TRANSACTION = cast("Transaction", None)


def heard(data: Contract, subject: str = f"integration-{ID}") -> Heard[Any]:
    at = datetime(2026, 1, 1, tzinfo=UTC)
    return Heard(data, "t", "publisher", ID, ID, subject, 1, at, None, None)


def noting(notes: list[str], note: str) -> Any:
    async def reaction(event: Heard[Any], tx: Transaction) -> None:
        notes.append(f"{note} {type(event.data).__name__}")

    return reaction


async def test_reactions_run_in_the_order_they_were_included() -> None:
    notes: list[str] = []
    first, second = Reactions(), Reactions()
    second.on(SiteConnected, SiteConnectionFailed)(noting(notes, "second"))
    first.on(SiteConnected)(noting(notes, "first"))
    together = Reactions().include([first, second])
    await together.handle(heard(CONNECTED), NO_TRANSACTION)
    await together.handle(heard(FAILED), NO_TRANSACTION)
    assert notes == ["first SiteConnected", "second SiteConnected", "second SiteConnectionFailed"]


async def test_of_what_is_known_only_replicas_keep_something_again() -> None:
    notes: list[str] = []
    replica, command = Reactions(of_replicas=True), Reactions()
    replica.on(SiteConnected)(noting(notes, "row"))
    replica.on_stream("integration")(noting(notes, "version"))
    command.on(SiteConnected, SiteConnectionFailed)(noting(notes, "command"))
    merged = Reactions().include([Reactions().include([command, replica])])
    for event in (heard(CONNECTED), heard(FAILED), heard(Unknown())):
        assert merged.keeps(event)
        await merged.keep_again(event, NO_TRANSACTION)
    assert notes == [
        "version SiteConnected",
        "row SiteConnected",
        "version SiteConnectionFailed",
        "version Unknown",
    ]
    assert not merged.keeps(heard(FAILED, "content-1"))
    assert merged.replica_topics == ("igny8.publisher.events",)
    assert Reactions().include([command]).replica_topics == ()


async def test_a_follower_of_a_stream_sees_every_event_of_it_first() -> None:
    notes: list[str] = []
    reactions = Reactions()
    reactions.on(SiteConnected)(noting(notes, "contract"))
    reactions.on_stream("integration")(noting(notes, "stream"))
    merged = Reactions().include([reactions])
    assert merged.follows("integration")
    assert not merged.follows("content")
    await merged.handle(heard(CONNECTED), NO_TRANSACTION)
    await merged.handle(heard(Unknown()), NO_TRANSACTION)
    await merged.pass_by(heard(CONNECTED), NO_TRANSACTION)
    assert notes == [
        "stream SiteConnected",
        "contract SiteConnected",
        "stream Unknown",
        "stream SiteConnected",
    ]


def test_knows_its_contracts_and_the_streams_it_follows() -> None:
    reactions = Reactions()
    reactions.on(SiteConnected)(noting([], ""))
    reactions.on_stream("account")(noting([], ""))
    assert reactions.knows(heard(CONNECTED))
    assert reactions.knows(heard(Unknown(), f"account-{ID}"))
    assert not reactions.knows(heard(FAILED))


def test_its_topics_are_those_of_whoever_says_what_it_hears() -> None:
    reactions = Reactions()
    reactions.on(SiteConnected, ContentPublished)(noting([], ""))
    assert reactions.topics == ("igny8.publisher.events",)
    assert reactions.contracts == {SiteConnected, ContentPublished}
    assert Reactions().topics == ()
