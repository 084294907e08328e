"""What a supervisor is told to run."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from igny8_local.services import ServiceCommand

SERVICE_STOP_SECONDS = 15.0  # longer than any request or batch the services finish on SIGTERM
POSTGRES_STOP_SECONDS = 60.0  # a fast shutdown writes a checkpoint


@dataclass(frozen=True)
class Plan:
    """A stack: where its data is, its services and their ports, how it migrates."""

    data_dir: Path
    port: int
    services: tuple[ServiceCommand, ...]
    migrate: tuple[str, ...]
    """The command that migrates one database, without its last argument, the service; empty: the installed one."""
    migrate_again: bool = False
    """Run the migrations even where the database has seen them."""

    @property
    def ports(self) -> dict[str, int]:
        return {service.name: self.port + number for number, service in enumerate(self.services)}

    def to_json(self) -> str:
        return json.dumps(asdict(self) | {"data_dir": str(self.data_dir)})

    @classmethod
    def from_json(cls, text: str) -> "Plan":
        read = json.loads(text)
        services = tuple(ServiceCommand(each["name"], tuple(each["command"])) for each in read["services"])
        return cls(
            Path(read["data_dir"]), read["port"], services, tuple(read["migrate"]), read["migrate_again"]
        )
