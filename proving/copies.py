"""Copies of the checkout in which code may be broken: each with an interpreter that reaches no other code of ours."""

import compileall
import shutil
import subprocess
import sysconfig
import tomllib
import venv
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from py_compile import PycInvalidationMode

REPOSITORY = Path(__file__).resolve().parents[1]


class NotIsolated(Exception):
    """The interpreter of a copy would run code from elsewhere."""


class OutdatedText(Exception):
    """The text to replace does not occur exactly once any more."""


@dataclass(frozen=True, slots=True)
class Copy:
    """The checkout's files at `root`, and the `python` that runs them."""

    root: Path

    @property
    def python(self) -> Path:
        return self.root / ".venv" / "bin" / "python"

    @classmethod
    def make(cls, root: Path, source: Path = REPOSITORY) -> "Copy":
        """Copy everything but hidden files and what Python compiled. Raises `NotIsolated`."""
        shutil.copytree(source, root, ignore=shutil.ignore_patterns(".*", "__pycache__"))
        # By their hash: two versions of a file within one second would look the same by their time.
        compileall.compile_dir(root, quiet=2, invalidation_mode=PycInvalidationMode.CHECKED_HASH)
        return cls._equipped(root)

    def again(self, root: Path) -> "Copy":
        """One more, without compiling anew."""
        shutil.copytree(self.root, root, ignore=shutil.ignore_patterns(".*"))
        return self._equipped(root)

    @contextmanager
    def replaced(self, file: str, old: str, new: str) -> Iterator[None]:
        """Have `new` in place of the only `old` in a file. Raises `OutdatedText`."""
        path = self.root / file
        text = path.read_text()
        if (found := text.count(old)) != 1:
            raise OutdatedText(f"{file} holds {found} times, not once: {old!r}")
        path.write_text(text.replace(old, new))
        try:
            yield
        finally:
            path.write_text(text)

    @classmethod
    def _equipped(cls, root: Path) -> "Copy":
        copy = cls(root)
        copy._make_interpreter()
        copy._check()
        return copy

    def _make_interpreter(self) -> None:
        # The libraries come in as a plain folder: the .pth files in it, which lead to the checkout, are not read then.
        # Whoever starts a process with sys.executable stays in the copy, whatever environment the process gets.
        venv.create(self.root / ".venv", symlinks=True, with_pip=False)
        (site,) = (self.root / ".venv" / "lib").glob("python*/site-packages")
        libraries = dict.fromkeys((sysconfig.get_path("purelib"), sysconfig.get_path("platlib")))
        paths = [*map(str, self._package_folders()), *libraries]
        (site / "copy.pth").write_text("\n".join(paths) + "\n")

    def _package_folders(self) -> list[Path]:
        project = tomllib.loads((self.root / "pyproject.toml").read_text())
        members = project["tool"]["uv"]["workspace"]["members"]
        return sorted(folder for pattern in members for folder in self.root.glob(pattern))

    def _check(self) -> None:
        folders = self._package_folders()
        packages = [path.parent.name for folder in folders for path in folder.glob("*/__init__.py")]
        ask = "import importlib.util as u, sys\nfor n in sys.argv[1:]: print((s := u.find_spec(n)) and s.origin)"
        command = [str(self.python), "-c", ask, *packages]
        answer = subprocess.run(command, cwd="/", env={}, stdout=subprocess.PIPE, text=True, check=True)
        origins = answer.stdout.splitlines()
        elsewhere = [origin for origin in origins if not Path(origin).is_relative_to(self.root)]
        if elsewhere or len(origins) < len(folders):
            raise NotIsolated(f"{self.python} would run {', '.join(elsewhere) or 'too few of our packages'}")
