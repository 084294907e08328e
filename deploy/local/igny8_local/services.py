"""The five services and where they listen."""

from dataclasses import dataclass

SERVICES = ("gateway", "planner", "writer", "billing", "publisher")
SECRETS = "secrets"
HOST = "127.0.0.1"
DEFAULT_PORT = 8080


@dataclass(frozen=True)
class ServiceCommand:
    """A service and the command that runs it; without one it is the installed module of its name."""

    name: str
    command: tuple[str, ...] = ()


def installed_services() -> tuple[ServiceCommand, ...]:
    """The services as installed beside this command; the gateway comes first and gets the first port."""
    return tuple(ServiceCommand(name) for name in SERVICES)


def topics() -> list[str]:
    """Every Kafka topic of the platform."""
    return [*(f"igny8.{service}.events" for service in SERVICES), "igny8.control", "igny8.progress"]
