"""The rules of prompts, author profiles, strategies, AI settings and the model catalogue."""

from typing import Any
from uuid import UUID

import pytest
from common.contracts.gateway import SecretRef
from common.eventsourcing.decider import Decider
from common.eventsourcing.event import Event
from common.ids import new_id
from common.testing import given
from gateway.ai_models.decisions import (
    MODELS,
    AddModel,
    ChangeModel,
    ModelExists,
    ModelMissing,
    RetireModel,
    ShipModels,
)
from gateway.ai_models.events import Model, ModelWritten
from gateway.ai_models.shipped import shipped_models
from gateway.ai_settings.decisions import AI_SETTINGS, ChangeAISettings, KeyNeededAgain
from gateway.ai_settings.events import AISettingsWritten
from gateway.authors.decisions import (
    AUTHORS,
    AddAuthor,
    ArchiveAuthor,
    AuthorMissing,
    ChangeAuthor,
    DefaultNeeded,
    RestoreAuthor,
)
from gateway.authors.events import AuthorProfileArchived, AuthorProfileWritten
from gateway.prompts.decisions import (
    PROMPTS,
    AddPrompt,
    ArchivePrompt,
    ChangePrompt,
    PromptMissing,
    PromptTypeTaken,
    RestorePrompt,
    SetPrompt,
)
from gateway.prompts.events import PromptArchived, PromptRestored, PromptWritten
from gateway.strategies.decisions import (
    STRATEGIES,
    ArchiveStrategy,
    RestoreStrategy,
    StrategyMissing,
    WriteStrategy,
)
from gateway.strategies.events import Strategy, StrategyArchived, StrategyWritten

A, B, C = new_id(), new_id(), new_id()
WRITTEN = PromptWritten(A, "ideas", "one", 1)
ARCHIVED = PromptArchived(A, "ideas", "one", 1)


class TestPrompts:
    def test_are_added_once(self) -> None:
        given(PROMPTS)().when(AddPrompt(A, "ideas", "one")).then(WRITTEN)
        given(PROMPTS)(WRITTEN).when(AddPrompt(A, "ideas", "one")).then_nothing()

    def test_have_a_type_of_their_own(self) -> None:
        given(PROMPTS)(WRITTEN).when(AddPrompt(B, "ideas", "two")).then_refused(PromptTypeTaken, id=str(A))
        given(PROMPTS)(WRITTEN).when(AddPrompt(B, "clustering", "two")).then(
            PromptWritten(B, "clustering", "two", 1)
        )
        given(PROMPTS)(WRITTEN, ARCHIVED).when(AddPrompt(B, "ideas", "two")).then(
            PromptWritten(B, "ideas", "two", 1)
        )

    def test_count_their_texts(self) -> None:
        given(PROMPTS)(WRITTEN).when(ChangePrompt(A, "two")).then(PromptWritten(A, "ideas", "two", 2))
        given(PROMPTS)(WRITTEN).when(ChangePrompt(A, "one")).then_nothing()
        given(PROMPTS)(WRITTEN, ARCHIVED).when(ChangePrompt(A, "two")).then_refused(PromptMissing)
        given(PROMPTS)().when(ChangePrompt(A, "two")).then_refused(PromptMissing)

    def test_are_set_by_type_whether_there_is_one_or_not(self) -> None:
        given(PROMPTS)().when(SetPrompt(B, "ideas", "two")).then(PromptWritten(B, "ideas", "two", 1))
        given(PROMPTS)(WRITTEN).when(SetPrompt(B, "ideas", "two")).then(PromptWritten(A, "ideas", "two", 2))
        given(PROMPTS)(WRITTEN).when(SetPrompt(B, "ideas", "one")).then_nothing()

    def test_are_archived_and_come_back(self) -> None:
        given(PROMPTS)(WRITTEN).when(ArchivePrompt(A)).then(ARCHIVED)
        given(PROMPTS)(WRITTEN, ARCHIVED).when(ArchivePrompt(A)).then_nothing()
        given(PROMPTS)(WRITTEN, ARCHIVED).when(RestorePrompt(A)).then(PromptRestored(A, "ideas", "one", 1))
        given(PROMPTS)(WRITTEN).when(RestorePrompt(A)).then_nothing()
        given(PROMPTS)(WRITTEN, ARCHIVED, PromptWritten(B, "ideas", "two", 1)).when(
            RestorePrompt(A)
        ).then_refused(PromptTypeTaken)
        given(PROMPTS)().when(RestorePrompt(A)).then_refused(PromptMissing)


def author(id: UUID, name: str = "Ada", *, default: bool = False) -> AuthorProfileWritten:
    return AuthorProfileWritten(id, name, "", "", "en", default)


GONE = AuthorProfileArchived(A, "Ada", "", "", "en")


