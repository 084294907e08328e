"""Bodies and answers. Made by `python -m clients.generate` from the OpenAPI document; change it there."""

import datetime as dt
from typing import Any, Literal
from uuid import UUID

from igny8_client.model import Body, Shown


class AcceptIn(Body):
    token: str
    """From the e-mail."""
    password: str
    first_name: str = ""
    last_name: str = ""
    cookie: bool = False
    """The refresh token comes as an HttpOnly cookie and not in the body."""


class AcceptedOut(Shown):
    access: str
    refresh: str | None
    """null where it is in the cookie."""
    token_type: str = "Bearer"
    expires_in: int = 3600
    """Seconds until the access token ends."""
    user_id: UUID
    account_id: UUID


class AccountChanges(Body):
    name: str | None = None
    slug: str | None = None


class AccountOut(Shown):
    id: UUID
    name: str
    slug: str
    status: str
    trial_ends_at: dt.datetime
    version: int
    created_at: dt.datetime
    updated_at: dt.datetime


class ActivityOut(Shown):
    event_id: UUID
    at: dt.datetime
    source: str
    event: str
    """The name of the public event."""
    kind: str | None
    """What it is about."""
    id: UUID | None
    site_id: UUID | None
    sector_id: UUID | None
    title: str | None
    entries: int
    """How many things it is about."""


class AdjustmentIn(Body):
    """`amount` is what is given; a negative one is taken back."""

    account: UUID
    amount: float
    """Credits, with at most three decimals."""
    reason: str
    """The account reads it in its transactions."""


class AdjustmentOut(Shown):
    """`version` is that of the account's wallet after it."""

    id: UUID
    account: UUID
    amount: float
    balance_after: float
    reason: str
    created_by: str
    version: int
    created_at: dt.datetime


class ApiKeyChanges(Body):
    """What is left out stays as it is."""

    name: str | None = None
    scopes: list[Literal["read", "write", "ai", "publish", "webhook"]] | None = None
    site_ids: list[UUID] | None = None
    """The only sites it opens; null: all of them."""
    expires_at: dt.datetime | None = None
    """In the future; null: it has no end."""


class ApiKeyIn(Body):
    name: str
    scopes: list[Literal["read", "write", "ai", "publish", "webhook"]]
    site_ids: list[UUID] | None = None
    """The only sites it opens; null: all of them."""
    expires_at: dt.datetime | None = None
    """In the future; null: it has no end."""


class ApiKeyOut(Shown):
    id: UUID
    account_id: UUID
    name: str
    prefix: str
    """The secret's first characters, to recognise it by."""
    scopes: list[Literal["read", "write", "ai", "publish", "webhook"]]
    site_ids: list[UUID] | None
    expires_at: dt.datetime | None
    old_until: dt.datetime | None
    """Until when the secret before the last rotation was or is good."""
    last_used_at: dt.datetime | None
    """To the minute."""
    created_by: str
    version: int
    created_at: dt.datetime
    updated_at: dt.datetime


class ApiKeyShownOut(Shown):
    id: UUID
    account_id: UUID
    name: str
    prefix: str
    """The secret's first characters, to recognise it by."""
    scopes: list[Literal["read", "write", "ai", "publish", "webhook"]]
    site_ids: list[UUID] | None
    expires_at: dt.datetime | None
    old_until: dt.datetime | None
    """Until when the secret before the last rotation was or is good."""
    last_used_at: dt.datetime | None
    """To the minute."""
    created_by: str
    version: int
    created_at: dt.datetime
    updated_at: dt.datetime
    key: str | None
    """The secret, in this answer only; null where the request is repeated under its Idempotency-Key."""


class AsOf(Shown):
    source: str
    events: int
    """How many of its events about this account have been taken in."""
    at: dt.datetime
    """When the newest of them was said."""


class AuditEntryOut(Shown):
    id: UUID
    at: dt.datetime
    actor: str
    """`user:<id>` or `api_key:<id>`."""
    on_behalf_of: UUID | None
    """This account, where staff acted for it."""
    action: str
    """Method and route, ids left out: `POST account/sites/{id}/restore/`."""
    object_id: UUID | None
    """What the route names, or what it made."""
    request_id: str
    """Leads to the facts, the logs and the trace."""
    trace_id: str | None
    ip: str | None
    status: int | None
    outcome: Literal["succeeded", "refused", "failed", "unknown"]
    """`unknown`: still running, or nobody was left to note the answer."""


class AuthorChanges(Body):
    name: str | None = None
    description: str | None = None
    tone: str | None = None
    language: str | None = None
    is_default: bool | None = None


class AuthorIn(Body):
    name: str
    description: str = ""
    tone: str = ""
    language: str = "en"
    """A BCP 47 tag: en, de-AT."""
    is_default: bool = False
    """The first profile is the default whatever is sent."""


class AuthorOut(Shown):
    id: UUID
    account_id: UUID
    name: str
    description: str
    tone: str
    language: str
    is_default: bool
    version: int
    created_at: dt.datetime
    updated_at: dt.datetime


class AutoClusterIn(Body):
    sector_id: UUID
    keyword_ids: list[UUID] | None = None


class RunStage(Shown):
    stage: int
    status: str | None
    items: int | None
    failed: int | None


class RunOut(Shown):
    run_id: UUID
    site_id: UUID | None
    sector_id: UUID | None
    status: str | None
    started_at: dt.datetime
    stages: list[RunStage]


class AutomationStatus(Shown):
    by_status: dict[str, int]
    """All pipeline runs."""
    latest: list[RunOut]


class Balance(Shown):
    balance: float
    reserved: float
    available: float
    updated_at: dt.datetime | None


