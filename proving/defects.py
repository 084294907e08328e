"""The planted defects: what people do wrong in one line, and the test that catches each (docs/architecture/guarantees.md).

`python -m proving.document` writes the table of that page from here. A defect belongs to the promise it breaks.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Promise:
    """What the system promises, in a sentence for its users."""

    area: str
    text: str


@dataclass(frozen=True, slots=True)
class Defect:
    """`new` in place of the only `old` in `file` breaks the promise as `breaks` says; `test` (its pytest id) fails then."""

    name: str
    promise: Promise
    breaks: str
    file: str
    old: str
    new: str
    test: str


ONE_HISTORY = Promise(
    "Facts", "A stream has one history: two writers never both continue from the same version."
)
FACTS_STAY = Promise("Facts", "A recorded fact is never changed or removed, and old ones stay readable.")
TOGETHER = Promise("Facts", "A fact, its views, its message and its jobs commit together or not at all.")
VIEWS = Promise(
    "Facts", "Views are what the facts say; they can be checked, and rebuilt while the service writes."
)
SAID = Promise("Messages", "What was recorded for others is said at least once, each stream in its order.")
HEARD_ONCE = Promise(
    "Messages", "What is heard takes effect exactly once, however often and after whatever crash it comes."
)
POISON = Promise(
    "Messages", "What cannot be handled is parked with its stream's later events; its neighbours go on."
)
GAPS = Promise(
    "Messages", "A broker may forget, or be replaced: the gap is noticed and filled from the source."
)
TRACED = Promise("Messages", "One trace leads from a request through every service it moves.")
OWN_ROWS = Promise("Tenants", "A tenant neither sees nor changes what is another's, whatever code forgets.")
SECRETS = Promise("Tenants", "A secret opens only where it belongs, and an erased account's never again.")
CALLERS = Promise(
    "Tenants", "Only who the gateway vouches for gets in, and does only what role and sites allow."
)
FRESH = Promise(
    "Requests", "Who has just changed something sees it in every service, or is asked to come back."
)
ONE_EFFECT = Promise(
    "Requests", "A request repeated under its Idempotency-Key has one effect and one answer."
)
WITHIN_BALANCE = Promise("Credits", "No credit is promised twice or spent beyond what there is.")
FAIR_PRICE = Promise(
    "Credits", "Only delivered work is charged: once, at the agreed price, at most its maximum."
)
RUNS = Promise("Pipelines", "A run counts each item and each price once, in whatever order it hears of them.")
PAID_ONCE = Promise("AI", "A provider is paid once for a finished step, whatever crashes afterwards.")
NOT_SWALLOWED = Promise("AI", "A provider's failure is repeated in bounds, then told; it is never swallowed.")
ONE_POST = Promise("Publishing", "One post and one medium of each image per article, whoever dies when.")
APPROVED = Promise("Publishing", "Only a version that was approved is published.")
PUBLIC_INTERNET = Promise("Publishing", "An address that a user gives leads to the public internet only.")
WATCHED = Promise(
    "Background work", "No loop dies silently, and no job is lost or given up without a record."
)

_COMMON = "libs/common/common"
_SQL = f"{_COMMON}/eventsourcing/sql"
_KIT = "tests/integration/kit"
_PROVING = "tests/integration/proving/test_delivery.py"
_WALLET = "tests/unit/billing/test_wallet.py"
_PUBLISHING = "tests/integration/publisher/test_publishing.py"

DEFECTS: tuple[Defect, ...] = (
    Defect(
        "version-unchecked",
        ONE_HISTORY,
        "an append does not ask whether the stream is where its writer thinks",
        f"{_SQL}/append_events.sql",
        "IF expected > 0 AND NOT EXISTS (",
        "IF false AND NOT EXISTS (",
        f"{_KIT}/test_store.py::test_a_stale_version_is_a_conflict",
    ),
    Defect(
        "version-not-unique",
        ONE_HISTORY,
        "two facts of a stream may have one version",
        f"{_SQL}/schema.sql",
        "UNIQUE (stream, version)",
        "UNIQUE (stream, version, event_id)",
        f"{_KIT}/test_store.py::test_a_stale_version_is_a_conflict",
    ),
    Defect(
        "account-lock-dropped",
        ONE_HISTORY,
        "writers of one account do not wait for each other, and fail instead",
        f"{_SQL}/open_stream.sql",
        "PERFORM pg_advisory_xact_lock(hashtextextended(account::text, 0));",
        "",
        f"{_KIT}/test_store.py::test_racers_on_one_stream_queue_and_none_is_lost",
    ),
    Defect(
        "facts-can-be-deleted",
        FACTS_STAY,
        "the append-only guard lets a DELETE pass",
        f"{_SQL}/schema.sql",
        "BEFORE UPDATE OR DELETE ON events",
        "BEFORE UPDATE ON events",
        f"{_KIT}/test_store.py::test_facts_can_be_neither_changed_nor_removed",
    ),
    Defect(
        "upcast-dropped",
        FACTS_STAY,
        "facts of an older shape are read as they are",
        f"{_COMMON}/eventsourcing/event.py",
        "data = upcast(data)",
        "upcast(data)",
        "tests/unit/common/eventsourcing/test_event_types.py::test_every_shape_it_ever_had_reads_as_todays",
    ),
    Defect(
        "views-not-written",
        TOGETHER,
        "an append leaves the views to somebody later",
        f"{_COMMON}/database.py",
        "await self.model.project(self, recorded)",
        "pass",
        f"{_KIT}/test_store.py::test_facts_view_and_outbox_commit_together",
    ),
    Defect(
        "job-on-another-connection",
        TOGETHER,
        "a job is deferred outside the transaction that asks for it",
        f"{_COMMON}/jobs/job.py",
        "            connection=connection,\n",
        "            connection=await psycopg.AsyncConnection.connect(\n"
        "                connection.info.dsn, password=connection.info.password, autocommit=True),\n",
        f"{_KIT}/test_jobs.py::test_a_job_is_there_exactly_if_its_transaction_commits",
    ),
    Defect(
        "message-too-large",
        TOGETHER,
        "a fact is recorded whose message Kafka will refuse",
        f"{_COMMON}/database.py",
        "if size > MAX_MESSAGE_BYTES:",
        "if False:",
        f"{_KIT}/test_store.py::test_a_message_too_large_for_kafka_is_refused_before_commit",
    ),
    Defect(
        "digests-always-equal",
        VIEWS,
        "a verification compares nothing",
        f"{_COMMON}/operate/projections.py",
        "return self.live == self.rebuilt",
        "return True",
        "tests/integration/operate/test_rebuild.py::test_verify_finds_a_planted_difference_and_rebuild_repairs_it",
    ),
    Defect(
        "rebuild-skips-page-ends",
        VIEWS,
        "a rebuild leaves out the last fact of each page",
        f"{_COMMON}/eventsourcing/rebuild.py",
        "position <= %s",
        "position < %s",
        "tests/integration/operate/test_rebuild.py::test_verify_finds_a_planted_difference_and_rebuild_repairs_it",
    ),
    Defect(
        "rebuild-past-open-transactions",
        VIEWS,
        "a rebuild believes that positions commit in their order",
        f"{_COMMON}/eventsourcing/rebuild.py",
        'await connection.execute("LOCK TABLE public.events IN SHARE MODE")',
        "pass",
        "tests/integration/operate/test_rebuild.py::test_a_lower_position_that_commits_late_is_not_lost",
    ),
    Defect(
        "ledger-without-key",
        VIEWS,
        "the ledger takes a transaction a second time",
        "services/billing/migrations/versions/0002_wallets_and_rates.py",
        "CREATE TABLE credit_transactions (\n        account_id    uuid NOT NULL,\n        id            uuid PRIMARY KEY,",
        "CREATE TABLE credit_transactions (\n        account_id    uuid NOT NULL,\n        id            uuid NOT NULL,",
        "tests/integration/billing/test_billing_wallet.py::test_views_applied_twice_change_nothing",
    ),
    Defect(
        "outbox-by-last-position",
        SAID,
        "the relay reads above the last position it has seen",
        f"{_COMMON}/messaging/relay.py",
        "rows = await self._read(connection, BATCH_ROWS)",
        "rows = [row for row in await self._read(connection, BATCH_ROWS)"
        " if row.position > self._refusals.get(-1, 0) and not self._refusals.update({-1: row.position})]",
        f"{_KIT}/test_relay.py::test_a_lower_position_that_commits_later_is_said",
    ),
    Defect(
        "outbox-swept-up-to-last-position",
        SAID,
        "the relay deletes everything up to the last position it sent",
        f"{_COMMON}/messaging/relay.py",
        "DELETE FROM outbox WHERE position = ANY(%s)",
        "DELETE FROM outbox WHERE position <= (SELECT max(p) FROM unnest(%s) AS p)",
        f"{_KIT}/test_relay.py::test_a_lower_position_that_commits_while_a_batch_is_sent_stays",
    ),
    Defect(
        "relay-without-acknowledgement",
        SAID,
        "the relay does not wait for Kafka's word",
        f"{_COMMON}/messaging/relay.py",
        "await acknowledged\n",
        "pass\n",
        f"{_KIT}/test_relay.py::test_what_kafka_does_not_acknowledge_stays",
    ),
    Defect(
        "outbox-out-of-order",
        SAID,
        "the relay says what was recorded last first",
        f"{_COMMON}/messaging/relay.py",
        "ORDER BY position LIMIT",
        "ORDER BY position DESC LIMIT",
        f"{_KIT}/test_relay.py::test_a_republished_range_leaves_out_what_is_private",
    ),
    Defect(
        "events-of-an-account-spread",
        SAID,
        "the events of an account go to any partition",
        f"{_COMMON}/messaging/relay.py",
        "partition = _partitioner(message.key, partitions, partitions)",
        "partition = partitions[message.position % len(partitions)]",
        f"{_KIT}/test_relay.py::test_an_account_stays_on_one_partition",
    ),
    Defect(
        "inbox-unchecked",
        HEARD_ONCE,
        "what was taken in already is handled again",
        f"{_COMMON}/messaging/inbox.py",
        "if item.event.event_id not in new:",
        "if False:",
        f"{_KIT}/test_inbox.py::test_what_comes_twice_in_one_batch_or_again_is_handled_once",
    ),
    Defect(
        "offset-before-effect",
        HEARD_ONCE,
        "progress is committed before the batch is handled",
        f"{_COMMON}/messaging/inbox.py",
        "arrived, broken = self._sort(messages)",
        "arrived, broken = self._sort(messages); await self._take_apart(messages, (), ())",
        f"{_KIT}/test_inbox.py::TestAway::test_nothing_is_left_of_it",
    ),
    Defect(
        "offset-goes-back",
        HEARD_ONCE,
        "a repeated batch sets the progress back",
        f"{_SQL}/advance_consumer.sql",
        "WHERE known.next_offset < excluded.next_offset",
        "WHERE true",
        f"{_KIT}/test_inbox.py::test_offsets_never_go_back",
    ),
    Defect(
        "failed-batch-passed-over",
        HEARD_ONCE,
        "a batch that could not be taken is not asked for again",
        f"{_COMMON}/messaging/consumer.py",
        "await message.nack()",
        "pass",
        f"{_KIT}/test_consumer.py::test_a_batch_that_was_not_taken_comes_again",
    ),
    Defect(
        "kafkas-progress-believed",
        HEARD_ONCE,
        "a consumer goes on where Kafka was told, not where its database is",
        f"{_COMMON}/messaging/consumer.py",
        "consumer.seek(partition, offset)",
        "pass",
        f"{_KIT}/test_consumer.py::test_it_goes_on_where_the_database_says_whatever_kafka_was_told",
    ),
    Defect(
        "absence-taken-for-poison",
        HEARD_ONCE,
        "a lost database connection counts as the event's own fault",
        f"{_COMMON}/database.py",
        'return state[:2] in ("08", "53", "58") or state[:3] == "57P"',
        "return False",
        f"{_KIT}/test_inbox.py::TestAway::test_nothing_is_left_of_it",
    ),
    Defect(
        "replica-takes-older-news",
        HEARD_ONCE,
        "an older change that comes late overwrites a newer one",
        f"{_COMMON}/views.py",
        "where=table.c[newer_by] < statement.excluded[newer_by] if newer_by else None",
        "where=None",
        f"{_KIT}/test_replicas.py::test_an_older_change_that_comes_late_changes_nothing",
    ),
    Defect(
        "early-news-dropped",
        HEARD_ONCE,
        "news of an operation that was not heard of yet is dropped",
        "services/gateway/gateway/activity/reactions.py",
        'await upsert_rows(tx, operations, [_operation(event) | {"reserved_at": event.time}])',
        'await tx.execute("UPDATE activity_operations SET reserved_at = %(at)s WHERE operation_id = %(operation_id)s",'
        ' _operation(event) | {"at": event.time})',
        f"{_PROVING}::test_whatever_comes_in_whatever_order_and_again_has_one_outcome",
    ),
    Defect(
        "parked-without-commit",
        POISON,
        "the letter of a failed event is rolled back while its offset advances",
        f"{_COMMON}/messaging/inbox.py",
        "await self._park(tx, item, repr(error))",
        'await self._park(tx, item, repr(error)); raise __import__("psycopg").Rollback',
        f"{_KIT}/test_inbox.py::TestPoison::test_its_account_is_taken_apart_and_the_others_stay_together",
    ),
    Defect(
        "parked-stream-overtaken",
        POISON,
        "later events of a stream pass the parked one",
        f"{_COMMON}/messaging/inbox.py",
        "if (account_id, item.event.subject) in blocked:",
        "if False:",
        f"{_KIT}/test_inbox.py::TestPoison::test_later_events_of_its_stream_wait_behind_it",
    ),
    Defect(
        "neighbours-parked-too",
        POISON,
        "all that came with a poisoned message for its account is parked with it",
        f"{_COMMON}/messaging/inbox.py",
        "await self._database.run(item.event.account_id, alone)",
        'raise RuntimeError("came with poison")',
        f"{_PROVING}::test_poison_is_parked_once_and_alone",
    ),
    Defect(
        "letters-out-of-order",
        POISON,
        "a parked stream's later events are tried before its first",
        f"{_SQL}/lookups.sql",
        "e.consumer = d.consumer AND e.subject = d.subject AND e.id < d.id",
        "false",
        f"{_KIT}/test_inbox.py::TestPoison::test_later_events_of_its_stream_wait_behind_it",
    ),
    Defect(
        "gap-unnoticed",
        GAPS,
        "a batch that starts above the expected offset is taken as if nothing lacked",
        f"{_SQL}/advance_consumer.sql",
        "WHERE batch.first > coalesce(o.next_offset, 0) AND",
        "WHERE false AND",
        f"{_KIT}/test_inbox.py::test_a_gap_asks_its_source",
    ),
    Defect(
        "new-broker-unnoticed",
        GAPS,
        "a broker's new life is taken for the old one",
        f"{_SQL}/begin_incarnation.sql",
        "OR NOT EXISTS (SELECT FROM consumer_offsets o WHERE o.consumer = for_consumer) THEN",
        "OR true THEN",
        f"{_KIT}/test_inbox.py::test_offsets_count_in_one_life_of_the_broker_only",
    ),
    Defect(
        "trace-lost",
        TRACED,
        "a message does not carry the trace of what caused it",
        f"{_COMMON}/messaging/envelope.py",
        "    if traceparent:\n",
        "    if False:\n",
        "tests/unit/common/messaging/test_envelope.py::test_what_is_written_is_read",
    ),
    Defect(
        "trace-not-continued",
        TRACED,
        "a service begins a trace of its own at each message",
        f"{_COMMON}/telemetry.py",
        'context = extract({"traceparent": parent}) if parent else None',
        "context = None",
        f"{_KIT}/test_transactions.py::test_a_span_goes_on_where_another_process_left_off",
    ),
    Defect(
        "tenant-not-set",
        OWN_ROWS,
        "a batch goes on for the next account under the last one's name",
        f"{_COMMON}/database.py",
        "            self._account_id = account_id\n            self._tenant_set = False\n",
        "            self._account_id = account_id\n",
        f"{_KIT}/test_transactions.py::test_switching_to_another_account_sees_its_rows_only",
    ),
    Defect(
        "tenant-outlives-transaction",
        OWN_ROWS,
        "the tenant is set for the session: whoever gets the connection next inherits it",
        f"{_COMMON}/database.py",
        "SELECT set_config('app.account_id', %s, true)",
        "SELECT set_config('app.account_id', %s, false)",
        f"{_KIT}/test_transactions.py::test_a_connection_that_is_given_back_remembers_no_tenant",
    ),
    Defect(
        "tenant-outlives-append",
        OWN_ROWS,
        "the same in the function that opens a stream",
        f"{_SQL}/open_stream.sql",
        "set_config('app.account_id', account::text, true)",
        "set_config('app.account_id', account::text, false)",
        f"{_KIT}/test_transactions.py::test_a_connection_that_is_given_back_remembers_no_tenant",
    ),
    Defect(
        "table-unguarded",
        OWN_ROWS,
        "a new table is forgotten when row-level security is switched on",
        "services/billing/migrations/versions/0002_wallets_and_rates.py",
        '    "usage_log",\n',
        "",
        f"{_KIT}/test_store.py::test_every_table_with_tenants_is_guarded[billing]",
    ),
    Defect(
        "owner-unguarded",
        OWN_ROWS,
        "row-level security does not hold for the tables' owner",
        f"{_SQL}/tenancy.sql",
        "%s FORCE ROW LEVEL SECURITY",
        "%s NO FORCE ROW LEVEL SECURITY",
        f"{_KIT}/test_store.py::test_every_table_with_tenants_is_guarded[publisher]",
    ),
    Defect(
        "progress-said-to-all",
        OWN_ROWS,
        "live progress goes to every open stream",
        "services/gateway/gateway/activity/live.py",
        "for listener in self._listeners.get(account_id, ()):\n            if len(",
        "for listener in set().union(*self._listeners.values()):\n            if len(",
        "tests/integration/gateway/test_gateway_activity.py::TestLiveUpdates::test_say_progress_to_its_account_only",
    ),
    Defect(
        "secret-opens-anywhere",
        SECRETS,
        "a ciphertext opens in another secret's place",
        f"{_COMMON}/secrets.py",
        'return f"secret {ref.secret_id} {ref.version}"',
        'return "secret"',
        "tests/integration/gateway/test_gateway_secrets.py::test_a_ciphertext_moved_to_another_secret_does_not_open",
    ),
    Defect(
        "erasure-keeps-key",
        SECRETS,
        "an erased account's key stays",
        f"{_COMMON}/secrets.py",
        "SET wrapped = NULL, erased_at",
        "SET erased_at",
        "tests/integration/gateway/test_gateway_secrets.py::test_erasure_is_for_good",
    ),
    Defect(
        "audience-unchecked",
        CALLERS,
        "a token that was made for something else opens a service",
        f"{_COMMON}/auth/tokens.py",
        'aud={"essential": True, "value": audience},',
        'aud={"essential": True},',
        "tests/unit/common/auth/test_auth_identity.py::test_an_access_token_is_no_identity",
    ),
    Defect(
        "foreign-site-accepted",
        CALLERS,
        "a member of one site works on the account's others",
        f"{_COMMON}/api/caller.py",
        "return sites is None or site_id in sites",
        "return True",
        "tests/integration/planner/test_planner_keywords.py::TestKeywords::test_a_member_of_another_site_finds_nothing_here",
    ),
    Defect(
        "foreign-sites-rows-shown",
        CALLERS,
        "a member of one site reads the account's others",
        f"{_COMMON}/api/scope.py",
        "return sa.true() if caller.site_ids is None else among(table.c.site_id, caller.site_ids)",
        "return sa.true()",
        "tests/integration/planner/test_planner_keywords.py::TestKeywords::test_a_member_of_another_site_finds_nothing_here",
    ),
    Defect(
        "viewer-may-write",
        CALLERS,
        "who may only read may write",
        f"{_COMMON}/auth/roles.py",
        '"viewer": ("read",),',
        '"viewer": ("read", "write"),',
        "tests/unit/common/auth/test_auth_roles.py::test_each_cell",
    ),
    Defect(
        "identity-from-outside",
        CALLERS,
        "the gateway hands on an identity that the client has made up",
        "services/gateway/gateway/edge/app.py",
        "for name, value in headers if name not in _OURS]",
        "for name, value in headers if name not in _OURS - {_IDENTITY}]",
        "tests/integration/gateway/test_gateway_edge.py::TestForwarding::test_hands_on_a_signed_identity_and_never_the_clients_own",
    ),
    Defect(
        "former-member-gets-in",
        CALLERS,
        "who was taken out of an account still gets in",
        "services/gateway/gateway/edge/callers.py",
        "                    members.c.active,\n",
        "",
        "tests/integration/gateway/test_gateway_edge.py::TestCallers::test_who_was_a_member_gets_in_no_more",
    ),
    Defect(
        "stolen-token-ends-nothing",
        CALLERS,
        "a refresh token that is used twice ends no session",
        "services/gateway/gateway/users/sessions.py",
        'if found == "used":',
        "if False:",
        "tests/integration/gateway/test_gateway_users.py::TestSessions::test_end_altogether_when_a_token_is_used_twice",
    ),
    Defect(
        "replica-not-waited-for",
        FRESH,
        "a service answers from a replica that is behind what the caller knows",
        f"{_COMMON}/replicas/causal.py",
        "while self._seen.get(account_id, 0) < version:",
        "while False:",
        f"{_KIT}/test_causal.py::test_after_two_seconds_the_client_is_asked_to_come_back",
    ),
    Defect(
        "fingerprint-ignored",
        ONE_EFFECT,
        "another request under a used key gets the first one's answer",
        f"{_COMMON}/api/idempotency.py",
        'if known is not None and known["fingerprint"] != fingerprint:',
        "if False:",
        f"{_KIT}/test_idempotency.py::test_a_key_used_for_something_else_is_refused",
    ),
    Defect(
        "fault-kept-as-answer",
        ONE_EFFECT,
        "a fault of ours is replayed for a day",
        f"{_COMMON}/api/idempotency.py",
        "if status >= 500:",
        "if False:",
        f"{_KIT}/test_idempotency.py::test_after_a_fault_of_ours_the_key_is_free_at_once",
    ),
    Defect(
        "running-request-run-again",
        ONE_EFFECT,
        "a request runs again while the first one is at it",
        f"{_COMMON}/api/idempotency.py",
        "k.status IS NULL AND k.locked_until < now() AND",
        "k.status IS NULL AND",
        f"{_KIT}/test_idempotency.py::test_of_200_racers_with_one_key_one_has_the_effect",
    ),
    Defect(
        "new-ids-on-repetition",
        ONE_EFFECT,
        "a request that is repeated after a crash makes new ids",
        f"{_COMMON}/api/caller.py",
        "if self.idempotency_key is None:",
        "if True:",
        f"{_KIT}/test_idempotency.py::test_after_a_crash_in_between_the_repetition_finds_what_was_done",
    ),
    Defect(
        "reserved-counts-as-available",
        WITHIN_BALANCE,
        "a reservation ignores what is reserved already",
        "services/billing/billing/wallets/events.py",
        "return self.balance - self.reserved",
        "return self.balance",
        f"{_WALLET}::TestWhenAlmostEmpty::test_refuses_a_reservation_above_what_is_available",
    ),
    Defect(
        "reserved-twice",
        WITHIN_BALANCE,
        "the same request reserves again",
        "services/billing/billing/wallets/decisions.py",
        "if command.operation_id in wallet.reservations or command.operation_id in wallet.closed:",
        "if command.operation_id in wallet.closed:",
        f"{_WALLET}::TestWhenReserved::test_the_same_request_again_changes_nothing",
    ),
    Defect(
        "released-twice",
        WITHIN_BALANCE,
        "a reservation that has expired is given back again",
        "services/billing/billing/wallets/decisions.py",
        "if reservation is None or reservation.expired or command.at",
        "if reservation is None or command.at",
        f"{_WALLET}::TestWhenExpired::test_it_expires_once",
    ),
    Defect(
        "released-without-reservation",
        WITHIN_BALANCE,
        "an outcome whose request has not come yet is taken as settled",
        "services/billing/billing/wallets/decisions.py",
        "if operation_id in wallet.closed:\n        return None",
        "if operation_id not in wallet.reservations:\n        return None",
        f"{_WALLET}::TestWhenEmpty::test_outcomes_wait_for_their_request",
    ),
    Defect(
        "settled-twice",
        FAIR_PRICE,
        "an item that was charged stays open",
        "services/billing/billing/wallets/events.py",
        "in before.open.items() if item not in items}",
        "in before.open.items()}",
        f"{_WALLET}::TestWhenReserved::test_an_item_is_charged_once",
    ),
    Defect(
        "charged-above-maximum",
        FAIR_PRICE,
        "an item costs more than was reserved for it",
        "services/billing/billing/wallets/decisions.py",
        "due = min(full, maximum)",
        "due = full",
        f"{_WALLET}::TestWhenReserved::test_an_item_is_never_charged_above_its_maximum",
    ),
    Defect(
        "charged-on-failure",
        FAIR_PRICE,
        "a failed item keeps its credits",
        "services/billing/billing/wallets/decisions.py",
        "amount = reservation.held if last or reservation.expired else reservation.open[items[0]]",
        "amount = 0",
        f"{_WALLET}::TestWhenReserved::test_a_failed_item_costs_nothing",
    ),
    Defect(
        "settled-by-newest-card",
        FAIR_PRICE,
        "a new rate card changes the price of what runs already",
        "services/billing/billing/wallets/decisions.py",
        "command.cards[reservation.card_version]",
        "command.cards[max(command.cards)]",
        f"{_WALLET}::TestWhenReserved::test_it_is_settled_by_the_card_it_was_reserved_with",
    ),
    Defect(
        "rate-rounded-down",
        FAIR_PRICE,
        "a begun step of words costs nothing",
        f"{_COMMON}/ai/costs.py",
        "steps = -(-charge.units * card.content_per_unit //",
        "steps = (charge.units * card.content_per_unit //",
        "tests/unit/billing/test_costs.py::test_content_costs_a_credit_per_500_words_in_halves",
    ),
    Defect(
        "item-ends-twice",
        FAIR_PRICE,
        "a step that was done counts once more when it is done again",
        f"{_COMMON}/ai/operations/decisions.py",
        "return [ItemSucceeded(item_id)] if item_id in state.open_items else []",
        "return [ItemSucceeded(item_id)]",
        "tests/unit/common/ai/test_operation_decisions.py::test_each_item_ends_once",
    ),
    Defect(
        "run-outcome-counted-twice",
        RUNS,
        "an item of a run that has failed ends once more",
        "services/planner/planner/automation/process.py",
        "if id not in work.done and id not in work.failed}",
        "if id not in work.done}",
        "tests/unit/planner/test_pipeline_process.py::TestOutcomes::test_an_item_ends_once",
    ),
    Defect(
        "stage-ends-before-its-prices",
        RUNS,
        "a stage ends while an outcome's price is still to come",
        "services/planner/planner/automation/process.py",
        "if _open_items(work) or (work.stage in PAID and",
        "if _open_items(work) or (False and",
        "tests/unit/planner/test_pipeline_process.py::TestOutcomes::test_a_stage_waits_for_the_price_of_what_was_made",
    ),
    Defect(
        "answer-not-recalled",
        PAID_ONCE,
        "a provider is asked again although its answer is there",
        f"{_COMMON}/ai/engine.py",
        "if known is not None:",
        "if False:",
        "tests/unit/common/ai/test_ai_engine.py::test_asks_once_and_recalls_afterwards",
    ),
    Defect(
        "answer-used-before-recorded",
        PAID_ONCE,
        "an answer is used without being kept",
        f"{_COMMON}/ai/engine.py",
        "await self._answers.record(operation_id, step, input_hash, recorded)",
        "pass",
        "tests/unit/common/ai/test_ai_engine.py::test_asks_once_and_recalls_afterwards",
    ),
    Defect(
        "later-answer-wins",
        PAID_ONCE,
        "a second attempt's answer replaces the one that was used",
        f"{_COMMON}/ai/answers_store.py",
        " AND answer IS NULL",
        "",
        f"{_KIT}/test_answer_stores.py::test_the_first_answer_stays",
    ),
    Defect(
        "hidden-retries",
        NOT_SWALLOWED,
        "the client library repeats requests on its own",
        f"{_COMMON}/ai/providers/openai.py",
        "max_retries=0",
        "max_retries=2",
        "tests/integration/ai/test_openai_provider.py::test_does_not_repeat_what_was_rejected",
    ),
    Defect(
        "provider-error-swallowed",
        NOT_SWALLOWED,
        "a step whose provider refuses ends as if it had been done",
        f"{_COMMON}/ai/operations/steps.py",
        "raise GiveUp(error.message) from error",
        "return",
        "tests/integration/writer/test_writer_pipeline.py::TestWhenTheProviderFails::test_a_refusal_fails_the_task_and_says_what_it_cost",
    ),
    Defect(
        "post-without-asking",
        ONE_POST,
        "a post is sent without asking the site for one with our key",
        "services/publisher/publisher/publications/jobs.py",
        "found = await self._earlier(key, self._target.find_post, StartPost)",
        "found = None",
        f"{_PUBLISHING}::test_a_kill_between_the_sites_answer_and_its_record",
    ),
    Defect(
        "medium-without-asking",
        ONE_POST,
        "an image is uploaded again after a crash",
        "services/publisher/publisher/publications/jobs.py",
        "found = await self._earlier(key, self._target.find_medium, lambda ended: StartMedium(key, ended))",
        "found = None",
        f"{_PUBLISHING}::test_a_kill_between_the_sites_answer_and_its_record",
    ),
    Defect(
        "late-request-not-awaited",
        ONE_POST,
        "a request that may still arrive is taken for lost",
        "services/publisher/publisher/publications/jobs.py",
        "settled is not None and settled <= looked and await",
        "settled is not None and await",
        f"{_PUBLISHING}::TestALostRequest::test_that_arrives_late_is_the_one_post",
    ),
    Defect(
        "lost-request-sent-by-two",
        ONE_POST,
        "two that miss the same lost request both send it again",
        "services/publisher/publisher/publications/decisions.py",
        "(ended is not None and publication.started[key] == ended)",
        "ended is not None",
        f"{_PUBLISHING}::TestALostRequest::test_that_never_arrives_is_sent_again_by_one_of_two",
    ),
    Defect(
        "unknown-outcome-sent-again",
        ONE_POST,
        "an answer that did not come is taken for a refusal",
        "services/publisher/publisher/publications/jobs.py",
        "await self._decide(EndSending(key, self._now()))",
        "await self._decide(RefuseSending(key))",
        f"{_PUBLISHING}::test_an_unknown_outcome_is_looked_up_and_sent_again_only_when_absent",
    ),
    Defect(
        "unapproved-version-released",
        APPROVED,
        "a version that nobody approved goes out",
        "services/writer/writer/content/decisions.py",
        "overtaken = content.archived or content.approved != command.text_version",
        "overtaken = content.archived",
        "tests/unit/writer/test_writer_content.py::TestRelease::test_a_version_without_approval_never_is",
    ),
    Defect(
        "private-address-reached",
        PUBLIC_INTERNET,
        "the addresses of a name are not looked at",
        f"{_COMMON}/outbound.py",
        "if not is_public(ip_address(text)):",
        "if False:",
        "tests/unit/publisher/adapters/test_outbound_guard.py::TestRefusesTheAddress::test_that_is_not_on_the_public_internet",
    ),
    Defect(
        "name-resolved-again",
        PUBLIC_INTERNET,
        "the connection goes to the name instead of the address that was checked",
        f"{_COMMON}/outbound.py",
        "return await self._network.connect_tcp(address, port,",
        "return await self._network.connect_tcp(host, port,",
        "tests/unit/publisher/adapters/test_outbound_guard.py::TestConnecting::test_goes_to_the_checked_address_wherever_else_the_name_leads",
    ),
    Defect(
        "redirect-followed",
        PUBLIC_INTERNET,
        "a user's server leads a request on to another place",
        f"{_COMMON}/outbound.py",
        "follow_redirects=False",
        "follow_redirects=True",
        "tests/unit/publisher/adapters/test_outbound_guard.py::TestConnecting::test_follows_no_redirect_even_to_a_permitted_place",
    ),
    Defect(
        "silent-loop-healthy",
        WATCHED,
        "a loop that hangs does not turn health red",
        f"{_COMMON}/supervision.py",
        "not ended and monotonic() - self._last_beat < SILENT_AFTER_SECONDS",
        "not ended",
        "tests/unit/common/telemetry/test_supervision.py::test_one_that_hangs_turns_health_red",
    ),
    Defect(
        "given-up-without-record",
        WATCHED,
        "a job that fails for good tells nobody",
        f"{_COMMON}/jobs/worker.py",
        "await handler.give_up(work, failure)",
        "pass",
        "tests/unit/common/jobs/test_attempts.py::test_it_gives_up_at_once_when_asked_to",
    ),
)
