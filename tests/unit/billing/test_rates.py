import msgspec
import pytest
from billing.rates.decisions import RATES, CardOutdated, PublishedCardChanged, PublishNext, PublishRateCard
from billing.rates.default_card import DEFAULT_CARD
from billing.rates.events import RateCardPublished
from common.testing import given

NEXT = msgspec.structs.replace(DEFAULT_CARD, version=2, clustering=12_000)


class TestWhenNothingIsPublished:
    def test_the_first_card_is_published(self) -> None:
        given(RATES)().when(PublishRateCard(DEFAULT_CARD)).then(RateCardPublished(DEFAULT_CARD))


class TestWhenACardIsPublished:
    def test_publishing_it_again_changes_nothing(self) -> None:
        given(RATES)(RateCardPublished(DEFAULT_CARD)).when(PublishRateCard(DEFAULT_CARD)).then_nothing()

    def test_it_is_still_published_after_a_newer_one(self) -> None:
        given(RATES)(RateCardPublished(DEFAULT_CARD), RateCardPublished(NEXT)).when(
            PublishRateCard(DEFAULT_CARD)
        ).then_nothing()

    def test_a_newer_one_is_published(self) -> None:
        given(RATES)(RateCardPublished(DEFAULT_CARD)).when(PublishRateCard(NEXT)).then(
            RateCardPublished(NEXT)
        )

    def test_its_prices_never_change(self) -> None:
        changed = msgspec.structs.replace(DEFAULT_CARD, clustering=1)
        given(RATES)(RateCardPublished(DEFAULT_CARD)).when(PublishRateCard(changed)).then_refused(
            PublishedCardChanged, version=1
        )

    def test_an_older_unknown_one_is_refused(self) -> None:
        given(RATES)(RateCardPublished(NEXT)).when(PublishRateCard(DEFAULT_CARD)).then_refused(
            CardOutdated, newest=2
        )


class TestWhenStaffPublish:
    def test_the_first_one_is_the_first_version(self) -> None:
        given(RATES)().when(PublishNext(NEXT)).then(
            RateCardPublished(msgspec.structs.replace(NEXT, version=1))
        )

    def test_it_is_the_version_after_the_newest(self) -> None:
        unnumbered = msgspec.structs.replace(NEXT, version=0)
        given(RATES)(RateCardPublished(DEFAULT_CARD)).when(PublishNext(unnumbered)).then(
            RateCardPublished(NEXT)
        )

    def test_the_prices_in_force_change_nothing(self) -> None:
        unnumbered = msgspec.structs.replace(NEXT, version=0)
        given(RATES)(RateCardPublished(DEFAULT_CARD), RateCardPublished(NEXT)).when(
            PublishNext(unnumbered)
        ).then_nothing()


@pytest.mark.parametrize("event", [RateCardPublished(DEFAULT_CARD)])
def test_stored_as_json_it_comes_back_the_same(event: RateCardPublished) -> None:
    assert RATES.types.decode_json("RateCardPublished", msgspec.json.encode(event)) == event