class KeywordFields(Body):
    """What a person says about a keyword; unknown is null."""

    keyword: str
    volume: int | None = None
    """Searches a month."""
    difficulty: int | None = None
    intent: Literal["informational", "navigational", "commercial", "transactional"] | None = None
    cpc: str | None = None
    """A plain decimal like "8.50"."""
    locale: str | None = None


class BulkImport(Body):
    site_id: UUID
    sector_id: UUID
    keywords: list[KeywordFields]


class BulkImported(Shown):
    read: int
    new: int
    duplicates: int
    ids: list[UUID]


class Changed(Shown):
    """How many were changed by a bulk call."""

    count: int


class ClusterIn(Body):
    site_id: UUID
    sector_id: UUID
    name: str
    description: str = ""


class ClusterOut(Shown):
    id: UUID
    account_id: UUID
    site_id: UUID
    sector_id: UUID
    sector_name: str | None = None
    created_at: dt.datetime
    updated_at: dt.datetime
    version: int
    name: str
    description: str
    status: Literal["new", "mapped", "archived"]
    keywords_count: int
    volume: int


class ClusterPatch(Body):
    """Only what is named is changed."""

    name: str | None = None
    description: str | None = None


class ContentDetail(Shown):
    id: UUID
    account_id: UUID
    site_id: UUID
    sector_id: UUID
    sector_name: str | None
    version: int
    created_at: dt.datetime
    updated_at: dt.datetime
    task_id: UUID
    task_title: str | None
    cluster_id: UUID
    cluster_name: str | None
    content_type: Literal["post", "page", "product", "taxonomy_term"]
    content_structure: Literal[
        "article", "guide", "comparison", "review", "listicle", "landing_page", "how_to"
    ]
    status: Literal["draft", "review", "published"]
    source: str
    text_version: int
    approved_version: int | None
    published_version: int | None
    title: str
    slug: str
    excerpt: str
    meta_title: str
    meta_description: str
    primary_keyword: str
    secondary_keywords: list[str]
    tags: list[str]
    categories: list[str]
    word_count: int
    external_id: str | None
    external_url: str | None
    has_image_prompts: bool
    has_images: bool
    error_code: str | None
    error: str | None
    html_content: str


class ContentEdit(Body):
    """What is left out stays as it is. `html_content` may be plain text or a whole document: it is made body HTML."""

    title: str | None = None
    slug: str | None = None
    html_content: str | None = None
    excerpt: str | None = None
    meta_title: str | None = None
    meta_description: str | None = None
    primary_keyword: str | None = None
    secondary_keywords: list[str] | None = None
    tags: list[str] | None = None
    categories: list[str] | None = None
    cluster_id: UUID | None = None


class ContentOut(Shown):
    """`text_version` counts the versions of the text; `approved_version` and `published_version` name one of them."""

    id: UUID
    account_id: UUID
    site_id: UUID
    sector_id: UUID
    sector_name: str | None
    version: int
    created_at: dt.datetime
    updated_at: dt.datetime
    task_id: UUID
    task_title: str | None
    cluster_id: UUID
    cluster_name: str | None
    content_type: Literal["post", "page", "product", "taxonomy_term"]
    content_structure: Literal[
        "article", "guide", "comparison", "review", "listicle", "landing_page", "how_to"
    ]
    status: Literal["draft", "review", "published"]
    source: str
    text_version: int
    approved_version: int | None
    published_version: int | None
    title: str
    slug: str
    excerpt: str
    meta_title: str
    meta_description: str
    primary_keyword: str
    secondary_keywords: list[str]
    tags: list[str]
    categories: list[str]
    word_count: int
    external_id: str | None
    external_url: str | None
    has_image_prompts: bool
    has_images: bool
    error_code: str | None
    error: str | None


class OperationCount(Shown):
    function: Literal[
        "auto_cluster", "generate_ideas", "generate_content", "generate_image_prompts", "generate_images"
    ]
    by_status: dict[str, int]
    """Items: running, succeeded, failed, cancelled or refused."""
    credits: float


class StageCount(Shown):
    kind: Literal["keyword", "cluster", "idea", "task", "content", "image"]
    total: int
    by_status: dict[str, int]


class Velocity(Shown):
    day: dt.date
    created: int
    words: int
    published: int


class DashboardOut(Shown):
    """`as_of` says how far each source has been heard when this was read."""

    workflow_pipeline: list[StageCount]
    ai_operations: list[OperationCount]
    """Of what was asked for in these days."""
    recent_activity: list[ActivityOut]
    content_velocity: list[Velocity]
    """Each of these days, in UTC."""
    automation_status: AutomationStatus
    as_of: list[AsOf]


class DefaultOut(Shown):
    prompt_type: Literal[
        "clustering", "ideas", "content_generation", "image_prompt_extraction", "image_prompt_template"
    ]
    function_name: str
    prompt_value: str
    placeholders: list[str]
    required_placeholders: list[str]


class EndpointIn(Body):
    """What is left out stays as it is."""

    api_key: str | None = None
    base_url: str | None = None
    """Empty: the provider's own address."""
    model: str | None = None
    """Empty: a default."""
    is_active: bool | None = None


class EraseIn(Body):
    """What makes sure that nobody does this by mistake, or at somebody else's screen."""

    account_slug: str
    """The slug of the account that is to go."""
    password: str
    """The owner's own."""


class EstimateIn(Body):
    """`units` of one item: operations, clusters, words, prompts or images; `items` such items."""

    function: Literal[
        "auto_cluster", "generate_ideas", "generate_content", "generate_image_prompts", "generate_images"
    ]
    units: int = 1
    items: int = 1
    model: str = "local"
    """The image model, for `generate_images`."""


class LimitReachedOut(Shown):
    of: Literal["ai_requests", "words", "images"]
    used: int
    asked: int
    limit: int