class TestAuthors:
    def test_the_first_is_the_default(self) -> None:
        given(AUTHORS)().when(AddAuthor(A, "Ada")).then(author(A, default=True))
        given(AUTHORS)(author(A, default=True)).when(AddAuthor(A, "Ada")).then_nothing()
        given(AUTHORS)(author(A, default=True)).when(AddAuthor(B, "Ada")).then(author(B))

    def test_a_new_default_relieves_the_old_one(self) -> None:
        given(AUTHORS)(author(A, default=True)).when(AddAuthor(B, "Ada", is_default=True)).then(
            author(A), author(B, default=True)
        )
        given(AUTHORS)(author(A, default=True), author(B)).when(ChangeAuthor(B, is_default=True)).then(
            author(A), author(B, default=True)
        )

    def test_the_default_ends_by_another_one_only(self) -> None:
        given(AUTHORS)(author(A, default=True)).when(ChangeAuthor(A, is_default=False)).then_refused(
            DefaultNeeded
        )

    def test_only_named_fields_change(self) -> None:
        given(AUTHORS)(author(A, default=True)).when(ChangeAuthor(A, tone="dry")).then(
            AuthorProfileWritten(A, "Ada", "", "dry", "en", True)
        )
        given(AUTHORS)(author(A, default=True)).when(ChangeAuthor(A, name="Ada")).then_nothing()
        given(AUTHORS)().when(ChangeAuthor(A)).then_refused(AuthorMissing)

    def test_an_archived_default_has_an_heir(self) -> None:
        both = (author(A, default=True), author(B))
        given(AUTHORS)(*both).when(ArchiveAuthor(A)).then(GONE, author(B, default=True))
        given(AUTHORS)(*both).when(ArchiveAuthor(B)).then(AuthorProfileArchived(B, "Ada", "", "", "en"))
        given(AUTHORS)(author(A, default=True)).when(ArchiveAuthor(A)).then(GONE)
        given(AUTHORS)(author(A, default=True), GONE).when(ArchiveAuthor(A)).then_nothing()

    def test_the_heir_is_the_one_that_was_made_first(self) -> None:
        first, *later = [author(new_id()) for _ in range(20)]
        facts = (author(A, default=True), first, *later, first)
        heir = author(first.profile_id, default=True)
        given(AUTHORS)(*facts).when(ArchiveAuthor(A)).then(GONE, heir)

    def test_comes_back_as_the_default_where_there_is_none(self) -> None:
        given(AUTHORS)(author(A, default=True), GONE).when(RestoreAuthor(A)).then(author(A, default=True))
        given(AUTHORS)(author(A, default=True), GONE, author(B, default=True)).when(RestoreAuthor(A)).then(
            author(A)
        )
        given(AUTHORS)(author(A, default=True)).when(RestoreAuthor(A)).then_nothing()
        given(AUTHORS)().when(RestoreAuthor(A)).then_refused(AuthorMissing)


def strategy(id: object, sector: object = None, *, active: bool = True) -> StrategyWritten:
    return StrategyWritten(id, "S", "", None, sector, (), {}, active)  # type: ignore[arg-type]


def shape(sector: object = None, *, active: bool = True, name: str = "S") -> Strategy:
    return Strategy(name, "", None, sector, (), {}, active)  # type: ignore[arg-type]


class TestStrategies:
    def test_one_of_a_sector_is_active(self) -> None:
        given(STRATEGIES)(strategy(A, C)).when(WriteStrategy(B, shape(C))).then(
            strategy(A, C, active=False), strategy(B, C)
        )
        given(STRATEGIES)(strategy(A, C)).when(WriteStrategy(B, shape())).then(strategy(B))
        given(STRATEGIES)(strategy(A, C)).when(WriteStrategy(B, shape(C, active=False))).then(
            strategy(B, C, active=False)
        )

    def test_writing_the_same_changes_nothing(self) -> None:
        given(STRATEGIES)(strategy(A)).when(WriteStrategy(A, shape())).then_nothing()
        given(STRATEGIES)(strategy(A)).when(WriteStrategy(A, shape(active=False))).then(
            strategy(A, active=False)
        )

    def test_archived_and_restored_it_is_inactive(self) -> None:
        archived = StrategyArchived(A, "S", "", None, None, (), {})
        given(STRATEGIES)(strategy(A)).when(ArchiveStrategy(A)).then(archived)
        given(STRATEGIES)(strategy(A), archived).when(ArchiveStrategy(A)).then_nothing()
        given(STRATEGIES)(strategy(A), archived).when(WriteStrategy(A, shape())).then_refused(StrategyMissing)
        given(STRATEGIES)(strategy(A), archived).when(RestoreStrategy(A)).then(strategy(A, active=False))
        given(STRATEGIES)(strategy(A)).when(RestoreStrategy(A)).then_nothing()
        given(STRATEGIES)().when(RestoreStrategy(A)).then_refused(StrategyMissing)


KEY = SecretRef(secret_id=A, version=1)
NEXT = SecretRef(secret_id=A, version=2)


