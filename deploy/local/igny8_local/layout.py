"""Where the stack keeps its things."""

import json
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).resolve().parents[3]


@dataclass(frozen=True)
class Layout:
    """The files of one data directory, which belongs to one stack."""

    data_dir: Path

    @property
    def lock(self) -> Path:
        """Held (flock) by the supervisor while it lives; holds its pid."""
        return self.data_dir / "supervisor.lock"

    @property
    def state(self) -> Path:
        """What is running now; exists only between start and stop."""
        return self.data_dir / "stack.json"

    @property
    def credentials(self) -> Path:
        return self.data_dir / "credentials.json"

    @property
    def keys(self) -> Path:
        return self.data_dir / "keys"

    @property
    def token_keys(self) -> Path:
        return self.keys / "tokens"

    @property
    def jwks(self) -> Path:
        """Written with the keys, by whoever prepares or rotates them."""
        return self.token_keys / "jwks.json"

    @property
    def logs(self) -> Path:
        return self.data_dir / "logs"

    def log(self, part: str) -> Path:
        return self.logs / f"{part}.log"

    @property
    def held(self) -> Path:
        """A file here, named after a service, keeps the supervisor from starting that service."""
        return self.data_dir / "held"

    @property
    def postgres(self) -> Path:
        return self.data_dir / "postgres"

    @property
    def broker(self) -> Path:
        """The bootstrap address of the embedded broker, written by the broker itself."""
        return self.data_dir / "broker"

    @property
    def objects(self) -> Path:
        return self.data_dir / "objects"

    @property
    def published(self) -> Path:
        return self.data_dir / "published"

    @property
    def mail(self) -> Path:
        """Where e-mails lie as .eml files unless a server is named."""
        return self.data_dir / "mail"

    def create(self) -> None:
        """Makes the directories; raises OSError where the place is not writable."""
        for directory in (
            self.data_dir,
            self.keys,
            self.token_keys,
            self.logs,
            self.held,
            self.objects,
            self.published,
        ):
            directory.mkdir(parents=True, exist_ok=True)
        for private in (self.keys, self.token_keys):
            private.chmod(0o700)

    def read_state(self) -> dict[str, Any] | None:
        """What the supervisor last wrote, or None when there is no stack."""
        try:
            state: dict[str, Any] = json.loads(self.state.read_text())
        except (FileNotFoundError, NotADirectoryError):
            return None
        return state


def data_directory(given: Path | None = None) -> Path:
    """The data directory: as given, else IGNY8_DATA_DIR, else `.igny8` in the repository."""
    return Path(given or os.environ.get("IGNY8_DATA_DIR") or REPOSITORY / ".igny8").expanduser().resolve()


def write_atomically(path: Path, text: str, mode: int = 0o600) -> None:
    """Replaces a file so that a reader sees the old text or the new one, never a part."""
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
        os.fchmod(file.fileno(), mode)
    Path(temporary).replace(path)