class EstimateOut(Shown):
    """`sufficient`: the credits are there. `reached` is a limit of the plan that has no room for it this month."""

    function: Literal[
        "auto_cluster", "generate_ideas", "generate_content", "generate_image_prompts", "generate_images"
    ]
    credits: float
    available: float
    sufficient: bool
    reached: LimitReachedOut | None
    rate_card: int


class Share(Shown):
    grant_id: UUID
    amount: float


class Item(Shown):
    """How an item's charge came about: the card's `price` for `units`, never more than the reserved `maximum`."""

    item_id: UUID
    units: int
    unit: Literal["clustering", "ideas", "content_words", "image_prompt", "image"]
    model: str
    rate_card: int
    price: float
    maximum: float
    charged: float
    written_off: float
    paid_from: list[Share]


class Operation(Shown):
    operation_id: UUID
    function: Literal[
        "auto_cluster", "generate_ideas", "generate_content", "generate_image_prompts", "generate_images"
    ]
    items: int
    reserved: float
    requested_at: dt.datetime
    site_id: UUID
    sector_id: UUID
    user_id: UUID | None
    api_key_id: UUID | None
    rule_id: UUID | None
    run_id: UUID | None


class ProviderUsage(Shown):
    provider: str
    model: str
    calls: int
    input_tokens: int
    output_tokens: int
    cost_usd: float


class Transaction(Shown):
    """`amount` is negative for what was taken; `kind` says more than `type`: the grant's kind, the AI function, `expiry`."""

    id: UUID
    type: Literal["purchase", "usage", "refund", "adjustment"]
    kind: str
    amount: float
    balance_after: float
    description: str
    reference: str | None
    created_by: str
    created_at: dt.datetime


class Explanation(Shown):
    """Why an account was charged, down to the AI call; a grant or an expiry has only its transaction."""

    transaction: Transaction
    operation: Operation | None
    item: Item | None
    usage: ProviderUsage | None


class ExportOut(Shown):
    id: UUID
    status: Literal["running", "completed", "failed", "expired"]
    services: list[str]
    """Those whose part is there."""
    bytes: int
    """Of the lines; files come on top."""
    file: str | None
    """Where it is downloaded, once it is complete."""
    error: str | None
    expires_at: dt.datetime
    version: int
    created_at: dt.datetime
    updated_at: dt.datetime


class FunctionOut(Shown):
    """`cost` in words; the schemas are JSON Schema 2020-12."""

    name: str
    description: str
    version: int
    cost: str
    input_schema: dict[str, Any]
    output_schema: dict[str, Any]


class GenerateIdeasIn(Body):
    cluster_ids: list[UUID]
    count: int = 3
    """Ideas per cluster."""


class GenerateImages(Body):
    """The named images, or with `content_id` alone all of its images that are not made yet."""

    image_ids: list[UUID] = []
    content_id: UUID | None = None


class GeneratePrompts(Body):
    content_ids: list[UUID]
    in_article: int = 1


class ResultOut(Shown):
    id: UUID
    kind: Literal["keyword", "cluster", "idea", "task", "content"]
    title: str
    highlight: str
    """The title as HTML, what was searched for in <mark>."""
    match: Literal["exact", "prefix", "similar"]
    """How the worst of the words is matched."""
    status: str | None
    site_id: UUID | None
    sector_id: UUID | None
    at: dt.datetime
    """When it was last spoken of."""


class GroupOut(Shown):
    kind: Literal["keyword", "cluster", "idea", "task", "content"]
    results: list[ResultOut]
    more: bool
    """There are more than are shown; more words narrow it down."""


class IdeaIds(Body):
    idea_ids: list[UUID]


class IdeaIn(Body):
    site_id: UUID
    sector_id: UUID
    keyword_cluster: UUID
    idea_title: str
    description: str = ""
    content_type: Literal["post", "page", "product", "taxonomy_term"] = "post"
    content_structure: Literal[
        "article", "guide", "comparison", "review", "listicle", "landing_page", "how_to"
    ] = "article"
    target_keywords: list[str] = []
    estimated_word_count: int = 1000


class IdeaOut(Shown):
    id: UUID
    account_id: UUID
    site_id: UUID
    sector_id: UUID
    sector_name: str | None = None
    created_at: dt.datetime
    updated_at: dt.datetime
    version: int
    keyword_cluster: UUID
    cluster_name: str | None
    idea_title: str
    description: str
    content_type: Literal["post", "page", "product", "taxonomy_term"]
    content_structure: Literal[
        "article", "guide", "comparison", "review", "listicle", "landing_page", "how_to"
    ]
    target_keywords: list[str]
    estimated_word_count: int
    status: Literal["new", "queued", "done", "rejected"]


class IdeaPatch(Body):
    """Only what is named is changed."""

    idea_title: str | None = None
    description: str | None = None
    content_type: Literal["post", "page", "product", "taxonomy_term"] | None = None
    content_structure: (
        Literal["article", "guide", "comparison", "review", "listicle", "landing_page", "how_to"] | None
    ) = None
    target_keywords: list[str] | None = None
    estimated_word_count: int | None = None
    status: Literal["new", "queued", "done", "rejected"] | None = None


class ImageEdit(Body):
    """What is left out stays as it is; another prompt makes it `pending` again."""

    prompt: str | None = None
    alt_text: str | None = None


class ImageOut(Shown):
    """`image_url` is public and relative to the host; null until the image is made."""

    id: UUID
    account_id: UUID
    site_id: UUID
    sector_id: UUID
    version: int
    created_at: dt.datetime
    updated_at: dt.datetime
    content_id: UUID
    content_title: str | None
    image_type: Literal["featured", "in_article", "desktop", "mobile"]
    prompt: str
    alt_text: str
    position: int
    status: Literal["pending", "generated", "failed"]
    image_url: str | None
    error_code: str | None
    error: str | None


