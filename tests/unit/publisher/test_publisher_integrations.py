"""A site's integration: a folder until WordPress is configured, tested, asked to publish."""

from uuid import UUID

from common.contracts.gateway import SecretRef
from common.testing import given
from publisher.integrations.decisions import (
    INTEGRATION,
    AskToPublish,
    IntegrationNotFound,
    RecordConnected,
    RecordConnectionFailed,
    UseFolder,
    UseWordPress,
    integration_id_of,
)
from publisher.integrations.events import (
    Integration,
    IntegrationConfigured,
    PublishAsked,
    SiteConnected,
    SiteConnectionFailed,
)

SITE, REQUEST, CONTENT = UUID(int=1), UUID(int=2), UUID(int=3)
ID = integration_id_of(SITE)
SECRET = SecretRef(secret_id=UUID(int=4), version=1)
FOLDER = IntegrationConfigured(integration_id=ID, site_id=SITE, platform="folder")
USE_WORDPRESS = UseWordPress(SITE, "https://blog.example", "ann", SECRET)
WORDPRESS = IntegrationConfigured(
    integration_id=ID,
    site_id=SITE,
    platform="wordpress",
    url="https://blog.example",
    username="ann",
    secret=SECRET,
)
CONNECTED = SiteConnected(
    integration_id=ID, site_id=SITE, platform="wordpress", title="Blog", remote_version="6.8"
)
FAILED = SiteConnectionFailed(
    integration_id=ID,
    site_id=SITE,
    error_code="dns_failed",
    message="no address",
    remedy="Check the address.",
)


def test_a_new_site_uses_a_folder_once() -> None:
    given(INTEGRATION)().when(UseFolder(SITE)).then(FOLDER)
    given(INTEGRATION)(FOLDER).when(UseFolder(SITE)).then_nothing()


def test_a_folder_never_replaces_wordpress() -> None:
    given(INTEGRATION)(WORDPRESS).when(UseFolder(SITE)).then_nothing()


def test_wordpress_replaces_the_folder_once() -> None:
    given(INTEGRATION)(FOLDER).when(USE_WORDPRESS).then(WORDPRESS)
    given(INTEGRATION)().when(USE_WORDPRESS).then(WORDPRESS)
    given(INTEGRATION)(FOLDER, WORDPRESS).when(USE_WORDPRESS).then_nothing()


def test_new_settings_are_untested() -> None:
    newer = UseWordPress(SITE, "https://blog.example", "ann", SecretRef(secret_id=UUID(int=4), version=2))
    assert given(INTEGRATION)(WORDPRESS, CONNECTED).when(newer).decided
    state = given(INTEGRATION)(WORDPRESS, CONNECTED, WORDPRESS).state
    assert isinstance(state, Integration)
    assert state.connection == "untested"


def test_a_connection_is_said_once() -> None:
    command = RecordConnected("Blog", "6.8")
    given(INTEGRATION)(WORDPRESS).when(command).then(CONNECTED)
    given(INTEGRATION)(WORDPRESS, CONNECTED).when(command).then_nothing()
    given(INTEGRATION)(WORDPRESS, CONNECTED, FAILED).when(command).then(CONNECTED)


def test_a_failure_is_said_once() -> None:
    command = RecordConnectionFailed("dns_failed", "no address", "Check the address.")
    given(INTEGRATION)(WORDPRESS, CONNECTED).when(command).then(FAILED)
    given(INTEGRATION)(WORDPRESS, FAILED).when(command).then_nothing()


def test_each_request_asks_the_writer_once() -> None:
    asked = PublishAsked(integration_id=ID, request_id=REQUEST, content_id=CONTENT)
    given(INTEGRATION)(WORDPRESS).when(AskToPublish(REQUEST, CONTENT)).then(asked)
    given(INTEGRATION)(WORDPRESS, asked).when(AskToPublish(REQUEST, CONTENT)).then_nothing()


def test_a_site_without_integration_has_nothing_to_test() -> None:
    for command in (
        RecordConnected("Blog"),
        RecordConnectionFailed("a", "b", "c"),
        AskToPublish(REQUEST, CONTENT),
    ):
        given(INTEGRATION)().when(command).then_refused(IntegrationNotFound)
    assert given(INTEGRATION)(CONNECTED).state == INTEGRATION.initial
