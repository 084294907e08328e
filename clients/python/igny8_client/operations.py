"""A method for each operation of the API. Made by `python -m clients.generate` from the OpenAPI document; change it there."""

import datetime as dt
from collections.abc import Generator, Sequence
from typing import Literal

from igny8_client import models as m
from igny8_client.connection import Call, Connection, Id, Upload
from igny8_client.pages import Download, LiveEvent, Page


class SystemSettingsIntegrationsImageGeneration:
    """`system/settings/integrations/image_generation/`"""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def get(self) -> m.SettingsOut:
        """Settings of image_generation."""
        return self._connection.one(
            Call("GET", "system/settings/integrations/image_generation/"), m.SettingsOut
        )

    def replace(self, body: m.ImagesIn, *, if_match: int | str | None = None) -> m.SettingsOut:
        """Set image_generation."""
        return self._connection.one(
            Call("PUT", "system/settings/integrations/image_generation/", body=body, if_match=if_match),
            m.SettingsOut,
        )

    def post(self, body: m.ImagesIn, *, idempotency_key: str | None = None) -> m.SettingsOut:
        """Set image_generation."""
        return self._connection.one(
            Call(
                "POST",
                "system/settings/integrations/image_generation/",
                body=body,
                idempotency_key=idempotency_key,
            ),
            m.SettingsOut,
        )

    def generate_image(self, body: m.ImageTrialIn, *, idempotency_key: str | None = None) -> m.ImageTrial:
        """Make one image by image_generation."""
        return self._connection.one(
            Call(
                "POST",
                "system/settings/integrations/image_generation/generate_image/",
                body=body,
                idempotency_key=idempotency_key,
            ),
            m.ImageTrial,
        )

    def test_connection(self, body: m.TrialIn, *, idempotency_key: str | None = None) -> m.Trial:
        """Try the connection of image_generation."""
        return self._connection.one(
            Call(
                "POST",
                "system/settings/integrations/image_generation/test_connection/",
                body=body,
                idempotency_key=idempotency_key,
            ),
            m.Trial,
        )


class SystemSettingsIntegrationsOpenai:
    """`system/settings/integrations/openai/`"""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def get(self) -> m.SettingsOut:
        """Settings of openai."""
        return self._connection.one(Call("GET", "system/settings/integrations/openai/"), m.SettingsOut)

    def replace(self, body: m.EndpointIn, *, if_match: int | str | None = None) -> m.SettingsOut:
        """Set openai."""
        return self._connection.one(
            Call("PUT", "system/settings/integrations/openai/", body=body, if_match=if_match), m.SettingsOut
        )

    def post(self, body: m.EndpointIn, *, idempotency_key: str | None = None) -> m.SettingsOut:
        """Set openai."""
        return self._connection.one(
            Call("POST", "system/settings/integrations/openai/", body=body, idempotency_key=idempotency_key),
            m.SettingsOut,
        )

    def generate_image(self, body: m.ImageTrialIn, *, idempotency_key: str | None = None) -> m.ImageTrial:
        """Make one image by openai."""
        return self._connection.one(
            Call(
                "POST",
                "system/settings/integrations/openai/generate_image/",
                body=body,
                idempotency_key=idempotency_key,
            ),
            m.ImageTrial,
        )

    def test_connection(self, body: m.TrialIn, *, idempotency_key: str | None = None) -> m.Trial:
        """Try the connection of openai."""
        return self._connection.one(
            Call(
                "POST",
                "system/settings/integrations/openai/test_connection/",
                body=body,
                idempotency_key=idempotency_key,
            ),
            m.Trial,
        )

    def test_openai(self, body: m.TrialIn, *, idempotency_key: str | None = None) -> m.Trial:
        """Try the connection of openai."""
        return self._connection.one(
            Call(
                "POST",
                "system/settings/integrations/openai/test_openai/",
                body=body,
                idempotency_key=idempotency_key,
            ),
            m.Trial,
        )


class SystemSettingsIntegrationsRunware:
    """`system/settings/integrations/runware/`"""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def get(self) -> m.SettingsOut:
        """Settings of runware."""
        return self._connection.one(Call("GET", "system/settings/integrations/runware/"), m.SettingsOut)

    def replace(self, body: m.EndpointIn, *, if_match: int | str | None = None) -> m.SettingsOut:
        """Set runware."""
        return self._connection.one(
            Call("PUT", "system/settings/integrations/runware/", body=body, if_match=if_match), m.SettingsOut
        )

    def post(self, body: m.EndpointIn, *, idempotency_key: str | None = None) -> m.SettingsOut:
        """Set runware."""
        return self._connection.one(
            Call("POST", "system/settings/integrations/runware/", body=body, idempotency_key=idempotency_key),
            m.SettingsOut,
        )

    def generate_image(self, body: m.ImageTrialIn, *, idempotency_key: str | None = None) -> m.ImageTrial:
        """Make one image by runware."""
        return self._connection.one(
            Call(
                "POST",
                "system/settings/integrations/runware/generate_image/",
                body=body,
                idempotency_key=idempotency_key,
            ),
            m.ImageTrial,
        )

    def test_connection(self, body: m.TrialIn, *, idempotency_key: str | None = None) -> m.Trial:
        """Try the connection of runware."""
        return self._connection.one(
            Call(
                "POST",
                "system/settings/integrations/runware/test_connection/",
                body=body,
                idempotency_key=idempotency_key,
            ),
            m.Trial,
        )

    def test_runware(self, body: m.TrialIn, *, idempotency_key: str | None = None) -> m.Trial:
        """Try the connection of runware."""
        return self._connection.one(
            Call(
                "POST",
                "system/settings/integrations/runware/test_runware/",
                body=body,
                idempotency_key=idempotency_key,
            ),
            m.Trial,
        )


class AccountSitesSectors:
    """`account/sites/sectors/`"""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def list(
        self,
        site_id: Id,
        *,
        deleted: bool | None = None,
        page: int | None = None,
        page_size: int | None = None,
        ordering: str | None = None,
        cursor: str | None = None,
    ) -> Page[m.SectorOut]:
        """List a site's sectors."""
        return self._connection.page(
            Call(
                "GET",
                f"account/sites/{site_id}/sectors/",
                query={
                    "deleted": deleted,
                    "page": page,
                    "page_size": page_size,
                    "ordering": ordering,
                    "cursor": cursor,
                },
            ),
            m.SectorOut,
        )

    def create(self, site_id: Id, body: m.SectorIn, *, idempotency_key: str | None = None) -> m.SectorOut:
        """Add a sector."""
        return self._connection.one(
            Call("POST", f"account/sites/{site_id}/sectors/", body=body, idempotency_key=idempotency_key),
            m.SectorOut,
        )

    def get(self, site_id: Id, sector_id: Id) -> m.SectorOut:
        """A sector."""
        return self._connection.one(Call("GET", f"account/sites/{site_id}/sectors/{sector_id}/"), m.SectorOut)

    def replace(
        self, site_id: Id, sector_id: Id, body: m.SectorIn, *, if_match: int | str | None = None
    ) -> m.SectorOut:
        """Replace a sector."""
        return self._connection.one(
            Call("PUT", f"account/sites/{site_id}/sectors/{sector_id}/", body=body, if_match=if_match),
            m.SectorOut,
        )

    def change(
        self, site_id: Id, sector_id: Id, body: m.SectorChanges, *, if_match: int | str | None = None
    ) -> m.SectorOut:
        """Change a sector."""
        return self._connection.one(
            Call("PATCH", f"account/sites/{site_id}/sectors/{sector_id}/", body=body, if_match=if_match),
            m.SectorOut,
        )

    def delete(self, site_id: Id, sector_id: Id, *, if_match: int | str | None = None) -> None:
        """Archive a sector."""
        return self._connection.none(
            Call("DELETE", f"account/sites/{site_id}/sectors/{sector_id}/", if_match=if_match)
        )

    def restore(self, site_id: Id, sector_id: Id, *, idempotency_key: str | None = None) -> m.SectorOut:
        """Bring an archived sector back."""
        return self._connection.one(
            Call(
                "POST",
                f"account/sites/{site_id}/sectors/{sector_id}/restore/",
                idempotency_key=idempotency_key,
            ),
            m.SectorOut,
        )


class AccountUsersSites:
    """`account/users/sites/`"""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def get(self, user_id: Id) -> m.SitesOut:
        """The sites a user sees."""
        return self._connection.one(Call("GET", f"account/users/{user_id}/sites/"), m.SitesOut)

    def replace(self, user_id: Id, body: m.SitesIn, *, if_match: int | str | None = None) -> m.SitesOut:
        """Grant exactly these sites to a user.

        For editors and viewers; owners and admins see all sites.
        """
        return self._connection.one(
            Call("PUT", f"account/users/{user_id}/sites/", body=body, if_match=if_match), m.SitesOut
        )


class AdminPlansAccounts:
    """`admin/plans/accounts/`"""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def list(
        self,
        slug: Id,
        *,
        page: int | None = None,
        page_size: int | None = None,
        ordering: str | None = None,
        cursor: str | None = None,
    ) -> Page[m.OnPlanOut]:
        """The accounts on a plan."""
        return self._connection.page(
            Call(
                "GET",
                f"admin/plans/{slug}/accounts/",
                query={"page": page, "page_size": page_size, "ordering": ordering, "cursor": cursor},
            ),
            m.OnPlanOut,
        )

    def create(self, slug: Id, body: m.OnPlanIn, *, idempotency_key: str | None = None) -> m.OnPlanOut:
        """Put an account on a plan.

        Its limits are the plan's from now on; what it has above them stays. Its trial is over, whether its day has come or
        not: the account is `active`. One that was suspended or cancelled stays so.
        """
        return self._connection.one(
            Call("POST", f"admin/plans/{slug}/accounts/", body=body, idempotency_key=idempotency_key),
            m.OnPlanOut,
        )


class AdminPlatformKeysImageGeneration:
    """`admin/platform_keys/image_generation/`"""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def get(self) -> m.SettingsOut:
        """The platform's image_generation."""
        return self._connection.one(Call("GET", "admin/platform-keys/image_generation/"), m.SettingsOut)

    def replace(self, body: m.ImagesIn, *, if_match: int | str | None = None) -> m.SettingsOut:
        """Set the platform's image_generation."""
        return self._connection.one(
            Call("PUT", "admin/platform-keys/image_generation/", body=body, if_match=if_match), m.SettingsOut
        )


class AdminPlatformKeysOpenai:
    """`admin/platform_keys/openai/`"""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def get(self) -> m.SettingsOut:
        """The platform's openai."""
        return self._connection.one(Call("GET", "admin/platform-keys/openai/"), m.SettingsOut)

    def replace(self, body: m.EndpointIn, *, if_match: int | str | None = None) -> m.SettingsOut:
        """Set the platform's openai."""
        return self._connection.one(
            Call("PUT", "admin/platform-keys/openai/", body=body, if_match=if_match), m.SettingsOut
        )


class AdminPlatformKeysRunware:
    """`admin/platform_keys/runware/`"""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def get(self) -> m.SettingsOut:
        """The platform's runware."""
        return self._connection.one(Call("GET", "admin/platform-keys/runware/"), m.SettingsOut)

    def replace(self, body: m.EndpointIn, *, if_match: int | str | None = None) -> m.SettingsOut:
        """Set the platform's runware."""
        return self._connection.one(
            Call("PUT", "admin/platform-keys/runware/", body=body, if_match=if_match), m.SettingsOut
        )