class ImageGroup(Shown):
    content_id: UUID
    content_title: str
    images: list[ImageOut]


class ImageIn(Body):
    """A picture to be made, described by hand."""

    content_id: UUID
    image_type: Literal["featured", "in_article", "desktop", "mobile"] = "in_article"
    prompt: str
    alt_text: str = ""
    position: int = 0


class ImageTrial(Shown):
    status: Literal["connected", "failed"]
    base_url: str
    model: str
    milliseconds: int
    error_code: str | None = None
    error: str | None = None
    remedy: str | None = None
    image_url: str | None = None
    width: int | None = None
    height: int | None = None


class ImageTrialIn(Body):
    prompt: str = "A lighthouse on a cliff in the evening sun"


class ImagesIn(Body):
    """What is left out stays as it is."""

    provider: Literal["local", "openai", "runware"] | None = None
    model: str | None = None
    """Empty: the provider's default."""
    size: str | None = None
    """Empty: what suits the image's type."""
    quality: Literal["standard", "high"] | None = None
    is_active: bool | None = None


class RowFaultOut(Shown):
    line: int
    column: str | None
    value: str
    reason: str


class ImportOut(Shown):
    """`read` = `new` + `duplicates` + `failed`, null while it runs; `errors` holds the first 1,000."""

    id: UUID
    account_id: UUID
    site_id: UUID
    sector_id: UUID
    sector_name: str | None = None
    created_at: dt.datetime
    updated_at: dt.datetime
    version: int
    filename: str
    status: str
    reason: str | None
    read: int | None
    new: int | None
    duplicates: int | None
    failed: int | None
    errors: list[RowFaultOut]
    warnings: list[str]


class RowFault(Shown):
    """A row that was left out; `line` from 1, `column` null where the whole row is at fault."""

    line: int
    column: str | None
    value: str
    reason: str


class Imported(Shown):
    """`read` = `new` + `changed` + `duplicates` + `failed`; `errors` holds the first 1,000.

    A duplicate says what is known already, or what an earlier row of the file has said.
    """

    read: int
    new: int
    changed: int
    duplicates: int
    failed: int
    errors: list[RowFault]


class IndustrySectorOut(Shown):
    id: UUID
    slug: str
    name: str
    description: str


class IndustryOut(Shown):
    """`sectors` by name."""

    id: UUID
    slug: str
    name: str
    description: str
    sectors: list[IndustrySectorOut]
    created_at: dt.datetime
    updated_at: dt.datetime


class IntegrationOut(Shown):
    """Where a site publishes; the credentials are never shown."""

    id: UUID
    account_id: UUID
    site_id: UUID
    version: int
    created_at: dt.datetime
    updated_at: dt.datetime
    platform: Literal["wordpress", "folder"]
    url: str
    username: str
    connection: Literal["untested", "connected", "failed"]
    site_title: str | None
    remote_version: str | None
    error_code: str | None
    error: str | None
    remedy: str | None


class InvitationChanges(Body):
    role: Literal["editor", "viewer", "admin"] | None = None
    site_ids: list[UUID] | None = None


class InvitationIn(Body):
    email: str
    role: Literal["editor", "viewer", "admin"]
    site_ids: list[UUID] = []
    """For editors and viewers."""


class InvitationOut(Shown):
    id: UUID
    account_id: UUID
    email: str
    role: Literal["editor", "viewer", "admin"]
    site_ids: list[UUID]
    status: Literal["pending", "expired", "accepted", "revoked"]
    invited_by: UUID | None
    expires_at: dt.datetime
    version: int
    created_at: dt.datetime
    updated_at: dt.datetime


class ItemFault(Shown):
    item_id: UUID
    error_code: str
    message: str


class KeywordIds(Body):
    keyword_ids: list[UUID]


class KeywordIn(Body):
    keyword: str
    volume: int | None = None
    """Searches a month."""
    difficulty: int | None = None
    intent: Literal["informational", "navigational", "commercial", "transactional"] | None = None
    cpc: str | None = None
    """A plain decimal like "8.50"."""
    locale: str | None = None
    site_id: UUID
    sector_id: UUID
    cluster_id: UUID | None = None


class KeywordOut(Shown):
    id: UUID
    account_id: UUID
    site_id: UUID
    sector_id: UUID
    sector_name: str | None = None
    created_at: dt.datetime
    updated_at: dt.datetime
    version: int
    keyword: str
    volume: int | None
    difficulty: int | None
    intent: Literal["informational", "navigational", "commercial", "transactional"] | None
    status: Literal["new", "mapped", "archived"]
    cluster_id: UUID | None
    cluster_name: str | None
    cpc: str | None
    locale: str | None
    source: str | None
    volume_estimated: bool


class KeywordPatch(Body):
    """Only what is named is changed."""

    keyword: str | None = None
    volume: int | None = None
    difficulty: int | None = None
    intent: Literal["informational", "navigational", "commercial", "transactional"] | None = None
    cpc: str | None = None
    locale: str | None = None
    cluster_id: UUID | None = None


class LimitChanges(Body):
    """What is left out stays; null is unlimited."""

    users: int | None = None
    sites: int | None = None
    keywords: int | None = None
    clusters: int | None = None
    ideas: int | None = None
    ai_requests: int | None = None
    words: int | None = None
    images: int | None = None


class LimitOut(Shown):
    name: Literal["users", "sites", "keywords", "clusters", "ideas", "ai_requests", "words", "images"]
    used: int
    limit: int | None
    """Null: any number."""
    monthly: bool
    """Counted anew in each calendar month (UTC)."""


