"""The product's source as syntax trees."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path

from common.contracts.base import SERVICES

REPOSITORY = Path(__file__).resolve().parents[2]
COMMON = REPOSITORY / "libs/common/common"
LOCAL = REPOSITORY / "deploy/local/igny8_local"
PACKAGES = {service: REPOSITORY / "services" / service / service for service in SERVICES}


@dataclass(frozen=True)
class Source:
    """One file; `name` is its path in the repository."""

    path: Path
    name: str
    tree: ast.Module

    @cached_property
    def nodes(self) -> tuple[ast.AST, ...]:
        """The tree walked through, once for all checks."""
        return tuple(ast.walk(self.tree))

    @cached_property
    def calls(self) -> tuple[ast.Call, ...]:
        """Every call, also that of a decorator."""
        return tuple(node for node in self.nodes if isinstance(node, ast.Call))


@cache
def sources(folder: Path) -> tuple[Source, ...]:
    """Every Python file below a folder, in order."""
    found = sorted(path for path in folder.rglob("*.py") if "__pycache__" not in path.parts)
    return tuple(parse(path.read_text(), path) for path in found)


def parse(text: str, path: Path) -> Source:
    return Source(path, str(path.relative_to(REPOSITORY)), ast.parse(text))


def called(tree: ast.AST) -> Iterator[ast.Call]:
    """Every call, also that of a decorator."""
    return (node for node in ast.walk(tree) if isinstance(node, ast.Call))


def name_of(node: ast.expr) -> str:
    """`a.b.c` of a name or attribute, else an empty text."""
    if isinstance(node, ast.Attribute):
        owner = name_of(node.value)
        return f"{owner}.{node.attr}" if owner else node.attr
    return node.id if isinstance(node, ast.Name) else ""