class AutomationRunsLog:
    """`automation/runs/log/`"""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def list(
        self,
        run_id: Id,
        *,
        stage: int | None = None,
        page: int | None = None,
        page_size: int | None = None,
        ordering: str | None = None,
        cursor: str | None = None,
    ) -> Page[m.LogEntry]:
        """What happened in a run."""
        return self._connection.page(
            Call(
                "GET",
                f"automation/runs/{run_id}/log/",
                query={
                    "stage": stage,
                    "page": page,
                    "page_size": page_size,
                    "ordering": ordering,
                    "cursor": cursor,
                },
            ),
            m.LogEntry,
        )


class BillingCreditsReservations:
    """`billing/credits/reservations/`"""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def list(
        self,
        *,
        page: int | None = None,
        page_size: int | None = None,
        ordering: str | None = None,
        cursor: str | None = None,
    ) -> Page[m.Reservation]:
        """What running operations hold."""
        return self._connection.page(
            Call(
                "GET",
                "billing/credits/reservations/",
                query={"page": page, "page_size": page_size, "ordering": ordering, "cursor": cursor},
            ),
            m.Reservation,
        )


class SystemPromptsVersions:
    """`system/prompts/versions/`"""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def list(
        self,
        prompt_id: Id,
        *,
        page: int | None = None,
        page_size: int | None = None,
        ordering: str | None = None,
        cursor: str | None = None,
    ) -> Page[m.PromptVersionOut]:
        """Its texts, the newest first."""
        return self._connection.page(
            Call(
                "GET",
                f"system/prompts/{prompt_id}/versions/",
                query={"page": page, "page_size": page_size, "ordering": ordering, "cursor": cursor},
            ),
            m.PromptVersionOut,
        )


class SystemSettingsIntegrations:
    """`system/settings/integrations/`"""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.image_generation = SystemSettingsIntegrationsImageGeneration(connection)
        self.openai = SystemSettingsIntegrationsOpenai(connection)
        self.runware = SystemSettingsIntegrationsRunware(connection)

    def list(self) -> Page[m.SettingsOut]:
        """Integration settings."""
        return self._connection.page(Call("GET", "system/settings/integrations/"), m.SettingsOut)


class SystemSettingsTaskProgress:
    """`system/settings/task_progress/`"""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def get(self, task_id: Id) -> m.ProgressOut:
        """Progress of an AI task, a pipeline run or an export."""
        return self._connection.one(Call("GET", f"system/settings/task_progress/{task_id}/"), m.ProgressOut)


class WriterContentVersions:
    """`writer/content/versions/`"""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def list(
        self,
        content_id: Id,
        *,
        page: int | None = None,
        page_size: int | None = None,
        ordering: str | None = None,
        cursor: str | None = None,
    ) -> Page[m.VersionOut]:
        """Its versions."""
        return self._connection.page(
            Call(
                "GET",
                f"writer/content/{content_id}/versions/",
                query={"page": page, "page_size": page_size, "ordering": ordering, "cursor": cursor},
            ),
            m.VersionOut,
        )


class WriterImagesGrouped:
    """`writer/images/grouped/`"""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def list(
        self,
        *,
        page: int | None = None,
        page_size: int | None = None,
        ordering: str | None = None,
        cursor: str | None = None,
        site_id: Id | None = None,
        sector_id: Id | None = None,
        deleted: bool | None = None,
    ) -> Page[m.ImageGroup]:
        """By article."""
        return self._connection.page(
            Call(
                "GET",
                "writer/images/grouped/",
                query={
                    "page": page,
                    "page_size": page_size,
                    "ordering": ordering,
                    "cursor": cursor,
                    "site_id": site_id,
                    "sector_id": sector_id,
                    "deleted": deleted,
                },
            ),
            m.ImageGroup,
        )


class AccountAudit:
    """`account/audit/`"""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def list(
        self,
        *,
        actor: str | None = None,
        action: str | None = None,
        object_id: Id | None = None,
        request_id: str | None = None,
        outcome: Literal["succeeded", "refused", "failed", "unknown"] | None = None,
        from_: dt.datetime | None = None,
        to: dt.datetime | None = None,
        page: int | None = None,
        page_size: int | None = None,
        ordering: str | None = None,
        cursor: str | None = None,
    ) -> Page[m.AuditEntryOut]:
        """The audit log, newest first."""
        return self._connection.page(
            Call(
                "GET",
                "account/audit/",
                query={
                    "actor": actor,
                    "action": action,
                    "object_id": object_id,
                    "request_id": request_id,
                    "outcome": outcome,
                    "from": from_,
                    "to": to,
                    "page": page,
                    "page_size": page_size,
                    "ordering": ordering,
                    "cursor": cursor,
                },
            ),
            m.AuditEntryOut,
        )

    def download(
        self,
        *,
        actor: str | None = None,
        action: str | None = None,
        object_id: Id | None = None,
        request_id: str | None = None,
        outcome: Literal["succeeded", "refused", "failed", "unknown"] | None = None,
        from_: dt.datetime | None = None,
        to: dt.datetime | None = None,
        page: int | None = None,
        page_size: int | None = None,
        ordering: str | None = None,
        cursor: str | None = None,
    ) -> Download:
        """The audit log, newest first."""
        return self._connection.download(
            Call(
                "GET",
                "account/audit/",
                query={
                    "actor": actor,
                    "action": action,
                    "object_id": object_id,
                    "request_id": request_id,
                    "outcome": outcome,
                    "from": from_,
                    "to": to,
                    "format": "csv",
                    "page": page,
                    "page_size": page_size,
                    "ordering": ordering,
                    "cursor": cursor,
                },
            )
        )


class AccountExport:
    """`account/export/`"""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def post(self, *, idempotency_key: str | None = None) -> m.TaskAccepted:
        """Export the account.

        Everything that the account has in any service: JSON lines, articles and images. Where one is being made already,
        that one is the answer. The task's id is the export's.
        """
        return self._connection.one(
            Call("POST", "account/export/", idempotency_key=idempotency_key), m.TaskAccepted
        )

    def list(
        self,
        *,
        page: int | None = None,
        page_size: int | None = None,
        ordering: str | None = None,
        cursor: str | None = None,
    ) -> Page[m.ExportOut]:
        """List exports."""
        return self._connection.page(
            Call(
                "GET",
                "account/export/",
                query={"page": page, "page_size": page_size, "ordering": ordering, "cursor": cursor},
            ),
            m.ExportOut,
        )

    def get(self, export_id: Id) -> m.ExportOut:
        """An export."""
        return self._connection.one(Call("GET", f"account/export/{export_id}/"), m.ExportOut)

    def file(self, export_id: Id) -> Download:
        """An export's archive (tar).

        `<service>.jsonl` for each service: a line is `{"kind", "id", "fields"}`. Lines of kind `file` name what lies in
        `files/`. Secrets and passwords are not in it.
        """
        return self._connection.download(Call("GET", f"account/export/{export_id}/file/"))


class AccountIndustries:
    """`account/industries/`"""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def list(
        self,
        *,
        search: str | None = None,
        page: int | None = None,
        page_size: int | None = None,
        ordering: str | None = None,
        cursor: str | None = None,
    ) -> Page[m.IndustryOut]:
        """Industries and their sectors."""
        return self._connection.page(
            Call(
                "GET",
                "account/industries/",
                query={
                    "search": search,
                    "page": page,
                    "page_size": page_size,
                    "ordering": ordering,
                    "cursor": cursor,
                },
            ),
            m.IndustryOut,
        )


class AccountInvitations:
    """`account/invitations/`"""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def list(
        self,
        *,
        status: Literal["pending", "expired", "accepted", "revoked"] | None = None,
        page: int | None = None,
        page_size: int | None = None,
        ordering: str | None = None,
        cursor: str | None = None,
    ) -> Page[m.InvitationOut]:
        """Invitations."""
        return self._connection.page(
            Call(
                "GET",
                "account/invitations/",
                query={
                    "status": status,
                    "page": page,
                    "page_size": page_size,
                    "ordering": ordering,
                    "cursor": cursor,
                },
            ),
            m.InvitationOut,
        )

    def create(self, body: m.InvitationIn, *, idempotency_key: str | None = None) -> m.InvitationOut:
        """Invite somebody.

        The mail is sent at once; its link works for 7 days. Who is invited already is invited by `resend/`. An account
        sends an address at most three an hour, however often it revokes them.
        """
        return self._connection.one(
            Call("POST", "account/invitations/", body=body, idempotency_key=idempotency_key), m.InvitationOut
        )

    def get(self, invitation_id: Id) -> m.InvitationOut:
        """An invitation."""
        return self._connection.one(Call("GET", f"account/invitations/{invitation_id}/"), m.InvitationOut)

    def change(
        self, invitation_id: Id, body: m.InvitationChanges, *, if_match: int | str | None = None
    ) -> m.InvitationOut:
        """Change role or sites of an open one."""
        return self._connection.one(
            Call("PATCH", f"account/invitations/{invitation_id}/", body=body, if_match=if_match),
            m.InvitationOut,
        )

    def replace(
        self, invitation_id: Id, body: m.InvitationChanges, *, if_match: int | str | None = None
    ) -> m.InvitationOut:
        """Change role and sites of an open one."""
        return self._connection.one(
            Call("PUT", f"account/invitations/{invitation_id}/", body=body, if_match=if_match),
            m.InvitationOut,
        )

    def delete(self, invitation_id: Id, *, if_match: int | str | None = None) -> None:
        """Revoke an invitation."""
        return self._connection.none(
            Call("DELETE", f"account/invitations/{invitation_id}/", if_match=if_match)
        )

    def resend(self, invitation_id: Id, *, idempotency_key: str | None = None) -> m.InvitationOut:
        """Send it again, for another 7 days; the earlier link ends.

        At most three mails an hour, the first one counted.
        """
        return self._connection.one(
            Call("POST", f"account/invitations/{invitation_id}/resend/", idempotency_key=idempotency_key),
            m.InvitationOut,
        )


class AccountModules:
    """`account/modules/`"""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def get(self) -> m.ModulesOut:
        """Which modules are on."""
        return self._connection.one(Call("GET", "account/modules/"), m.ModulesOut)

    def change(self, body: m.ModuleChanges, *, if_match: int | str | None = None) -> m.ModulesOut:
        """Switch modules on and off."""
        return self._connection.one(
            Call("PATCH", "account/modules/", body=body, if_match=if_match), m.ModulesOut
        )