class LimitsIn(Shown):
    """Null is unlimited. AI requests, words and images are of a calendar month."""

    users: int | None
    sites: int | None
    keywords: int | None
    clusters: int | None
    ideas: int | None
    ai_requests: int | None
    words: int | None
    images: int | None


class LimitsOut(Shown):
    """Users with open invitations, sites, keywords, clusters and ideas, each without what is archived; AI requests, words and
    images of this month, with the most that running operations may come to.

    What others have is counted as it is heard of, a moment later.
    """

    plan: str | None
    """Null: no plan is known, and nothing is limited."""
    limits: list[LimitOut]


class LogEntry(Shown):
    number: int
    at: dt.datetime
    event: str
    stage: int | None
    item_id: UUID | None
    message: str


class LoginIn(Body):
    email: str
    password: str
    cookie: bool = False
    """The refresh token comes as an HttpOnly cookie and not in the body."""


class MemberChanges(Body):
    role: Literal["owner", "admin", "editor", "viewer"] | None = None
    """`owner` hands the account over: by its owner only."""
    is_active: bool | None = None


class MemberIn(Body):
    role: Literal["owner", "admin", "editor", "viewer"]
    is_active: bool = True


class MemberOut(Shown):
    id: UUID
    account_id: UUID
    email: str
    first_name: str
    last_name: str
    role: Literal["owner", "admin", "editor", "viewer"]
    is_active: bool
    site_ids: list[UUID] | None
    """The granted sites; null where the role sees all."""
    last_login: dt.datetime | None
    created_at: dt.datetime
    updated_at: dt.datetime


class MetricsOut(Shown):
    """CPU, memory and I/O of the gateway's process while it answered; a service's own work is not in them."""

    id: UUID
    at: dt.datetime
    request_id: str
    method: str
    path: str
    status: int
    seconds: float
    cpu_user_seconds: float
    cpu_system_seconds: float
    memory_bytes: int
    memory_grown_bytes: int
    """May be negative."""
    read_bytes: int
    written_bytes: int


class ModelChanges(Body):
    provider: str | None = None
    kind: Literal["chat", "image"] | None = None
    input_price: float | str | None = None
    output_price: float | str | None = None
    image_price: float | str | None = None
    is_active: bool | None = None


class ModelIn(Body):
    name: str
    provider: str
    kind: Literal["chat", "image"]
    input_price: float | str = "0"
    """US dollars, at most six decimals."""
    output_price: float | str = "0"
    """US dollars, at most six decimals."""
    image_price: float | str = "0"
    """US dollars, at most six decimals."""
    is_active: bool = True


class ModelOut(Shown):
    """Prices in US dollars: of a million tokens in and out, and of an image."""

    id: UUID
    name: str
    provider: str
    kind: Literal["chat", "image"]
    input_price: float
    output_price: float
    image_price: float
    is_active: bool
    version: int
    created_at: dt.datetime
    updated_at: dt.datetime


class ModuleChanges(Body):
    """Only what is named is switched."""

    planner: bool | None = None
    writer: bool | None = None
    automation: bool | None = None
    linker: bool | None = None
    optimizer: bool | None = None
    publisher: bool | None = None
    integration: bool | None = None


class ModulesOut(Shown):
    """Which are on; the routes of the others answer 403 `MODULE_DISABLED`. `version` is the account's."""

    planner: bool
    writer: bool
    automation: bool
    linker: bool
    optimizer: bool
    publisher: bool
    integration: bool
    version: int


class NotificationOut(Shown):
    id: UUID
    kind: Literal[
        "run_completed",
        "run_failed",
        "operation_failed",
        "credits_low",
        "credits_refused",
        "plan_limit_reached",
        "publishing_failed",
        "member_changed",
    ]
    message: str
    read: bool
    site_id: UUID | None
    task_id: UUID | None
    """The operation or run: `system/settings/task_progress/`."""
    content_id: UUID | None
    member_id: UUID | None
    created_at: dt.datetime


class OnPlanIn(Body):
    account: UUID


class OnPlanOut(Shown):
    account: UUID
    plan: str
    limits: LimitsIn
    version: int
    created_at: dt.datetime
    updated_at: dt.datetime


class PasswordIn(Body):
    current_password: str
    new_password: str


class PlanChanges(Body):
    """What is left out stays."""

    name: str | None = None
    credits_per_month: float | None = None
    included_credits: float | None = None
    """Null: `credits_per_month` count."""
    limits: LimitChanges | None = None
    is_active: bool | None = None


class PlanIn(Body):
    """Credits a month are the included ones where they are given."""

    slug: str
    name: str
    credits_per_month: float
    """Credits, with at most three decimals."""
    included_credits: float | None = None
    limits: LimitsIn


class PlanOut(Shown):
    """`monthly_credits` are the included ones where there are some, else those per month."""

    slug: str
    name: str
    credits_per_month: float
    included_credits: float | None
    monthly_credits: float
    limits: LimitsIn
    is_active: bool
    version: int
    created_at: dt.datetime
    updated_at: dt.datetime


class PlannerStageOut(Shown):
    stage: int
    name: str
    status: str
    items: int
    done: int
    failed: int
    credits: float
    started_at: dt.datetime | None
    finished_at: dt.datetime | None
    seconds: float


class PlannerRunOut(Shown):
    id: UUID
    account_id: UUID
    site_id: UUID
    sector_id: UUID
    sector_name: str | None = None
    created_at: dt.datetime
    updated_at: dt.datetime
    version: int
    status: Literal["running", "paused", "cancelled", "completed", "failed"]
    stage: int | None
    first_stage: int
    reason: str | None
    settings: dict[str, Any]
    user_id: UUID | None
    retry_of: UUID | None
    finished_at: dt.datetime | None
    credits: float
    stages: list[PlannerStageOut]


