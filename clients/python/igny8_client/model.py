"""What all bodies, and all answers, have in common."""

from pydantic import BaseModel, ConfigDict


class Body(BaseModel):
    """Sent: only the fields that were given, so that a change leaves out what stays. A misspelt field is refused here."""

    model_config = ConfigDict(
        extra="forbid", populate_by_name=True, protected_namespaces=(), defer_build=True
    )


class Shown(BaseModel):
    """Received: fields that a newer server adds are ignored."""

    model_config = ConfigDict(
        extra="ignore", populate_by_name=True, protected_namespaces=(), defer_build=True, frozen=True
    )