class AccountSeedKeywords:
    """`account/seed_keywords/`"""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def list(
        self,
        *,
        search: str | None = None,
        industry: str | None = None,
        sector: str | None = None,
        intent: Literal["informational", "navigational", "commercial", "transactional"] | None = None,
        difficulty_min: int | None = None,
        difficulty_max: int | None = None,
        volume_min: int | None = None,
        volume_max: int | None = None,
        page: int | None = None,
        page_size: int | None = None,
        ordering: str | None = None,
        cursor: str | None = None,
    ) -> Page[m.SeedKeywordOut]:
        """Seed keywords."""
        return self._connection.page(
            Call(
                "GET",
                "account/seed-keywords/",
                query={
                    "search": search,
                    "industry": industry,
                    "sector": sector,
                    "intent": intent,
                    "difficulty_min": difficulty_min,
                    "difficulty_max": difficulty_max,
                    "volume_min": volume_min,
                    "volume_max": volume_max,
                    "page": page,
                    "page_size": page_size,
                    "ordering": ordering,
                    "cursor": cursor,
                },
            ),
            m.SeedKeywordOut,
        )


class AccountSites:
    """`account/sites/`"""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.sectors = AccountSitesSectors(connection)

    def list(
        self,
        *,
        deleted: bool | None = None,
        page: int | None = None,
        page_size: int | None = None,
        ordering: str | None = None,
        cursor: str | None = None,
    ) -> Page[m.SiteOut]:
        """List sites."""
        return self._connection.page(
            Call(
                "GET",
                "account/sites/",
                query={
                    "deleted": deleted,
                    "page": page,
                    "page_size": page_size,
                    "ordering": ordering,
                    "cursor": cursor,
                },
            ),
            m.SiteOut,
        )

    def create(self, body: m.SiteIn, *, idempotency_key: str | None = None) -> m.SiteOut:
        """Add a site."""
        return self._connection.one(
            Call("POST", "account/sites/", body=body, idempotency_key=idempotency_key), m.SiteOut
        )

    def get(self, site_id: Id) -> m.SiteOut:
        """A site."""
        return self._connection.one(Call("GET", f"account/sites/{site_id}/"), m.SiteOut)

    def replace(self, site_id: Id, body: m.SiteWhole, *, if_match: int | str | None = None) -> m.SiteOut:
        """Replace a site."""
        return self._connection.one(
            Call("PUT", f"account/sites/{site_id}/", body=body, if_match=if_match), m.SiteOut
        )

    def change(self, site_id: Id, body: m.SiteChanges, *, if_match: int | str | None = None) -> m.SiteOut:
        """Change a site."""
        return self._connection.one(
            Call("PATCH", f"account/sites/{site_id}/", body=body, if_match=if_match), m.SiteOut
        )

    def delete(self, site_id: Id, *, if_match: int | str | None = None) -> None:
        """Archive a site."""
        return self._connection.none(Call("DELETE", f"account/sites/{site_id}/", if_match=if_match))

    def restore(self, site_id: Id, *, idempotency_key: str | None = None) -> m.SiteOut:
        """Bring an archived site back."""
        return self._connection.one(
            Call("POST", f"account/sites/{site_id}/restore/", idempotency_key=idempotency_key), m.SiteOut
        )


class AccountUsers:
    """`account/users/`"""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.sites = AccountUsersSites(connection)

    def list(
        self,
        *,
        role: Literal["owner", "admin", "editor", "viewer"] | None = None,
        is_active: bool | None = None,
        page: int | None = None,
        page_size: int | None = None,
        ordering: str | None = None,
        cursor: str | None = None,
    ) -> Page[m.MemberOut]:
        """The account's users."""
        return self._connection.page(
            Call(
                "GET",
                "account/users/",
                query={
                    "role": role,
                    "is_active": is_active,
                    "page": page,
                    "page_size": page_size,
                    "ordering": ordering,
                    "cursor": cursor,
                },
            ),
            m.MemberOut,
        )

    def get(self, user_id: Id) -> m.MemberOut:
        """A user."""
        return self._connection.one(Call("GET", f"account/users/{user_id}/"), m.MemberOut)

    def replace(self, user_id: Id, body: m.MemberIn, *, if_match: int | str | None = None) -> m.MemberOut:
        """Set role and activity of a user."""
        return self._connection.one(
            Call("PUT", f"account/users/{user_id}/", body=body, if_match=if_match), m.MemberOut
        )

    def change(self, user_id: Id, body: m.MemberChanges, *, if_match: int | str | None = None) -> m.MemberOut:
        """Change role or activity of a user.

        With the role `owner` the account changes hands: the owner until then becomes an admin.
        """
        return self._connection.one(
            Call("PATCH", f"account/users/{user_id}/", body=body, if_match=if_match), m.MemberOut
        )

    def delete(self, user_id: Id, *, if_match: int | str | None = None) -> None:
        """Take a user out of the account.

        Its sessions end. It stays known, and can come back (`is_active`).
        """
        return self._connection.none(Call("DELETE", f"account/users/{user_id}/", if_match=if_match))


class AdminAccounts:
    """`admin/accounts/`"""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def list(
        self,
        *,
        status: Literal["trial", "active", "suspended", "cancelled"] | None = None,
        search: str | None = None,
        page: int | None = None,
        page_size: int | None = None,
        ordering: str | None = None,
        cursor: str | None = None,
    ) -> Page[m.StaffAccountOut]:
        """All accounts."""
        return self._connection.page(
            Call(
                "GET",
                "admin/accounts/",
                query={
                    "status": status,
                    "search": search,
                    "page": page,
                    "page_size": page_size,
                    "ordering": ordering,
                    "cursor": cursor,
                },
            ),
            m.StaffAccountOut,
        )

    def get(self, account_id: Id) -> m.StaffAccountOut:
        """An account."""
        return self._connection.one(Call("GET", f"admin/accounts/{account_id}/"), m.StaffAccountOut)

    def change(
        self, account_id: Id, body: m.StatusIn, *, if_match: int | str | None = None
    ) -> m.StaffAccountOut:
        """Change what an account may do.

        A suspended account reads and nothing else, a cancelled one needs a plan again. What runs already goes on.
        """
        return self._connection.one(
            Call("PATCH", f"admin/accounts/{account_id}/", body=body, if_match=if_match), m.StaffAccountOut
        )


class AdminAdjustments:
    """`admin/adjustments/`"""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def list(
        self,
        *,
        account: Id | None = None,
        page: int | None = None,
        page_size: int | None = None,
        ordering: str | None = None,
        cursor: str | None = None,
    ) -> Page[m.AdjustmentOut]:
        """What staff have given and taken back."""
        return self._connection.page(
            Call(
                "GET",
                "admin/adjustments/",
                query={
                    "account": account,
                    "page": page,
                    "page_size": page_size,
                    "ordering": ordering,
                    "cursor": cursor,
                },
            ),
            m.AdjustmentOut,
        )

    def create(self, body: m.AdjustmentIn, *, idempotency_key: str | None = None) -> m.AdjustmentOut:
        """Give credits to an account, or take some back.

        What is reserved for running operations stays: 402 where fewer credits are available than are to be taken.
        """
        return self._connection.one(
            Call("POST", "admin/adjustments/", body=body, idempotency_key=idempotency_key), m.AdjustmentOut
        )

    def get(self, adjustment_id: Id) -> m.AdjustmentOut:
        """An adjustment."""
        return self._connection.one(Call("GET", f"admin/adjustments/{adjustment_id}/"), m.AdjustmentOut)


class AdminAiModels:
    """`admin/ai_models/`"""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def list(
        self,
        *,
        page: int | None = None,
        page_size: int | None = None,
        ordering: str | None = None,
        cursor: str | None = None,
    ) -> Page[m.ModelOut]:
        """The whole catalogue."""
        return self._connection.page(
            Call(
                "GET",
                "admin/ai-models/",
                query={"page": page, "page_size": page_size, "ordering": ordering, "cursor": cursor},
            ),
            m.ModelOut,
        )

    def create(self, body: m.ModelIn, *, idempotency_key: str | None = None) -> m.ModelOut:
        """Add a model."""
        return self._connection.one(
            Call("POST", "admin/ai-models/", body=body, idempotency_key=idempotency_key), m.ModelOut
        )

    def get(self, model_id: Id) -> m.ModelOut:
        """A model."""
        return self._connection.one(Call("GET", f"admin/ai-models/{model_id}/"), m.ModelOut)

    def replace(self, model_id: Id, body: m.ModelIn, *, if_match: int | str | None = None) -> m.ModelOut:
        """Replace a model."""
        return self._connection.one(
            Call("PUT", f"admin/ai-models/{model_id}/", body=body, if_match=if_match), m.ModelOut
        )

    def change(self, model_id: Id, body: m.ModelChanges, *, if_match: int | str | None = None) -> m.ModelOut:
        """Change a model."""
        return self._connection.one(
            Call("PATCH", f"admin/ai-models/{model_id}/", body=body, if_match=if_match), m.ModelOut
        )

    def delete(self, model_id: Id, *, if_match: int | str | None = None) -> None:
        """Take a model out of use."""
        return self._connection.none(Call("DELETE", f"admin/ai-models/{model_id}/", if_match=if_match))


class AdminPlans:
    """`admin/plans/`"""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.accounts = AdminPlansAccounts(connection)

    def list(
        self,
        *,
        is_active: bool | None = None,
        page: int | None = None,
        page_size: int | None = None,
        ordering: str | None = None,
        cursor: str | None = None,
    ) -> Page[m.PlanOut]:
        """Plans, also those out of use."""
        return self._connection.page(
            Call(
                "GET",
                "admin/plans/",
                query={
                    "is_active": is_active,
                    "page": page,
                    "page_size": page_size,
                    "ordering": ordering,
                    "cursor": cursor,
                },
            ),
            m.PlanOut,
        )

    def create(self, body: m.PlanIn, *, idempotency_key: str | None = None) -> m.PlanOut:
        """Add a plan."""
        return self._connection.one(
            Call("POST", "admin/plans/", body=body, idempotency_key=idempotency_key), m.PlanOut
        )

    def get(self, slug: Id) -> m.PlanOut:
        """A plan."""
        return self._connection.one(Call("GET", f"admin/plans/{slug}/"), m.PlanOut)

    def change(self, slug: Id, body: m.PlanChanges, *, if_match: int | str | None = None) -> m.PlanOut:
        """Change a plan.

        Each account on it gets the new limits; what it has above them stays.
        """
        return self._connection.one(
            Call("PATCH", f"admin/plans/{slug}/", body=body, if_match=if_match), m.PlanOut
        )

    def delete(self, slug: Id, *, if_match: int | str | None = None) -> None:
        """Take a plan out of use.

        Staff put nobody on it any more; accounts that are on it stay, and trials run on `growth` even so. `is_active`
        brings it back.
        """
        return self._connection.none(Call("DELETE", f"admin/plans/{slug}/", if_match=if_match))


class AdminPlatformKeys:
    """`admin/platform_keys/`"""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.image_generation = AdminPlatformKeysImageGeneration(connection)
        self.openai = AdminPlatformKeysOpenai(connection)
        self.runware = AdminPlatformKeysRunware(connection)

    def list(self) -> Page[m.SettingsOut]:
        """The platform's AI settings."""
        return self._connection.page(Call("GET", "admin/platform-keys/"), m.SettingsOut)