class PreferenceIn(Body):
    kind: Literal[
        "run_completed",
        "run_failed",
        "operation_failed",
        "credits_low",
        "credits_refused",
        "plan_limit_reached",
        "publishing_failed",
        "member_changed",
    ]
    in_app: bool | None = None
    email: bool | None = None


class PreferenceOut(Shown):
    kind: Literal[
        "run_completed",
        "run_failed",
        "operation_failed",
        "credits_low",
        "credits_refused",
        "plan_limit_reached",
        "publishing_failed",
        "member_changed",
    ]
    meaning: str
    in_app: bool
    email: bool


class PreferencesIn(Body):
    preferences: list[PreferenceIn]
    """What is left out stays as it is."""


class PreferencesOut(Shown):
    version: int
    preferences: list[PreferenceOut]


class ProfileIn(Body):
    first_name: str | None = None
    last_name: str | None = None
    active_site: UUID | None = None
    """The site one works on now; null for none."""
    active_sector: UUID | None = None
    """One of the active site's sectors; null for none."""


class StageOut(Shown):
    stage: int
    status: Literal["running", "finished"]
    items: int | None
    failed: int
    credits: float


class ProgressOut(Shown):
    """Item `item` of `items`. A task has `succeeded`, `failed` and `errors` of its items, a run has `stages`.

    `as_of` says how far each source has been heard when this was read.
    """

    task_id: UUID
    status: Literal["running", "paused", "completed", "failed", "cancelled"]
    phase: str
    function: str | None
    item: int
    items: int
    percent: int
    credits: float
    error: str | None
    succeeded: int | None = None
    failed: int | None = None
    step: str | None = None
    errors: list[ItemFault] | None = None
    run_id: UUID | None = None
    stages: list[StageOut] | None = None
    as_of: list[AsOf]


class PromptChanges(Body):
    prompt_type: (
        Literal[
            "clustering", "ideas", "content_generation", "image_prompt_extraction", "image_prompt_template"
        ]
        | None
    ) = None
    """Fixed; what is sent must be what it is."""
    prompt_value: str | None = None
    function_name: str | None = None


class PromptIn(Body):
    prompt_type: Literal[
        "clustering", "ideas", "content_generation", "image_prompt_extraction", "image_prompt_template"
    ]
    prompt_value: str
    """A template; see `defaults/` for its placeholders."""
    function_name: str | None = None
    """Follows from the type; what is sent must be that."""


class PromptOut(Shown):
    id: UUID
    account_id: UUID
    prompt_type: Literal[
        "clustering", "ideas", "content_generation", "image_prompt_extraction", "image_prompt_template"
    ]
    function_name: str
    prompt_value: str
    is_default: bool
    number: int
    """Counts the texts it has had."""
    version: int
    created_at: dt.datetime
    updated_at: dt.datetime


class PromptVersionOut(Shown):
    number: int
    prompt_value: str
    written_by: str
    created_at: dt.datetime


class PublicationOut(Shown):
    """`ordered_version` is what shall be out, `published_version` what is; `remedy` says what helps against `error`."""

    id: UUID
    account_id: UUID
    site_id: UUID
    version: int
    created_at: dt.datetime
    updated_at: dt.datetime
    content_id: UUID
    title: str
    ordered_version: int
    published_version: int | None
    status: Literal["requested", "published", "failed", "unpublished"]
    run_id: UUID | None
    target: str | None
    external_id: str | None
    external_url: str | None
    published_at: dt.datetime | None
    error_code: str | None
    error: str | None
    remedy: str | None


class PublishIn(Body):
    content_id: UUID


class PublishOut(Shown):
    content_id: UUID
    integration_id: UUID


class RateCardIn(Body):
    """Credits. Content costs `content_per_unit` for `words_per_unit` words, rounded up to `content_step`."""

    clustering: float
    """Credits, with at most three decimals."""
    ideas_per_cluster: float
    """Credits, with at most three decimals."""
    content_per_unit: float
    """Credits, with at most three decimals."""
    words_per_unit: int
    content_step: float
    """Credits, with at most three decimals, and more than 0."""
    content_minimum: float
    """Credits, with at most three decimals."""
    image_prompt: float
    """Credits, with at most three decimals."""
    image_by_model: dict[str, Any]
    """With a price for `local`."""


class RateCardOut(Shown):
    """Credits. Content costs `content_per_unit` for `words_per_unit` words, rounded up to `content_step`."""

    version: int
    clustering: float
    ideas_per_cluster: float
    content_per_unit: float
    words_per_unit: int
    content_step: float
    content_minimum: float
    image_prompt: float
    image_by_model: dict[str, float]


class RefreshIn(Body):
    refresh: str | None = None
    """Left out where it is in the cookie."""


class RegisterIn(Body):
    email: str
    password: str
    account_name: str
    account_slug: str | None = None
    first_name: str = ""
    last_name: str = ""
    cookie: bool = False
    """The refresh token comes as an HttpOnly cookie and not in the body."""


class RegisteredOut(Shown):
    access: str
    refresh: str | None
    """null where it is in the cookie."""
    token_type: str = "Bearer"
    expires_in: int = 3600
    """Seconds until the access token ends."""
    user_id: UUID
    account_id: UUID
    account_slug: str
    trial_ends_at: dt.datetime


class Rejection(Body):
    reason: str = ""


class ReportOut(Shown):
    """What a connection test found; `remedy` says what to do."""

    status: Literal["connected", "failed"]
    site_title: str
    remote_version: str | None
    rights: list[str]
    seo_plugins: list[str]
    error_code: str | None
    error: str | None
    remedy: str | None


