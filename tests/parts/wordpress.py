"""A real WordPress: Debian's files under PHP's own server, with a MariaDB of its own."""

import json
import os
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path
from typing import NamedTuple

from tests.parts.install import missing
from tests.parts.ports import answers, free_port
from tests.parts.process import Part, PartFailed, Process

FILES = Path(__file__).parent / "wordpress_files"
SOURCE = Path("/usr/share/wordpress")
START_DEADLINE = 60.0
UPLOAD_LIMIT = "32M"


class Request(NamedTuple):
    """A request WordPress has answered; `path` is as sent, with the query."""

    method: str
    path: str
    status: int


class RealWordPress(Part):
    """A fresh site with one administrator and an application password, reachable at `url`/wp-json/.

    `start` after `stop` makes a new site at the same address.
    """

    user = "editor"

    def __init__(self, *, port: int | None = None) -> None:
        self._port = port or free_port()
        self._directory: Path | None = None
        self._database: Process | None = None
        self._server: Process | None = None
        self.app_password = ""

    @property
    def url(self) -> str:
        """Without a slash at the end."""
        return f"http://127.0.0.1:{self._port}"

    @property
    def directory(self) -> Path:
        """Where WordPress's files are. Raises `PartFailed` before `start`."""
        return self._home / "wordpress"

    def start(self) -> None:
        """Start database and site. Raises `PartFailed` with what the failing program said."""
        if self._server is not None:
            return
        if absent := missing("wordpress"):
            raise PartFailed(f"WordPress needs {', '.join(absent)}: python -m tests.parts.install wordpress")
        # The path of a Unix socket has about 100 characters at most, so not below pytest's long folders.
        self._directory = Path(tempfile.mkdtemp(prefix="igny8-wp-", dir="/tmp"))
        try:
            self._start_database()
            self._copy_files()
            self.app_password = self._php(str(FILES / "install.php"), str(self.directory), self.user)
            self._start_server()
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """End every process and delete the site."""
        if self._server is not None:
            # PHP's server collects its workers on SIGINT only; else they stay as zombies under some inits.
            self._server.stop(by=signal.SIGINT, grace=5)
        if self._database is not None:
            # The data are deleted next: nothing is gained by waiting for an orderly shutdown.
            self._database.kill()
        self._server = self._database = None
        if self._directory is not None:
            shutil.rmtree(self._directory, ignore_errors=True)
            self._directory = None

    def requests(self) -> list[Request]:
        """Every request so far, in the order of the answers."""
        log = self._home / "access.log"
        return [Request(*json.loads(line)) for line in log.read_text().splitlines()] if log.exists() else []

    def debug_log(self) -> str:
        """PHP's notices, warnings and errors so far, without deprecations.

        Debian's WordPress is older than its PHP, so its own deprecations would drown the rest.
        """
        log = self._home / "debug.log"
        lines = log.read_text(errors="replace").splitlines() if log.exists() else []
        return "\n".join(line for line in lines if "PHP Deprecated:" not in line)

    def run_php(self, code: str) -> str:
        """What `code` prints, run inside WordPress as its administrator. Raises `PartFailed`."""
        prelude = f"require '{self.directory}/wp-load.php'; wp_set_current_user(1);"
        return self._php("-r", f"{prelude} {code}")

    def install_plugin(self, folder: Path) -> None:
        """Copy a plugin's folder, whose main file has the folder's name, and activate it."""
        shutil.copytree(folder, self.directory / "wp-content" / "plugins" / folder.name, dirs_exist_ok=True)
        name = f"{folder.name}/{folder.name}.php"
        failure = self.run_php(
            "require_once ABSPATH . 'wp-admin/includes/plugin.php';"
            f"$failed = activate_plugin('{name}');"
            "echo is_wp_error($failed) ? $failed->get_error_message() : '';"
        )
        if failure:
            raise PartFailed(f"the plugin {name} does not start: {failure}")

    @property
    def _home(self) -> Path:
        if self._directory is None:
            raise PartFailed("WordPress is not started")
        return self._directory

    def _start_database(self) -> None:
        data, socket = self._home / "data", self._home / "mariadb.sock"
        user = ["--user=root"] if os.geteuid() == 0 else []
        common = ["--no-defaults", f"--datadir={data}", *user, "--innodb-log-file-size=8M"]
        _run(
            ["mariadb-install-db", *common, "--auth-root-authentication-method=normal", "--skip-test-db"],
            self._home,
        )
        settings = ["--skip-networking", f"--socket={socket}", f"--pid-file={self._home}/mariadb.pid"]
        # The data need not outlive a crash of the machine, and a small buffer is enough for one site.
        settings += ["--innodb-flush-log-at-trx-commit=0", "--innodb-buffer-pool-size=32M"]
        command = [shutil.which("mariadbd") or "/usr/sbin/mariadbd", *common, *settings]
        self._database = Process(command, self._home / "mariadb.log")
        self._database.wait_until(socket.exists, START_DEADLINE)
        create = "CREATE DATABASE wordpress CHARACTER SET utf8mb4"
        _run(["mariadb", "--no-defaults", f"--socket={socket}", "--user=root", "-e", create], self._home)

    def _copy_files(self) -> None:
        # PHP's server would resolve Debian's links out of the document root, so they are followed here.
        shutil.copytree(SOURCE, self.directory, ignore_dangling_symlinks=True)
        shutil.copy(FILES / "wp-config.php", self.directory / "wp-config.php")
        theme = self.directory / "wp-content" / "themes" / "plain"
        theme.mkdir(parents=True)
        (theme / "style.css").write_text("/* Theme Name: Plain */\n")
        (theme / "functions.php").write_text("<?php add_theme_support( 'post-thumbnails' );\n")
        shutil.copy(FILES / "theme.php", theme / "index.php")
        (self._home / "url").write_text(self.url)

    def _start_server(self) -> None:
        limits = [f"upload_max_filesize={UPLOAD_LIMIT}", f"post_max_size={UPLOAD_LIMIT}", "memory_limit=256M"]
        options = [part for limit in limits for part in ("-d", limit)]
        router = str(FILES / "router.php")
        self._server = Process(
            ["php", *options, "-S", f"127.0.0.1:{self._port}", "-t", str(self.directory), router],
            self._home / "php.log",
            environment={"PHP_CLI_SERVER_WORKERS": "4"},
        )
        self._server.wait_until(lambda: answers(self._port), START_DEADLINE)

    def _php(self, *arguments: str) -> str:
        return _run(["php", *arguments], self._home).strip()


def _run(command: list[str], directory: Path) -> str:
    done = subprocess.run(command, cwd=directory, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    if done.returncode != 0:
        raise PartFailed(f"{command[0]} ended with status {done.returncode}:\n{done.stdout}{done.stderr}")
    return done.stdout