class AdminRateCards:
    """`admin/rate_cards/`"""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def list(
        self,
        *,
        page: int | None = None,
        page_size: int | None = None,
        ordering: str | None = None,
        cursor: str | None = None,
    ) -> Page[m.StaffRateCardOut]:
        """All rate cards."""
        return self._connection.page(
            Call(
                "GET",
                "admin/rate-cards/",
                query={"page": page, "page_size": page_size, "ordering": ordering, "cursor": cursor},
            ),
            m.StaffRateCardOut,
        )

    def create(self, body: m.RateCardIn, *, idempotency_key: str | None = None) -> m.StaffRateCardOut:
        """Publish the next rate card.

        From now on operations are reserved and settled by it; those on their way by the one they were reserved with.

        Publishing the prices that are in force anyway changes nothing.
        """
        return self._connection.one(
            Call("POST", "admin/rate-cards/", body=body, idempotency_key=idempotency_key), m.StaffRateCardOut
        )

    def get(self, version: Id) -> m.StaffRateCardOut:
        """A rate card."""
        return self._connection.one(Call("GET", f"admin/rate-cards/{version}/"), m.StaffRateCardOut)


class AuthApiKeys:
    """`auth/api_keys/`"""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def list(
        self,
        *,
        deleted: bool | None = None,
        page: int | None = None,
        page_size: int | None = None,
        ordering: str | None = None,
        cursor: str | None = None,
    ) -> Page[m.ApiKeyOut]:
        """List API keys."""
        return self._connection.page(
            Call(
                "GET",
                "auth/api-keys/",
                query={
                    "deleted": deleted,
                    "page": page,
                    "page_size": page_size,
                    "ordering": ordering,
                    "cursor": cursor,
                },
            ),
            m.ApiKeyOut,
        )

    def create(self, body: m.ApiKeyIn, *, idempotency_key: str | None = None) -> m.ApiKeyShownOut:
        """Make an API key."""
        return self._connection.one(
            Call("POST", "auth/api-keys/", body=body, idempotency_key=idempotency_key), m.ApiKeyShownOut
        )

    def get(self, api_key_id: Id) -> m.ApiKeyOut:
        """An API key."""
        return self._connection.one(Call("GET", f"auth/api-keys/{api_key_id}/"), m.ApiKeyOut)

    def replace(self, api_key_id: Id, body: m.ApiKeyIn, *, if_match: int | str | None = None) -> m.ApiKeyOut:
        """Replace an API key."""
        return self._connection.one(
            Call("PUT", f"auth/api-keys/{api_key_id}/", body=body, if_match=if_match), m.ApiKeyOut
        )

    def change(
        self, api_key_id: Id, body: m.ApiKeyChanges, *, if_match: int | str | None = None
    ) -> m.ApiKeyOut:
        """Change an API key."""
        return self._connection.one(
            Call("PATCH", f"auth/api-keys/{api_key_id}/", body=body, if_match=if_match), m.ApiKeyOut
        )

    def delete(self, api_key_id: Id, *, if_match: int | str | None = None) -> None:
        """Revoke an API key for good."""
        return self._connection.none(Call("DELETE", f"auth/api-keys/{api_key_id}/", if_match=if_match))

    def rotate(
        self, api_key_id: Id, body: m.RotateIn, *, idempotency_key: str | None = None
    ) -> m.ApiKeyShownOut:
        """Give an API key a new secret."""
        return self._connection.one(
            Call("POST", f"auth/api-keys/{api_key_id}/rotate/", body=body, idempotency_key=idempotency_key),
            m.ApiKeyShownOut,
        )


class AuthMe:
    """`auth/me/`"""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def get(self) -> m.UserOut:
        """Who am I."""
        return self._connection.one(Call("GET", "auth/me/"), m.UserOut)

    def change(self, body: m.ProfileIn, *, if_match: int | str | None = None) -> m.UserOut:
        """Change my names, and where I work."""
        return self._connection.one(Call("PATCH", "auth/me/", body=body, if_match=if_match), m.UserOut)


class AutomationRuns:
    """`automation/runs/`"""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.log = AutomationRunsLog(connection)

    def list(
        self,
        *,
        site_id: Id | None = None,
        sector_id: Id | None = None,
        status: Literal["running", "paused", "cancelled", "completed", "failed"] | None = None,
        page: int | None = None,
        page_size: int | None = None,
        ordering: str | None = None,
        cursor: str | None = None,
    ) -> Page[m.PlannerRunOut]:
        """Pipeline runs."""
        return self._connection.page(
            Call(
                "GET",
                "automation/runs/",
                query={
                    "site_id": site_id,
                    "sector_id": sector_id,
                    "status": status,
                    "page": page,
                    "page_size": page_size,
                    "ordering": ordering,
                    "cursor": cursor,
                },
            ),
            m.PlannerRunOut,
        )

    def create(self, body: m.RunIn, *, idempotency_key: str | None = None) -> m.PlannerRunOut:
        """Run the pipeline.

        Keywords to published articles; without `auto_approve` its last stage waits for a person's approval.
        """
        return self._connection.one(
            Call("POST", "automation/runs/", body=body, idempotency_key=idempotency_key), m.PlannerRunOut
        )

    def get(self, run_id: Id) -> m.PlannerRunOut:
        """A pipeline run with its stages."""
        return self._connection.one(Call("GET", f"automation/runs/{run_id}/"), m.PlannerRunOut)

    def cancel(self, run_id: Id, *, idempotency_key: str | None = None) -> m.PlannerRunOut:
        """End a run now.

        Work that has not been started is dropped; what is done stays.
        """
        return self._connection.one(
            Call("POST", f"automation/runs/{run_id}/cancel/", idempotency_key=idempotency_key),
            m.PlannerRunOut,
        )

    def pause(self, run_id: Id, *, idempotency_key: str | None = None) -> m.PlannerRunOut:
        """Start no further stage."""
        return self._connection.one(
            Call("POST", f"automation/runs/{run_id}/pause/", idempotency_key=idempotency_key), m.PlannerRunOut
        )

    def resume(self, run_id: Id, *, idempotency_key: str | None = None) -> m.PlannerRunOut:
        """Go on with a paused run."""
        return self._connection.one(
            Call("POST", f"automation/runs/{run_id}/resume/", idempotency_key=idempotency_key),
            m.PlannerRunOut,
        )

    def retry(
        self, run_id: Id, body: m.RetryIn | None = None, *, idempotency_key: str | None = None
    ) -> m.PlannerRunOut:
        """Do again what failed, as a new run.

        The new run begins at the stage and takes over what the old one has done.
        """
        return self._connection.one(
            Call("POST", f"automation/runs/{run_id}/retry/", body=body, idempotency_key=idempotency_key),
            m.PlannerRunOut,
        )


class BillingCredits:
    """`billing/credits/`"""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.reservations = BillingCreditsReservations(connection)

    def balance(self) -> m.Balance:
        """Balance, reserved and available credits."""
        return self._connection.one(Call("GET", "billing/credits/balance/"), m.Balance)


class BillingTransactions:
    """`billing/transactions/`"""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def list(
        self,
        *,
        type: Literal["purchase", "usage", "refund", "adjustment"] | None = None,
        page: int | None = None,
        page_size: int | None = None,
        ordering: str | None = None,
        cursor: str | None = None,
    ) -> Page[m.Transaction]:
        """Every movement of credits."""
        return self._connection.page(
            Call(
                "GET",
                "billing/transactions/",
                query={
                    "type": type,
                    "page": page,
                    "page_size": page_size,
                    "ordering": ordering,
                    "cursor": cursor,
                },
            ),
            m.Transaction,
        )

    def explain(self, transaction_id: Id) -> m.Explanation:
        """Why was I charged."""
        return self._connection.one(
            Call("GET", f"billing/transactions/{transaction_id}/explain/"), m.Explanation
        )


class BillingUsage:
    """`billing/usage/`"""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def list(
        self,
        *,
        operation_type: Literal[
            "auto_cluster", "generate_ideas", "generate_content", "generate_image_prompts", "generate_images"
        ]
        | None = None,
        run_id: Id | None = None,
        page: int | None = None,
        page_size: int | None = None,
        ordering: str | None = None,
        cursor: str | None = None,
    ) -> Page[m.Usage]:
        """What AI operations used."""
        return self._connection.page(
            Call(
                "GET",
                "billing/usage/",
                query={
                    "operation_type": operation_type,
                    "run_id": run_id,
                    "page": page,
                    "page_size": page_size,
                    "ordering": ordering,
                    "cursor": cursor,
                },
            ),
            m.Usage,
        )

    def summary(
        self, *, since: dt.datetime | None = None, until: dt.datetime | None = None, run_id: Id | None = None
    ) -> m.UsageSummary:
        """Usage by AI function."""
        return self._connection.one(
            Call("GET", "billing/usage/summary/", query={"since": since, "until": until, "run_id": run_id}),
            m.UsageSummary,
        )


class IntegrationIntegrations:
    """`integration/integrations/`"""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def list(
        self,
        *,
        site_id: Id | None = None,
        page: int | None = None,
        page_size: int | None = None,
        ordering: str | None = None,
        cursor: str | None = None,
    ) -> Page[m.IntegrationOut]:
        """Where your sites publish."""
        return self._connection.page(
            Call(
                "GET",
                "integration/integrations/",
                query={
                    "site_id": site_id,
                    "page": page,
                    "page_size": page_size,
                    "ordering": ordering,
                    "cursor": cursor,
                },
            ),
            m.IntegrationOut,
        )

    def get(self, integration_id: Id) -> m.IntegrationOut:
        """One integration."""
        return self._connection.one(
            Call("GET", f"integration/integrations/{integration_id}/"), m.IntegrationOut
        )

    def publish(
        self, integration_id: Id, body: m.PublishIn, *, idempotency_key: str | None = None
    ) -> m.PublishOut:
        """Publish an approved article.

        The writer hands over what is approved; its publication shows what became of it.

        Answers 404 for an unknown article, 409 for one that is not approved, 400 for one of another site. What was done at the
        writer a moment ago may not be known here yet: a no takes about a second, in which the yes may still arrive.
        """
        return self._connection.one(
            Call(
                "POST",
                f"integration/integrations/{integration_id}/publish/",
                body=body,
                idempotency_key=idempotency_key,
            ),
            m.PublishOut,
        )

    def test_connection(self, integration_id: Id, *, idempotency_key: str | None = None) -> m.ReportOut:
        """Whether publishing would work.

        Changes nothing at the site. What is wrong is part of the answer, not an error of the request.
        """
        return self._connection.one(
            Call(
                "POST",
                f"integration/integrations/{integration_id}/test-connection/",
                idempotency_key=idempotency_key,
            ),
            m.ReportOut,
        )


class NotificationsPreferences:
    """`notifications/preferences/`"""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def get(self) -> m.PreferencesOut:
        """What one is told how."""
        return self._connection.one(Call("GET", "notifications/preferences/"), m.PreferencesOut)

    def change(self, body: m.PreferencesIn, *, if_match: int | str | None = None) -> m.PreferencesOut:
        """Choose what one is told how.

        `in_app` off: neither listed nor counted. `email` off: not mailed.
        """
        return self._connection.one(
            Call("PATCH", "notifications/preferences/", body=body, if_match=if_match), m.PreferencesOut
        )