class Reservation(Shown):
    operation_id: UUID
    function: Literal[
        "auto_cluster", "generate_ideas", "generate_content", "generate_image_prompts", "generate_images"
    ]
    items: int
    amount: float
    held: float
    expires_at: dt.datetime
    created_at: dt.datetime


class ResetConfirmIn(Body):
    token: str
    """From the e-mail."""
    password: str


class RetryIn(Body):
    stage: Literal[1, 2, 3, 4, 5, 6, 7] | None = None
    """Where to begin; else the first stage with failures."""


class RotateIn(Body):
    overlap_seconds: int = 86400
    """How long the old secret stays good."""


class RunIn(Body):
    site_id: UUID
    sector_id: UUID
    auto_approve: bool = False
    """Publish without a person's approval."""
    caps: dict[str, int] | None = None
    """The most items of a stage; of stage 1 the most keywords."""
    articles: int | None = None
    word_count: int | None = None
    """Words of each article."""
    ideas_per_cluster: int | None = None
    images_per_article: int | None = None
    budget: float | str | None = None
    """Credits; once they are spent no further paid stage starts."""


class SearchOut(Shown):
    groups: list[GroupOut]
    as_of: list[AsOf]


class SectorChanges(Body):
    name: str | None = None
    slug: str | None = None
    industry_sector: str | None = None
    is_active: bool | None = None


class SectorIn(Body):
    name: str
    slug: str | None = None
    """Made from the name when left out."""
    industry_sector: str = ""
    is_active: bool = True


class SectorOut(Shown):
    id: UUID
    account_id: UUID
    site_id: UUID
    name: str
    slug: str
    industry_sector: str
    status: str
    is_active: bool
    version: int
    created_at: dt.datetime
    updated_at: dt.datetime


class SeedKeywordOut(Shown):
    """`keyword`, `volume`, `difficulty` and `intent` are what `planner/keywords/bulk-import/` takes; unknown is null."""

    id: UUID
    keyword: str
    volume: int | None
    difficulty: int | None
    intent: Literal["informational", "navigational", "commercial", "transactional"] | None
    industry_id: UUID
    industry: str
    industry_name: str
    sector_id: UUID
    sector: str
    sector_name: str
    created_at: dt.datetime
    updated_at: dt.datetime


class SettingsOut(Shown):
    settings_type: Literal["openai", "runware", "image_generation"]
    source: Literal["account", "platform", "default"]
    """Whose settings are in force."""
    is_active: bool
    has_api_key: bool
    base_url: str
    model: str
    provider: Literal["local", "openai", "runware"] | None
    size: str | None
    quality: Literal["standard", "high"] | None
    version: int
    updated_at: dt.datetime | None


class SiteChanges(Body):
    name: str | None = None
    slug: str | None = None
    domain: str | None = None
    industry: str | None = None
    status: Literal["active", "paused"] | None = None
    is_active: bool | None = None
    editors_approve: bool | None = None
    default_sector: UUID | None = None
    """One of the site's sectors; null for none."""
    wp_url: str | None = None
    wp_username: str | None = None
    wp_app_password: str | None = None


class SiteIn(Body):
    name: str
    slug: str | None = None
    """Made from the name when left out."""
    domain: str = ""
    industry: str = ""
    status: Literal["active", "paused"] = "active"
    is_active: bool = True
    editors_approve: bool = False
    """Whether its editors approve and publish, too."""
    wp_url: str | None = None
    wp_username: str | None = None
    wp_app_password: str | None = None


class SiteOut(Shown):
    id: UUID
    account_id: UUID
    name: str
    slug: str
    domain: str
    industry: str
    status: str
    is_active: bool
    editors_approve: bool
    default_sector: UUID | None
    wp_url: str | None
    wp_username: str | None
    version: int
    created_at: dt.datetime
    updated_at: dt.datetime


class SiteWhole(Body):
    name: str
    slug: str | None = None
    """Made from the name when left out."""
    domain: str = ""
    industry: str = ""
    status: Literal["active", "paused"] = "active"
    is_active: bool = True
    editors_approve: bool = False
    """Whether its editors approve and publish, too."""
    wp_url: str | None = None
    wp_username: str | None = None
    wp_app_password: str | None = None
    default_sector: UUID | None = None
    """One of the site's sectors."""


class SitesIn(Body):
    site_ids: list[UUID]


class SitesOut(Shown):
    user_id: UUID
    all_sites: bool
    site_ids: list[UUID]
    """The granted ones; empty where the role sees all."""


class StaffAccountOut(Shown):
    id: UUID
    name: str
    slug: str
    status: Literal["trial", "active", "suspended", "cancelled"]
    trial_ends_at: dt.datetime
    version: int
    created_at: dt.datetime
    updated_at: dt.datetime


class StaffRateCardOut(Shown):
    version: int
    clustering: float
    ideas_per_cluster: float
    content_per_unit: float
    words_per_unit: int
    content_step: float
    content_minimum: float
    image_prompt: float
    image_by_model: dict[str, float]
    published_at: dt.datetime


class StatusChange(Body):
    keyword_ids: list[UUID]
    status: Literal["new", "mapped", "archived"]


class StatusIn(Body):
    status: Literal["trial", "active", "suspended", "cancelled"]


class StrategyChanges(Body):
    name: str | None = None
    description: str | None = None
    sector_id: UUID | None = None
    prompt_types: (
        list[
            Literal[
                "clustering",
                "ideas",
                "content_generation",
                "image_prompt_extraction",
                "image_prompt_template",
            ]
        ]
        | None
    ) = None
    section_logic: dict[str, Any] | None = None
    is_active: bool | None = None


