"""What the real parts need on this machine: `python -m tests.parts.install` installs all of it."""

import os
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Literal, get_args

What = Literal["kafka", "wordpress", "browser", "redis", "clock"]

PACKAGES: dict[What, list[str]] = {
    "kafka": ["default-jre-headless", "maven"],
    "wordpress": [
        "wordpress",
        "mariadb-server",
        "php-cli",
        "php-mysql",
        "php-curl",
        "php-xml",
        "php-mbstring",
        "php-gd",
    ],
    "browser": ["chromium", "chromium-driver"],
    "redis": ["redis-server"],
    "clock": ["faketime"],
}
# What shows that a part is there, however it came: by apt or by hand.
SIGNS: dict[What, list[str]] = {
    "kafka": ["java", "mvn"],
    "wordpress": [
        "php",
        "mariadbd",
        "mariadb-install-db",
        "mariadb",
        "/usr/share/wordpress/wp-load.php",
    ],
    "browser": ["chromium", "chromedriver"],
    "redis": ["redis-server"],
    "clock": ["faketime"],
}
# Several test runs may install at once: apt then waits for the other's lock instead of failing.
APT = ["apt-get", "-q", "-y", "-o", "DPkg::Lock::Timeout=300"]


def missing(what: What) -> list[str]:
    """Programs and files of a part that are not on this machine."""
    # Debian keeps daemons in sbin, which is on root's path only.
    path = f"{os.environ.get('PATH', '')}:/usr/sbin"
    return [sign for sign in SIGNS[what] if not (Path(sign).is_file() or shutil.which(sign, path=path))]


def ensure(what: What) -> str | None:
    """Install what a part needs; None when it is there, else the reason why it is not.

    Installs Debian packages when run as root, and fetches Kafka's jars with Maven.
    """
    if missing(what):
        if (reason := _apt_install(what)) is not None:
            return f"{what} needs {', '.join(missing(what))}: {reason}"
        if absent := missing(what):
            return f"{what} needs {', '.join(absent)}, which its packages did not bring"
    if what == "kafka":
        from tests.parts.kafka import install as install_kafka
        from tests.parts.process import PartFailed

        try:
            install_kafka()
        except PartFailed as failed:
            return str(failed)
    return None


def _apt_install(what: What) -> str | None:
    packages = PACKAGES[what]
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        return f"install them with apt-get install {' '.join(packages)} (not root, or no apt here)"
    _apt_update()
    done = _apt("install", "--no-install-recommends", *packages)
    return None if done.returncode == 0 else f"apt-get failed: {(done.stderr or done.stdout).strip()[-500:]}"


@cache
def _apt_update() -> None:
    _apt("update")  # an old list may still do: the install after it tells


def _apt(*arguments: str) -> subprocess.CompletedProcess[str]:
    # A service that a package starts on its own would hold the memory and ports the tests need.
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive", "RUNLEVEL": "1"}
    return subprocess.run(
        [*APT, *arguments], env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True
    )


def main(arguments: list[str]) -> int:
    known: tuple[What, ...] = get_args(What)
    wanted = [what for what in known if what in arguments] if arguments else list(known)
    reasons = {what: ensure(what) for what in wanted}
    for what, reason in reasons.items():
        print(f"{what}: {reason or 'ready'}")
    return 1 if any(reasons.values()) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