class PlannerClusters:
    """`planner/clusters/`"""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def list(
        self,
        *,
        search: str | None = None,
        status: Literal["new", "mapped", "archived"] | None = None,
        page: int | None = None,
        page_size: int | None = None,
        ordering: str | None = None,
        cursor: str | None = None,
        site_id: Id | None = None,
        sector_id: Id | None = None,
        deleted: bool | None = None,
    ) -> Page[m.ClusterOut]:
        """Clusters."""
        return self._connection.page(
            Call(
                "GET",
                "planner/clusters/",
                query={
                    "search": search,
                    "status": status,
                    "page": page,
                    "page_size": page_size,
                    "ordering": ordering,
                    "cursor": cursor,
                    "site_id": site_id,
                    "sector_id": sector_id,
                    "deleted": deleted,
                },
            ),
            m.ClusterOut,
        )

    def create(self, body: m.ClusterIn, *, idempotency_key: str | None = None) -> m.ClusterOut:
        """Add a cluster."""
        return self._connection.one(
            Call("POST", "planner/clusters/", body=body, idempotency_key=idempotency_key), m.ClusterOut
        )

    def auto_generate_ideas(
        self, body: m.GenerateIdeasIn, *, idempotency_key: str | None = None
    ) -> m.TaskAccepted:
        """Propose articles for clusters."""
        return self._connection.one(
            Call("POST", "planner/clusters/auto_generate_ideas/", body=body, idempotency_key=idempotency_key),
            m.TaskAccepted,
        )

    def get(self, cluster_id: Id) -> m.ClusterOut:
        """A cluster."""
        return self._connection.one(Call("GET", f"planner/clusters/{cluster_id}/"), m.ClusterOut)

    def change(
        self, cluster_id: Id, body: m.ClusterPatch, *, if_match: int | str | None = None
    ) -> m.ClusterOut:
        """Change a cluster."""
        return self._connection.one(
            Call("PATCH", f"planner/clusters/{cluster_id}/", body=body, if_match=if_match), m.ClusterOut
        )

    def delete(self, cluster_id: Id, *, if_match: int | str | None = None) -> None:
        """Archive a cluster.

        Its keywords are without a cluster again.
        """
        return self._connection.none(Call("DELETE", f"planner/clusters/{cluster_id}/", if_match=if_match))


class PlannerIdeas:
    """`planner/ideas/`"""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def list(
        self,
        *,
        search: str | None = None,
        status: Literal["new", "queued", "done", "rejected"] | None = None,
        keyword_cluster: Id | None = None,
        content_type: Literal["post", "page", "product", "taxonomy_term"] | None = None,
        content_structure: Literal[
            "article", "guide", "comparison", "review", "listicle", "landing_page", "how_to"
        ]
        | None = None,
        page: int | None = None,
        page_size: int | None = None,
        ordering: str | None = None,
        cursor: str | None = None,
        site_id: Id | None = None,
        sector_id: Id | None = None,
        deleted: bool | None = None,
    ) -> Page[m.IdeaOut]:
        """Ideas."""
        return self._connection.page(
            Call(
                "GET",
                "planner/ideas/",
                query={
                    "search": search,
                    "status": status,
                    "keyword_cluster": keyword_cluster,
                    "content_type": content_type,
                    "content_structure": content_structure,
                    "page": page,
                    "page_size": page_size,
                    "ordering": ordering,
                    "cursor": cursor,
                    "site_id": site_id,
                    "sector_id": sector_id,
                    "deleted": deleted,
                },
            ),
            m.IdeaOut,
        )

    def create(self, body: m.IdeaIn, *, idempotency_key: str | None = None) -> m.IdeaOut:
        """Add an idea."""
        return self._connection.one(
            Call("POST", "planner/ideas/", body=body, idempotency_key=idempotency_key), m.IdeaOut
        )

    def bulk_delete(self, body: m.IdeaIds, *, idempotency_key: str | None = None) -> m.Changed:
        """Archive ideas."""
        return self._connection.one(
            Call("POST", "planner/ideas/bulk_delete/", body=body, idempotency_key=idempotency_key), m.Changed
        )

    def queue(self, body: m.IdeaIds, *, idempotency_key: str | None = None) -> m.Changed:
        """Turn ideas into writing tasks."""
        return self._connection.one(
            Call("POST", "planner/ideas/queue/", body=body, idempotency_key=idempotency_key), m.Changed
        )

    def get(self, idea_id: Id) -> m.IdeaOut:
        """An idea."""
        return self._connection.one(Call("GET", f"planner/ideas/{idea_id}/"), m.IdeaOut)

    def change(self, idea_id: Id, body: m.IdeaPatch, *, if_match: int | str | None = None) -> m.IdeaOut:
        """Change an idea."""
        return self._connection.one(
            Call("PATCH", f"planner/ideas/{idea_id}/", body=body, if_match=if_match), m.IdeaOut
        )

    def delete(self, idea_id: Id, *, if_match: int | str | None = None) -> None:
        """Archive an idea."""
        return self._connection.none(Call("DELETE", f"planner/ideas/{idea_id}/", if_match=if_match))


class PlannerImports:
    """`planner/imports/`"""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def get(self, import_id: Id) -> m.ImportOut:
        """What became of an import."""
        return self._connection.one(Call("GET", f"planner/imports/{import_id}/"), m.ImportOut)


class PlannerKeywords:
    """`planner/keywords/`"""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def list(
        self,
        *,
        page: int | None = None,
        page_size: int | None = None,
        ordering: str | None = None,
        cursor: str | None = None,
        search: str | None = None,
        status: Literal["new", "mapped", "archived"] | None = None,
        cluster_id: Id | None = None,
        intent: Literal["informational", "navigational", "commercial", "transactional"] | None = None,
        difficulty_min: int | None = None,
        difficulty_max: int | None = None,
        volume_min: int | None = None,
        volume_max: int | None = None,
        site_id: Id | None = None,
        sector_id: Id | None = None,
        deleted: bool | None = None,
    ) -> Page[m.KeywordOut]:
        """Keywords."""
        return self._connection.page(
            Call(
                "GET",
                "planner/keywords/",
                query={
                    "page": page,
                    "page_size": page_size,
                    "ordering": ordering,
                    "cursor": cursor,
                    "search": search,
                    "status": status,
                    "cluster_id": cluster_id,
                    "intent": intent,
                    "difficulty_min": difficulty_min,
                    "difficulty_max": difficulty_max,
                    "volume_min": volume_min,
                    "volume_max": volume_max,
                    "site_id": site_id,
                    "sector_id": sector_id,
                    "deleted": deleted,
                },
            ),
            m.KeywordOut,
        )

    def create(self, body: m.KeywordIn, *, idempotency_key: str | None = None) -> m.KeywordOut:
        """Add a keyword."""
        return self._connection.one(
            Call("POST", "planner/keywords/", body=body, idempotency_key=idempotency_key), m.KeywordOut
        )

    def auto_cluster(self, body: m.AutoClusterIn, *, idempotency_key: str | None = None) -> m.TaskAccepted:
        """Group keywords by topic."""
        return self._connection.one(
            Call("POST", "planner/keywords/auto_cluster/", body=body, idempotency_key=idempotency_key),
            m.TaskAccepted,
        )

    def bulk_import(self, body: m.BulkImport, *, idempotency_key: str | None = None) -> m.BulkImported:
        """Add up to 1,000 keywords."""
        return self._connection.one(
            Call("POST", "planner/keywords/bulk-import/", body=body, idempotency_key=idempotency_key),
            m.BulkImported,
        )

    def bulk_delete(self, body: m.KeywordIds, *, idempotency_key: str | None = None) -> m.Changed:
        """Archive keywords."""
        return self._connection.one(
            Call("POST", "planner/keywords/bulk_delete/", body=body, idempotency_key=idempotency_key),
            m.Changed,
        )

    def bulk_update_status(self, body: m.StatusChange, *, idempotency_key: str | None = None) -> m.Changed:
        """Change keywords' status."""
        return self._connection.one(
            Call("POST", "planner/keywords/bulk_update_status/", body=body, idempotency_key=idempotency_key),
            m.Changed,
        )

    def export_csv(
        self,
        *,
        search: str | None = None,
        status: Literal["new", "mapped", "archived"] | None = None,
        cluster_id: Id | None = None,
        intent: Literal["informational", "navigational", "commercial", "transactional"] | None = None,
        difficulty_min: int | None = None,
        difficulty_max: int | None = None,
        volume_min: int | None = None,
        volume_max: int | None = None,
        site_id: Id | None = None,
        sector_id: Id | None = None,
        deleted: bool | None = None,
    ) -> Download:
        """Keywords as CSV."""
        return self._connection.download(
            Call(
                "GET",
                "planner/keywords/export_csv/",
                query={
                    "search": search,
                    "status": status,
                    "cluster_id": cluster_id,
                    "intent": intent,
                    "difficulty_min": difficulty_min,
                    "difficulty_max": difficulty_max,
                    "volume_min": volume_min,
                    "volume_max": volume_max,
                    "site_id": site_id,
                    "sector_id": sector_id,
                    "deleted": deleted,
                },
            )
        )

    def import_csv(
        self, file: Upload, *, site_id: Id, sector_id: Id, idempotency_key: str | None = None
    ) -> m.TaskAccepted:
        """Import a keyword file.

        Refuses what is no keyword list at once; reads the rows in the background.
        """
        return self._connection.one(
            Call(
                "POST",
                "planner/keywords/import_csv/",
                form={"site_id": site_id, "sector_id": sector_id},
                file=file,
                idempotency_key=idempotency_key,
            ),
            m.TaskAccepted,
        )

    def get(self, keyword_id: Id) -> m.KeywordOut:
        """A keyword."""
        return self._connection.one(Call("GET", f"planner/keywords/{keyword_id}/"), m.KeywordOut)

    def change(
        self, keyword_id: Id, body: m.KeywordPatch, *, if_match: int | str | None = None
    ) -> m.KeywordOut:
        """Change a keyword."""
        return self._connection.one(
            Call("PATCH", f"planner/keywords/{keyword_id}/", body=body, if_match=if_match), m.KeywordOut
        )

    def replace(
        self, keyword_id: Id, body: m.KeywordFields, *, if_match: int | str | None = None
    ) -> m.KeywordOut:
        """Replace a keyword."""
        return self._connection.one(
            Call("PUT", f"planner/keywords/{keyword_id}/", body=body, if_match=if_match), m.KeywordOut
        )

    def delete(self, keyword_id: Id, *, if_match: int | str | None = None) -> None:
        """Archive a keyword."""
        return self._connection.none(Call("DELETE", f"planner/keywords/{keyword_id}/", if_match=if_match))


class PublisherPublications:
    """`publisher/publications/`"""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def list(
        self,
        *,
        site_id: Id | None = None,
        status: Literal["requested", "published", "failed", "unpublished"] | None = None,
        page: int | None = None,
        page_size: int | None = None,
        ordering: str | None = None,
        cursor: str | None = None,
    ) -> Page[m.PublicationOut]:
        """What is out, and what is not."""
        return self._connection.page(
            Call(
                "GET",
                "publisher/publications/",
                query={
                    "site_id": site_id,
                    "status": status,
                    "page": page,
                    "page_size": page_size,
                    "ordering": ordering,
                    "cursor": cursor,
                },
            ),
            m.PublicationOut,
        )

    def get(self, content_id: Id) -> m.PublicationOut:
        """One publication."""
        return self._connection.one(Call("GET", f"publisher/publications/{content_id}/"), m.PublicationOut)

    def retry(self, content_id: Id, *, idempotency_key: str | None = None) -> m.PublicationOut:
        """Try a failed one again."""
        return self._connection.one(
            Call("POST", f"publisher/publications/{content_id}/retry/", idempotency_key=idempotency_key),
            m.PublicationOut,
        )

    def unpublish(self, content_id: Id, *, idempotency_key: str | None = None) -> m.PublicationOut:
        """Take it back.

        The post becomes a draft at its site.
        """
        return self._connection.one(
            Call("POST", f"publisher/publications/{content_id}/unpublish/", idempotency_key=idempotency_key),
            m.PublicationOut,
        )