class StrategyIn(Body):
    name: str
    description: str = ""
    sector_id: UUID | None = None
    """None: for the whole account."""
    prompt_types: list[
        Literal[
            "clustering", "ideas", "content_generation", "image_prompt_extraction", "image_prompt_template"
        ]
    ] = []
    """The prompts it becomes a part of; none: all."""
    section_logic: dict[str, Any] = {}
    is_active: bool = True
    """Of a sector, and of the account, one is active: the newest."""


class StrategyOut(Shown):
    id: UUID
    account_id: UUID
    name: str
    description: str
    site_id: UUID | None
    sector_id: UUID | None
    sector_name: str | None
    prompt_types: list[
        Literal[
            "clustering", "ideas", "content_generation", "image_prompt_extraction", "image_prompt_template"
        ]
    ]
    section_logic: dict[str, Any]
    is_active: bool
    version: int
    created_at: dt.datetime
    updated_at: dt.datetime


class TaskAccepted(Shown):
    """Of a 202: `Location` tells how far it is."""

    task_id: UUID


class TaskEdit(Body):
    """What is left out stays as it is."""

    title: str | None = None
    description: str | None = None
    cluster_id: UUID | None = None
    content_type: Literal["post", "page", "product", "taxonomy_term"] | None = None
    content_structure: (
        Literal["article", "guide", "comparison", "review", "listicle", "landing_page", "how_to"] | None
    ) = None
    keywords: list[str] | None = None
    word_count: int | None = None
    status: Literal["queued", "in_progress", "completed", "failed"] | None = None


class TaskIds(Body):
    task_ids: list[UUID]


class TaskIn(Body):
    """A task to be made; `word_count` is the wished length of the article."""

    site_id: UUID
    sector_id: UUID
    title: str
    description: str = ""
    cluster_id: UUID
    content_type: Literal["post", "page", "product", "taxonomy_term"]
    content_structure: Literal[
        "article", "guide", "comparison", "review", "listicle", "landing_page", "how_to"
    ]
    keywords: list[str] = []
    word_count: int = 1000


class TaskOut(Shown):
    id: UUID
    account_id: UUID
    site_id: UUID
    sector_id: UUID
    sector_name: str | None
    version: int
    created_at: dt.datetime
    updated_at: dt.datetime
    title: str
    description: str
    cluster_id: UUID
    cluster_name: str | None
    idea_id: UUID | None
    content_type: Literal["post", "page", "product", "taxonomy_term"]
    content_structure: Literal[
        "article", "guide", "comparison", "review", "listicle", "landing_page", "how_to"
    ]
    keywords: list[str]
    word_count: int
    status: Literal["queued", "in_progress", "completed", "failed"]
    content_id: UUID | None
    error_code: str | None
    error: str | None


class TaskUpdate(Body):
    """The same change to all of them, or to none."""

    task_ids: list[UUID]
    status: Literal["queued", "in_progress", "completed", "failed"] | None = None
    cluster_id: UUID | None = None
    word_count: int | None = None


class TermEdit(Body):
    """The slug stays: it is how a site knows the term."""

    name: str


class TermOut(Shown):
    id: UUID
    account_id: UUID
    site_id: UUID
    sector_id: UUID
    version: int
    created_at: dt.datetime
    updated_at: dt.datetime
    taxonomy: Literal["category", "tag"]
    name: str
    slug: str


class TokensOut(Shown):
    access: str
    refresh: str | None
    """null where it is in the cookie."""
    token_type: str = "Bearer"
    expires_in: int = 3600
    """Seconds until the access token ends."""


class Trial(Shown):
    """What came of it; `milliseconds` is how long the provider took."""

    status: Literal["connected", "failed"]
    base_url: str
    model: str
    milliseconds: int
    error_code: str | None = None
    error: str | None = None
    remedy: str | None = None


class TrialIn(Body):
    """Values to try before they are stored; without them what is stored is tried."""

    api_key: str | None = None
    base_url: str | None = None
    model: str | None = None


class UnreadOut(Shown):
    """`as_of` says how far each source has been heard when this was read."""

    unread: int
    as_of: list[AsOf]


class WalletsFailure(Shown):
    error_code: str | None
    items: list[UUID]


class UsageDetails(Shown):
    item: Item | None
    usage: ProviderUsage | None
    failure: WalletsFailure | None


class Usage(Shown):
    """One item of an AI operation (or all that failed together): what it cost the account, and what it cost us."""

    id: UUID
    operation_id: UUID
    item_id: UUID | None
    run_id: UUID | None
    site_id: UUID | None
    operation_type: Literal[
        "auto_cluster", "generate_ideas", "generate_content", "generate_image_prompts", "generate_images"
    ]
    outcome: Literal["charged", "failed"]
    credits_used: float
    cost_usd: float
    details: UsageDetails
    created_at: dt.datetime


class UsageOfType(Shown):
    operation_type: Literal[
        "auto_cluster", "generate_ideas", "generate_content", "generate_image_prompts", "generate_images"
    ]
    credits_used: float
    cost_usd: float
    charged: int
    failed: int


class UsageSummary(Shown):
    credits_used: float
    cost_usd: float
    by_operation_type: list[UsageOfType]


class UserOut(Shown):
    id: UUID
    account_id: UUID
    email: str
    first_name: str
    last_name: str
    role: str
    is_active: bool
    active_site: UUID | None
    active_sector: UUID | None
    last_login: dt.datetime | None
    created_at: dt.datetime


class VersionOut(Shown):
    text_version: int
    title: str
    word_count: int
    actor: str
    created_at: dt.datetime


class PromptsResetIn(Body):
    prompt_type: Literal[
        "clustering", "ideas", "content_generation", "image_prompt_extraction", "image_prompt_template"
    ]


class UsersResetIn(Body):
    email: str