def openai(base_url: str = "", secret: SecretRef | None = KEY, *, active: bool = True) -> AISettingsWritten:
    return AISettingsWritten("openai", active, base_url, "", "local", "", "standard", secret)


@pytest.mark.parametrize(
    ("decider", "facts"),
    [
        (PROMPTS, (WRITTEN, PromptWritten(B, "clustering", "two", 1), ARCHIVED)),
        (
            AUTHORS,
            (
                AuthorProfileWritten(B, "Bo", "", "dry", "en", True),
                AuthorProfileWritten(A, "Al", "", "warm", "en", False),
                AuthorProfileArchived(B, "Bo", "", "dry", "en"),
            ),
        ),
        (
            STRATEGIES,
            (
                StrategyWritten(A, "One", "", B, C, ("ideas",), {"intro": {"words": 100}}, True),
                StrategyWritten(B, "Two", "", None, None, (), {}, False),
                StrategyArchived(B, "Two", "", None, None, (), {}),
            ),
        ),
    ],
    ids=lambda given: getattr(given, "category", ""),
)
def test_a_snapshot_is_what_the_facts_say(decider: Decider[Any, Any], facts: tuple[Event, ...]) -> None:
    state = decider.fold(facts, decider.initial)
    assert decider.snapshot is not None
    assert decider.snapshot.decode(decider.snapshot.encode(state).decode()) == state


class TestAISettings:
    def test_are_set_and_stay_where_nothing_is_given(self) -> None:
        given(AI_SETTINGS)().when(ChangeAISettings("openai", secret=KEY)).then(openai())
        given(AI_SETTINGS)(openai()).when(ChangeAISettings("openai", is_active=False)).then(
            openai(active=False)
        )
        given(AI_SETTINGS)(openai()).when(ChangeAISettings("openai", is_active=True)).then_nothing()

    def test_a_key_is_replaced_or_taken_out_of_use(self) -> None:
        given(AI_SETTINGS)(openai()).when(ChangeAISettings("openai", secret=NEXT)).then(openai(secret=NEXT))
        given(AI_SETTINGS)(openai()).when(ChangeAISettings("openai", without_key=True)).then(
            openai(secret=None)
        )

    def test_a_stored_key_does_not_follow_to_another_address(self) -> None:
        other = "https://other.example/v1"
        given(AI_SETTINGS)(openai()).when(ChangeAISettings("openai", base_url=other)).then_refused(
            KeyNeededAgain
        )
        given(AI_SETTINGS)(openai()).when(ChangeAISettings("openai", base_url=other, secret=NEXT)).then(
            openai(other, NEXT)
        )
        given(AI_SETTINGS)(openai()).when(ChangeAISettings("openai", base_url=other, without_key=True)).then(
            openai(other, None)
        )
        given(AI_SETTINGS)(openai(secret=None)).when(ChangeAISettings("openai", base_url=other)).then(
            openai(other, None)
        )


def model(name: str, price: int, *, shipped: bool, active: bool = True) -> ModelWritten:
    return ModelWritten(name, "openai", "chat", price, 0, 0, active, shipped)


class TestCatalogue:
    def test_ships_what_is_new_or_changed_and_leaves_staffs_own(self) -> None:
        models = {
            "a": Model("openai", "chat", 1),
            "b": Model("openai", "chat", 2),
            "c": Model("openai", "chat", 3),
        }
        given(MODELS)(
            model("a", 9, shipped=True), model("b", 9, shipped=False), model("c", 3, shipped=True)
        ).when(ShipModels(models)).then(model("a", 1, shipped=True))

    def test_is_kept_by_staff(self) -> None:
        one, two = Model("openai", "chat", 1), Model("openai", "chat", 2)
        given(MODELS)().when(AddModel("a", one)).then(model("a", 1, shipped=False))
        given(MODELS)(model("a", 1, shipped=False)).when(AddModel("a", one)).then_nothing()
        given(MODELS)(model("a", 1, shipped=True)).when(AddModel("a", two)).then_refused(ModelExists)
        given(MODELS)(model("a", 1, shipped=True)).when(ChangeModel("a", two)).then(
            model("a", 2, shipped=False)
        )
        given(MODELS)(model("a", 2, shipped=False)).when(ChangeModel("a", two)).then_nothing()
        given(MODELS)(model("a", 1, shipped=True)).when(RetireModel("a")).then(
            model("a", 1, shipped=False, active=False)
        )
        given(MODELS)(model("a", 1, shipped=False, active=False)).when(RetireModel("a")).then_nothing()

    @pytest.mark.parametrize("command", [ChangeModel("a", Model("openai", "chat")), RetireModel("a")])
    def test_knows_what_it_does_not_have(self, command: ChangeModel | RetireModel) -> None:
        given(MODELS)().when(command).then_refused(ModelMissing)

    def test_what_is_shipped_can_be_read_and_has_prices(self) -> None:
        models = shipped_models()
        assert len(models) > 10
        free = [name for name, each in models.items() if not (each.input_price or each.image_price)]
        assert free == ["local"]