class SystemAiFunctions:
    """`system/ai_functions/`"""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def list(self) -> Page[m.FunctionOut]:
        """What the AI can be asked."""
        return self._connection.page(Call("GET", "system/ai-functions/"), m.FunctionOut)


class SystemAiModels:
    """`system/ai_models/`"""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def list(
        self,
        *,
        kind: Literal["chat", "image"] | None = None,
        page: int | None = None,
        page_size: int | None = None,
        ordering: str | None = None,
        cursor: str | None = None,
    ) -> Page[m.ModelOut]:
        """The models in use, with prices."""
        return self._connection.page(
            Call(
                "GET",
                "system/ai-models/",
                query={
                    "kind": kind,
                    "page": page,
                    "page_size": page_size,
                    "ordering": ordering,
                    "cursor": cursor,
                },
            ),
            m.ModelOut,
        )


class SystemAuthorProfiles:
    """`system/author_profiles/`"""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def list(
        self,
        *,
        deleted: bool | None = None,
        page: int | None = None,
        page_size: int | None = None,
        ordering: str | None = None,
        cursor: str | None = None,
    ) -> Page[m.AuthorOut]:
        """List author profiles."""
        return self._connection.page(
            Call(
                "GET",
                "system/author-profiles/",
                query={
                    "deleted": deleted,
                    "page": page,
                    "page_size": page_size,
                    "ordering": ordering,
                    "cursor": cursor,
                },
            ),
            m.AuthorOut,
        )

    def create(self, body: m.AuthorIn, *, idempotency_key: str | None = None) -> m.AuthorOut:
        """Add an author profile."""
        return self._connection.one(
            Call("POST", "system/author-profiles/", body=body, idempotency_key=idempotency_key), m.AuthorOut
        )

    def get(self, profile_id: Id) -> m.AuthorOut:
        """An author profile."""
        return self._connection.one(Call("GET", f"system/author-profiles/{profile_id}/"), m.AuthorOut)

    def replace(self, profile_id: Id, body: m.AuthorIn, *, if_match: int | str | None = None) -> m.AuthorOut:
        """Replace an author profile."""
        return self._connection.one(
            Call("PUT", f"system/author-profiles/{profile_id}/", body=body, if_match=if_match), m.AuthorOut
        )

    def change(
        self, profile_id: Id, body: m.AuthorChanges, *, if_match: int | str | None = None
    ) -> m.AuthorOut:
        """Change an author profile."""
        return self._connection.one(
            Call("PATCH", f"system/author-profiles/{profile_id}/", body=body, if_match=if_match), m.AuthorOut
        )

    def delete(self, profile_id: Id, *, if_match: int | str | None = None) -> None:
        """Archive an author profile."""
        return self._connection.none(
            Call("DELETE", f"system/author-profiles/{profile_id}/", if_match=if_match)
        )

    def restore(self, profile_id: Id, *, idempotency_key: str | None = None) -> m.AuthorOut:
        """Bring an archived author profile back."""
        return self._connection.one(
            Call("POST", f"system/author-profiles/{profile_id}/restore/", idempotency_key=idempotency_key),
            m.AuthorOut,
        )


class SystemPrompts:
    """`system/prompts/`"""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.versions = SystemPromptsVersions(connection)

    def list(
        self,
        *,
        prompt_type: Literal[
            "clustering", "ideas", "content_generation", "image_prompt_extraction", "image_prompt_template"
        ]
        | None = None,
        deleted: bool | None = None,
        page: int | None = None,
        page_size: int | None = None,
        ordering: str | None = None,
        cursor: str | None = None,
    ) -> Page[m.PromptOut]:
        """List prompts."""
        return self._connection.page(
            Call(
                "GET",
                "system/prompts/",
                query={
                    "prompt_type": prompt_type,
                    "deleted": deleted,
                    "page": page,
                    "page_size": page_size,
                    "ordering": ordering,
                    "cursor": cursor,
                },
            ),
            m.PromptOut,
        )

    def create(self, body: m.PromptIn, *, idempotency_key: str | None = None) -> m.PromptOut:
        """Write a prompt."""
        return self._connection.one(
            Call("POST", "system/prompts/", body=body, idempotency_key=idempotency_key), m.PromptOut
        )

    def defaults(self) -> tuple[m.DefaultOut, ...]:
        """The prompts in force where none is written."""
        return self._connection.one(Call("GET", "system/prompts/defaults/"), tuple[m.DefaultOut, ...])

    def reset_to_default(self, body: m.PromptsResetIn, *, idempotency_key: str | None = None) -> m.PromptOut:
        """Give a type of prompt its default text."""
        return self._connection.one(
            Call("POST", "system/prompts/reset_to_default/", body=body, idempotency_key=idempotency_key),
            m.PromptOut,
        )

    def get(self, prompt_id: Id) -> m.PromptOut:
        """A prompt."""
        return self._connection.one(Call("GET", f"system/prompts/{prompt_id}/"), m.PromptOut)

    def replace(self, prompt_id: Id, body: m.PromptIn, *, if_match: int | str | None = None) -> m.PromptOut:
        """Replace a prompt."""
        return self._connection.one(
            Call("PUT", f"system/prompts/{prompt_id}/", body=body, if_match=if_match), m.PromptOut
        )

    def change(
        self, prompt_id: Id, body: m.PromptChanges, *, if_match: int | str | None = None
    ) -> m.PromptOut:
        """Change a prompt."""
        return self._connection.one(
            Call("PATCH", f"system/prompts/{prompt_id}/", body=body, if_match=if_match), m.PromptOut
        )

    def delete(self, prompt_id: Id, *, if_match: int | str | None = None) -> None:
        """Archive a prompt: the default is in force again."""
        return self._connection.none(Call("DELETE", f"system/prompts/{prompt_id}/", if_match=if_match))

    def reset_to_default_by_id(self, prompt_id: Id, *, idempotency_key: str | None = None) -> m.PromptOut:
        """Give a prompt its default text."""
        return self._connection.one(
            Call("POST", f"system/prompts/{prompt_id}/reset_to_default/", idempotency_key=idempotency_key),
            m.PromptOut,
        )

    def restore(self, prompt_id: Id, *, idempotency_key: str | None = None) -> m.PromptOut:
        """Bring an archived prompt back."""
        return self._connection.one(
            Call("POST", f"system/prompts/{prompt_id}/restore/", idempotency_key=idempotency_key), m.PromptOut
        )


class SystemRequestMetrics:
    """`system/request_metrics/`"""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def get(self, metrics_id: Id) -> m.MetricsOut:
        """What a tracked request cost."""
        return self._connection.one(Call("GET", f"system/request-metrics/{metrics_id}/"), m.MetricsOut)


class SystemSettings:
    """`system/settings/`"""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.integrations = SystemSettingsIntegrations(connection)
        self.task_progress = SystemSettingsTaskProgress(connection)


class SystemStrategies:
    """`system/strategies/`"""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def list(
        self,
        *,
        sector_id: Id | None = None,
        is_active: bool | None = None,
        deleted: bool | None = None,
        page: int | None = None,
        page_size: int | None = None,
        ordering: str | None = None,
        cursor: str | None = None,
    ) -> Page[m.StrategyOut]:
        """List strategies."""
        return self._connection.page(
            Call(
                "GET",
                "system/strategies/",
                query={
                    "sector_id": sector_id,
                    "is_active": is_active,
                    "deleted": deleted,
                    "page": page,
                    "page_size": page_size,
                    "ordering": ordering,
                    "cursor": cursor,
                },
            ),
            m.StrategyOut,
        )

    def create(self, body: m.StrategyIn, *, idempotency_key: str | None = None) -> m.StrategyOut:
        """Add a strategy."""
        return self._connection.one(
            Call("POST", "system/strategies/", body=body, idempotency_key=idempotency_key), m.StrategyOut
        )

    def get(self, strategy_id: Id) -> m.StrategyOut:
        """A strategy."""
        return self._connection.one(Call("GET", f"system/strategies/{strategy_id}/"), m.StrategyOut)

    def replace(
        self, strategy_id: Id, body: m.StrategyIn, *, if_match: int | str | None = None
    ) -> m.StrategyOut:
        """Replace a strategy."""
        return self._connection.one(
            Call("PUT", f"system/strategies/{strategy_id}/", body=body, if_match=if_match), m.StrategyOut
        )

    def change(
        self, strategy_id: Id, body: m.StrategyChanges, *, if_match: int | str | None = None
    ) -> m.StrategyOut:
        """Change a strategy."""
        return self._connection.one(
            Call("PATCH", f"system/strategies/{strategy_id}/", body=body, if_match=if_match), m.StrategyOut
        )

    def delete(self, strategy_id: Id, *, if_match: int | str | None = None) -> None:
        """Archive a strategy."""
        return self._connection.none(Call("DELETE", f"system/strategies/{strategy_id}/", if_match=if_match))

    def restore(self, strategy_id: Id, *, idempotency_key: str | None = None) -> m.StrategyOut:
        """Bring an archived strategy back, inactive."""
        return self._connection.one(
            Call("POST", f"system/strategies/{strategy_id}/restore/", idempotency_key=idempotency_key),
            m.StrategyOut,
        )


class WriterContent:
    """`writer/content/`"""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.versions = WriterContentVersions(connection)

    def list(
        self,
        *,
        status: Literal["draft", "review", "published"] | None = None,
        cluster_id: Id | None = None,
        task_id: Id | None = None,
        content_type: Literal["post", "page", "product", "taxonomy_term"] | None = None,
        content_structure: Literal[
            "article", "guide", "comparison", "review", "listicle", "landing_page", "how_to"
        ]
        | None = None,
        search: str | None = None,
        page: int | None = None,
        page_size: int | None = None,
        ordering: str | None = None,
        cursor: str | None = None,
        site_id: Id | None = None,
        sector_id: Id | None = None,
        deleted: bool | None = None,
    ) -> Page[m.ContentOut]:
        """Content of the sites you may see."""
        return self._connection.page(
            Call(
                "GET",
                "writer/content/",
                query={
                    "status": status,
                    "cluster_id": cluster_id,
                    "task_id": task_id,
                    "content_type": content_type,
                    "content_structure": content_structure,
                    "search": search,
                    "page": page,
                    "page_size": page_size,
                    "ordering": ordering,
                    "cursor": cursor,
                    "site_id": site_id,
                    "sector_id": sector_id,
                    "deleted": deleted,
                },
            ),
            m.ContentOut,
        )

    def get(self, content_id: Id) -> m.ContentDetail:
        """One article with its HTML."""
        return self._connection.one(Call("GET", f"writer/content/{content_id}/"), m.ContentDetail)

    def replace(
        self, content_id: Id, body: m.ContentEdit, *, if_match: int | str | None = None
    ) -> m.ContentDetail:
        """Make a new version."""
        return self._connection.one(
            Call("PUT", f"writer/content/{content_id}/", body=body, if_match=if_match), m.ContentDetail
        )

    def change(
        self, content_id: Id, body: m.ContentEdit, *, if_match: int | str | None = None
    ) -> m.ContentDetail:
        """Make a new version."""
        return self._connection.one(
            Call("PATCH", f"writer/content/{content_id}/", body=body, if_match=if_match), m.ContentDetail
        )

    def delete(self, content_id: Id, *, if_match: int | str | None = None) -> None:
        """Archive an article."""
        return self._connection.none(Call("DELETE", f"writer/content/{content_id}/", if_match=if_match))

    def approve(self, content_id: Id, *, idempotency_key: str | None = None) -> m.ContentOut:
        """Approve and publish.

        Pins the version as it is now and hands it to the publisher.
        """
        return self._connection.one(
            Call("POST", f"writer/content/{content_id}/approve/", idempotency_key=idempotency_key),
            m.ContentOut,
        )

    def reject(
        self, content_id: Id, body: m.Rejection, *, idempotency_key: str | None = None
    ) -> m.ContentOut:
        """Back to draft."""
        return self._connection.one(
            Call("POST", f"writer/content/{content_id}/reject/", body=body, idempotency_key=idempotency_key),
            m.ContentOut,
        )

    def restore(self, content_id: Id, *, idempotency_key: str | None = None) -> m.ContentOut:
        """Bring it back."""
        return self._connection.one(
            Call("POST", f"writer/content/{content_id}/restore/", idempotency_key=idempotency_key),
            m.ContentOut,
        )

    def submit(self, content_id: Id, *, idempotency_key: str | None = None) -> m.ContentOut:
        """Ask for review."""
        return self._connection.one(
            Call("POST", f"writer/content/{content_id}/submit/", idempotency_key=idempotency_key),
            m.ContentOut,
        )


class WriterImagePrompts:
    """`writer/image_prompts/`"""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def list(
        self,
        *,
        content_id: Id | None = None,
        image_type: Literal["featured", "in_article", "desktop", "mobile"] | None = None,
        page: int | None = None,
        page_size: int | None = None,
        ordering: str | None = None,
        cursor: str | None = None,
        site_id: Id | None = None,
        sector_id: Id | None = None,
        deleted: bool | None = None,
    ) -> Page[m.ImageOut]:
        """Images still to be made."""
        return self._connection.page(
            Call(
                "GET",
                "writer/image-prompts/",
                query={
                    "content_id": content_id,
                    "image_type": image_type,
                    "page": page,
                    "page_size": page_size,
                    "ordering": ordering,
                    "cursor": cursor,
                    "site_id": site_id,
                    "sector_id": sector_id,
                    "deleted": deleted,
                },
            ),
            m.ImageOut,
        )

    def create(self, body: m.ImageIn, *, idempotency_key: str | None = None) -> m.ImageOut:
        """Describe an image."""
        return self._connection.one(
            Call("POST", "writer/image-prompts/", body=body, idempotency_key=idempotency_key), m.ImageOut
        )

    def generate(self, body: m.GeneratePrompts, *, idempotency_key: str | None = None) -> m.TaskAccepted:
        """Describe the images of articles."""
        return self._connection.one(
            Call("POST", "writer/image-prompts/generate/", body=body, idempotency_key=idempotency_key),
            m.TaskAccepted,
        )

    def get(self, image_id: Id) -> m.ImageOut:
        """One image prompt."""
        return self._connection.one(Call("GET", f"writer/image-prompts/{image_id}/"), m.ImageOut)

    def change(self, image_id: Id, body: m.ImageEdit, *, if_match: int | str | None = None) -> m.ImageOut:
        """Change a prompt."""
        return self._connection.one(
            Call("PATCH", f"writer/image-prompts/{image_id}/", body=body, if_match=if_match), m.ImageOut
        )

    def delete(self, image_id: Id, *, if_match: int | str | None = None) -> None:
        """Archive an image prompt."""
        return self._connection.none(Call("DELETE", f"writer/image-prompts/{image_id}/", if_match=if_match))


class WriterImages:
    """`writer/images/`"""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.grouped = WriterImagesGrouped(connection)

    def list(
        self,
        *,
        content_id: Id | None = None,
        image_type: Literal["featured", "in_article", "desktop", "mobile"] | None = None,
        status: Literal["pending", "generated", "failed"] | None = None,
        page: int | None = None,
        page_size: int | None = None,
        ordering: str | None = None,
        cursor: str | None = None,
        site_id: Id | None = None,
        sector_id: Id | None = None,
        deleted: bool | None = None,
    ) -> Page[m.ImageOut]:
        """Images of the sites you may see."""
        return self._connection.page(
            Call(
                "GET",
                "writer/images/",
                query={
                    "content_id": content_id,
                    "image_type": image_type,
                    "status": status,
                    "page": page,
                    "page_size": page_size,
                    "ordering": ordering,
                    "cursor": cursor,
                    "site_id": site_id,
                    "sector_id": sector_id,
                    "deleted": deleted,
                },
            ),
            m.ImageOut,
        )

    def create(self, body: m.ImageIn, *, idempotency_key: str | None = None) -> m.ImageOut:
        """Describe an image by hand."""
        return self._connection.one(
            Call("POST", "writer/images/", body=body, idempotency_key=idempotency_key), m.ImageOut
        )

    def generate(self, body: m.GenerateImages, *, idempotency_key: str | None = None) -> m.TaskAccepted:
        """Make images from their prompts."""
        return self._connection.one(
            Call("POST", "writer/images/generate/", body=body, idempotency_key=idempotency_key),
            m.TaskAccepted,
        )

    def generate_images(
        self, body: m.GenerateImages, *, idempotency_key: str | None = None
    ) -> m.TaskAccepted:
        """Make images from their prompts."""
        return self._connection.one(
            Call("POST", "writer/images/generate_images/", body=body, idempotency_key=idempotency_key),
            m.TaskAccepted,
        )

    def get(self, image_id: Id) -> m.ImageOut:
        """One image."""
        return self._connection.one(Call("GET", f"writer/images/{image_id}/"), m.ImageOut)

    def change(self, image_id: Id, body: m.ImageEdit, *, if_match: int | str | None = None) -> m.ImageOut:
        """Change an image."""
        return self._connection.one(
            Call("PATCH", f"writer/images/{image_id}/", body=body, if_match=if_match), m.ImageOut
        )

    def delete(self, image_id: Id, *, if_match: int | str | None = None) -> None:
        """Archive an image."""
        return self._connection.none(Call("DELETE", f"writer/images/{image_id}/", if_match=if_match))

    def file(self, image_id: Id) -> Download:
        """The picture itself; public by its id."""
        return self._connection.download(Call("GET", f"writer/images/{image_id}/file/"))


class WriterTasks:
    """`writer/tasks/`"""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def list(
        self,
        *,
        status: Literal["queued", "in_progress", "completed", "failed"] | None = None,
        cluster_id: Id | None = None,
        content_type: Literal["post", "page", "product", "taxonomy_term"] | None = None,
        content_structure: Literal[
            "article", "guide", "comparison", "review", "listicle", "landing_page", "how_to"
        ]
        | None = None,
        search: str | None = None,
        page: int | None = None,
        page_size: int | None = None,
        ordering: str | None = None,
        cursor: str | None = None,
        site_id: Id | None = None,
        sector_id: Id | None = None,
        deleted: bool | None = None,
    ) -> Page[m.TaskOut]:
        """Tasks of the sites you may see."""
        return self._connection.page(
            Call(
                "GET",
                "writer/tasks/",
                query={
                    "status": status,
                    "cluster_id": cluster_id,
                    "content_type": content_type,
                    "content_structure": content_structure,
                    "search": search,
                    "page": page,
                    "page_size": page_size,
                    "ordering": ordering,
                    "cursor": cursor,
                    "site_id": site_id,
                    "sector_id": sector_id,
                    "deleted": deleted,
                },
            ),
            m.TaskOut,
        )

    def create(self, body: m.TaskIn, *, idempotency_key: str | None = None) -> m.TaskOut:
        """Make a task by hand."""
        return self._connection.one(
            Call("POST", "writer/tasks/", body=body, idempotency_key=idempotency_key), m.TaskOut
        )

    def auto_generate_content(self, body: m.TaskIds, *, idempotency_key: str | None = None) -> m.TaskAccepted:
        """Write the articles of up to 10 tasks."""
        return self._connection.one(
            Call("POST", "writer/tasks/auto_generate_content/", body=body, idempotency_key=idempotency_key),
            m.TaskAccepted,
        )

    def bulk_delete(self, body: m.TaskIds, *, idempotency_key: str | None = None) -> dict[str, int]:
        """Archive tasks, all or none."""
        return self._connection.one(
            Call("POST", "writer/tasks/bulk_delete/", body=body, idempotency_key=idempotency_key),
            dict[str, int],
        )

    def bulk_update(self, body: m.TaskUpdate, *, idempotency_key: str | None = None) -> dict[str, int]:
        """Change tasks, all or none."""
        return self._connection.one(
            Call("POST", "writer/tasks/bulk_update/", body=body, idempotency_key=idempotency_key),
            dict[str, int],
        )

    def get(self, task_id: Id) -> m.TaskOut:
        """One task."""
        return self._connection.one(Call("GET", f"writer/tasks/{task_id}/"), m.TaskOut)

    def replace(self, task_id: Id, body: m.TaskEdit, *, if_match: int | str | None = None) -> m.TaskOut:
        """Replace a task's fields."""
        return self._connection.one(
            Call("PUT", f"writer/tasks/{task_id}/", body=body, if_match=if_match), m.TaskOut
        )

    def change(self, task_id: Id, body: m.TaskEdit, *, if_match: int | str | None = None) -> m.TaskOut:
        """Change a task."""
        return self._connection.one(
            Call("PATCH", f"writer/tasks/{task_id}/", body=body, if_match=if_match), m.TaskOut
        )

    def delete(self, task_id: Id, *, if_match: int | str | None = None) -> None:
        """Archive a task."""
        return self._connection.none(Call("DELETE", f"writer/tasks/{task_id}/", if_match=if_match))

    def restore(self, task_id: Id, *, idempotency_key: str | None = None) -> m.TaskOut:
        """Bring an archived task back."""
        return self._connection.one(
            Call("POST", f"writer/tasks/{task_id}/restore/", idempotency_key=idempotency_key), m.TaskOut
        )


class WriterTaxonomies:
    """`writer/taxonomies/`"""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def list(
        self,
        *,
        taxonomy: Literal["category", "tag"] | None = None,
        search: str | None = None,
        page: int | None = None,
        page_size: int | None = None,
        ordering: str | None = None,
        cursor: str | None = None,
        site_id: Id | None = None,
        sector_id: Id | None = None,
        deleted: bool | None = None,
    ) -> Page[m.TermOut]:
        """Categories and tags."""
        return self._connection.page(
            Call(
                "GET",
                "writer/taxonomies/",
                query={
                    "taxonomy": taxonomy,
                    "search": search,
                    "page": page,
                    "page_size": page_size,
                    "ordering": ordering,
                    "cursor": cursor,
                    "site_id": site_id,
                    "sector_id": sector_id,
                    "deleted": deleted,
                },
            ),
            m.TermOut,
        )

    def get(self, term_id: Id) -> m.TermOut:
        """One term."""
        return self._connection.one(Call("GET", f"writer/taxonomies/{term_id}/"), m.TermOut)

    def change(self, term_id: Id, body: m.TermEdit, *, if_match: int | str | None = None) -> m.TermOut:
        """Rename a term."""
        return self._connection.one(
            Call("PATCH", f"writer/taxonomies/{term_id}/", body=body, if_match=if_match), m.TermOut
        )


class Account:
    """`account/`"""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.audit = AccountAudit(connection)
        self.export = AccountExport(connection)
        self.industries = AccountIndustries(connection)
        self.invitations = AccountInvitations(connection)
        self.modules = AccountModules(connection)
        self.seed_keywords = AccountSeedKeywords(connection)
        self.sites = AccountSites(connection)
        self.users = AccountUsers(connection)

    def get(self) -> m.AccountOut:
        """The account."""
        return self._connection.one(Call("GET", "account/"), m.AccountOut)

    def change(self, body: m.AccountChanges, *, if_match: int | str | None = None) -> m.AccountOut:
        """Change the account's name or slug.

        A slug the account had before stays its own, and may be taken again.
        """
        return self._connection.one(Call("PATCH", "account/", body=body, if_match=if_match), m.AccountOut)

    def erase(self, body: m.EraseIn, *, idempotency_key: str | None = None) -> None:
        """Erase the account and everything in it, for good.

        For its owner alone. All sessions and API keys end at once, running work with them; what the account has in any
        service is removed within minutes. Export it first: nothing of this can be taken back. Articles stay where they were
        published in WordPress.
        """
        return self._connection.none(
            Call("POST", "account/erase/", body=body, idempotency_key=idempotency_key)
        )

    def limits(self) -> m.LimitsOut:
        """What the plan allows, and what is used."""
        return self._connection.one(Call("GET", "account/limits/"), m.LimitsOut)


class Admin:
    """`admin/`"""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.accounts = AdminAccounts(connection)
        self.adjustments = AdminAdjustments(connection)
        self.ai_models = AdminAiModels(connection)
        self.plans = AdminPlans(connection)
        self.platform_keys = AdminPlatformKeys(connection)
        self.rate_cards = AdminRateCards(connection)

    def industries_import(self, file: Upload, *, idempotency_key: str | None = None) -> m.Imported:
        """Import industries and sectors.

        Columns `industry` (needed), `sector`, `description`, `is_active` (`yes`).

        A row with a sector is about the sector, one without about the industry; both are known by the slugs of their names.
        Rows at fault are left out and named. What the file does not name stays; the same file again changes nothing.
        """
        return self._connection.one(
            Call("POST", "admin/industries/import/", form={}, file=file, idempotency_key=idempotency_key),
            m.Imported,
        )

    def seed_keywords_import(self, file: Upload, *, idempotency_key: str | None = None) -> m.Imported:
        """Import seed keywords.

        Columns `keyword`, `industry`, `sector` (needed), `volume`, `difficulty`, `intent`, `is_active` (`yes`).

        Industry and sector are those of the catalogue, by name or slug; a keyword is known by its text, whatever its case and
        spacing. A row says all about its keyword. Rows at fault are left out and named; what the file does not name stays; the
        same file again changes nothing.
        """
        return self._connection.one(
            Call("POST", "admin/seed-keywords/import/", form={}, file=file, idempotency_key=idempotency_key),
            m.Imported,
        )


class Auth:
    """`auth/`"""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.api_keys = AuthApiKeys(connection)
        self.me = AuthMe(connection)

    def change_password(self, body: m.PasswordIn, *, idempotency_key: str | None = None) -> None:
        """Change my password; all other sessions end."""
        return self._connection.none(
            Call("POST", "auth/change-password/", body=body, idempotency_key=idempotency_key)
        )

    def invitations_accept(self, body: m.AcceptIn) -> m.AcceptedOut:
        """Accept an invitation with the mailed token.

        Makes a user of the account, and signs it in.
        """
        return self._connection.one(Call("POST", "auth/invitations/accept/", body=body), m.AcceptedOut)

    def login(self, body: m.LoginIn) -> m.TokensOut:
        """Sign in."""
        return self._connection.one(Call("POST", "auth/login/", body=body), m.TokensOut)

    def logout_all(self, *, idempotency_key: str | None = None) -> None:
        """End all my sessions, on every device."""
        return self._connection.none(Call("POST", "auth/logout-all/", idempotency_key=idempotency_key))

    def logout(self, body: m.RefreshIn | None = None) -> None:
        """End the session of a refresh token."""
        return self._connection.none(Call("POST", "auth/logout/", body=body))

    def password_reset(self, body: m.UsersResetIn) -> None:
        """Have a link to a new password mailed.

        The same answer, after the same work, whether the e-mail is registered or not.
        """
        return self._connection.none(Call("POST", "auth/password-reset/", body=body))

    def password_reset_confirm(self, body: m.ResetConfirmIn) -> None:
        """Choose a new password with the mailed token; all sessions end."""
        return self._connection.none(Call("POST", "auth/password-reset/confirm/", body=body))

    def refresh(self, body: m.RefreshIn | None = None) -> m.TokensOut:
        """Get the next pair of tokens."""
        return self._connection.one(Call("POST", "auth/refresh/", body=body), m.TokensOut)

    def register(self, body: m.RegisterIn) -> m.RegisteredOut:
        """Open an account."""
        return self._connection.one(Call("POST", "auth/register/", body=body), m.RegisteredOut)


class Automation:
    """`automation/`"""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.runs = AutomationRuns(connection)


class Billing:
    """`billing/`"""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.credits = BillingCredits(connection)
        self.transactions = BillingTransactions(connection)
        self.usage = BillingUsage(connection)

    def estimate(self, body: m.EstimateIn, *, idempotency_key: str | None = None) -> m.EstimateOut:
        """What an AI operation would cost at most."""
        return self._connection.one(
            Call("POST", "billing/estimate/", body=body, idempotency_key=idempotency_key), m.EstimateOut
        )

    def rate_card(self) -> m.RateCardOut:
        """What AI operations cost."""
        return self._connection.one(Call("GET", "billing/rate-card/"), m.RateCardOut)


class Dashboard:
    """`dashboard/`"""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def get(
        self,
        *,
        site_id: Id | None = None,
        sector_id: Id | None = None,
        days: int | None = None,
        activity: int | None = None,
    ) -> m.DashboardOut:
        """What there is, what happens and what has happened."""
        return self._connection.one(
            Call(
                "GET",
                "dashboard/",
                query={"site_id": site_id, "sector_id": sector_id, "days": days, "activity": activity},
            ),
            m.DashboardOut,
        )


class Events:
    """`events/`"""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def stream(self, *, last_event_id: str | None = None) -> Generator[LiveEvent, None, None]:
        """Live updates as server-sent events.

        Ends after five minutes: come again with `Last-Event-ID`, and nothing is missed.

        The same as a WebSocket: `/ws`, each message `{"id", "event", "data"}`. Its token comes as a header, or from a page as
        protocols: `new WebSocket(url, ["igny8", "bearer." + access])`. `?last_event_id=` resumes. Who may not is refused before
        it opens; it is closed with 4401 when the session ends, and 4403 when the caller may not any more.
        """
        return self._connection.live(Call("GET", "events/"), last_event_id)


class Integration:
    """`integration/`"""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.integrations = IntegrationIntegrations(connection)


class Notifications:
    """`notifications/`"""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.preferences = NotificationsPreferences(connection)

    def list(
        self,
        *,
        unread: bool | None = None,
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
        | None = None,
        page: int | None = None,
        page_size: int | None = None,
        ordering: str | None = None,
        cursor: str | None = None,
    ) -> Page[m.NotificationOut]:
        """What happened, newest first."""
        return self._connection.page(
            Call(
                "GET",
                "notifications/",
                query={
                    "unread": unread,
                    "kind": kind,
                    "page": page,
                    "page_size": page_size,
                    "ordering": ordering,
                    "cursor": cursor,
                },
            ),
            m.NotificationOut,
        )

    def read_all(self, *, idempotency_key: str | None = None) -> m.UnreadOut:
        """Mark all as read.

        What comes while this is asked stays unread.
        """
        return self._connection.one(
            Call("POST", "notifications/read_all/", idempotency_key=idempotency_key), m.UnreadOut
        )

    def unread_count(self) -> m.UnreadOut:
        """How many are not read yet."""
        return self._connection.one(Call("GET", "notifications/unread_count/"), m.UnreadOut)

    def read(self, notification_id: Id, *, idempotency_key: str | None = None) -> m.NotificationOut:
        """Mark one as read."""
        return self._connection.one(
            Call("POST", f"notifications/{notification_id}/read/", idempotency_key=idempotency_key),
            m.NotificationOut,
        )


class Planner:
    """`planner/`"""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.clusters = PlannerClusters(connection)
        self.ideas = PlannerIdeas(connection)
        self.imports = PlannerImports(connection)
        self.keywords = PlannerKeywords(connection)


class Publisher:
    """`publisher/`"""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.publications = PublisherPublications(connection)


class Search:
    """`search/`"""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def get(
        self,
        *,
        q: str,
        kind: Sequence[Literal["keyword", "cluster", "idea", "task", "content"]] | None = None,
        site_id: Id | None = None,
        sector_id: Id | None = None,
        limit: int | None = None,
    ) -> m.SearchOut:
        """Search keywords, clusters, ideas, tasks and content."""
        return self._connection.one(
            Call(
                "GET",
                "search/",
                query={"q": q, "kind": kind, "site_id": site_id, "sector_id": sector_id, "limit": limit},
            ),
            m.SearchOut,
        )


class System:
    """`system/`"""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.ai_functions = SystemAiFunctions(connection)
        self.ai_models = SystemAiModels(connection)
        self.author_profiles = SystemAuthorProfiles(connection)
        self.prompts = SystemPrompts(connection)
        self.request_metrics = SystemRequestMetrics(connection)
        self.settings = SystemSettings(connection)
        self.strategies = SystemStrategies(connection)


class Writer:
    """`writer/`"""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.content = WriterContent(connection)
        self.image_prompts = WriterImagePrompts(connection)
        self.images = WriterImages(connection)
        self.tasks = WriterTasks(connection)
        self.taxonomies = WriterTaxonomies(connection)


class Operations:
    """The groups of the API."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.account = Account(connection)
        self.admin = Admin(connection)
        self.auth = Auth(connection)
        self.automation = Automation(connection)
        self.billing = Billing(connection)
        self.dashboard = Dashboard(connection)
        self.events = Events(connection)
        self.integration = Integration(connection)
        self.notifications = Notifications(connection)
        self.planner = Planner(connection)
        self.publisher = Publisher(connection)
        self.search = Search(connection)
        self.system = System(connection)
        self.writer = Writer(connection)
