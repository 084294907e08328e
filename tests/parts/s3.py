"""A server that speaks S3's protocol, with one bucket."""

import shutil
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

import httpx
import obstore
from obstore.store import S3Store

from tests.parts.ports import answers, free_port
from tests.parts.process import Process

BUCKET = "igny8"
START_DEADLINE = 60.0


class S3Server:
    """Use as a context manager; its objects live in its memory and end with it."""

    def __init__(self) -> None:
        self._directory = Path(tempfile.mkdtemp(prefix="igny8-s3-"))
        self._port = free_port()
        self._process: Process | None = None

    def __enter__(self) -> Self:
        command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(self._port)]
        self._process = Process(command, self._directory / "s3.log")
        self._process.wait_until(lambda: answers(self._port), START_DEADLINE)
        httpx.put(f"{self.url}/{BUCKET}").raise_for_status()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process is not None:
            self._process.stop()
        shutil.rmtree(self._directory, ignore_errors=True)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    @property
    def environment(self) -> Mapping[str, str]:
        """What the product is told to keep its objects here."""
        return {
            "IGNY8_OBJECTS": f"s3://{BUCKET}",
            "AWS_ENDPOINT_URL": self.url,
            "AWS_ALLOW_HTTP": "true",
            "AWS_REGION": "us-east-1",
            "AWS_ACCESS_KEY_ID": "igny8",
            "AWS_SECRET_ACCESS_KEY": "secret",
        }

    def names(self) -> list[str]:
        """The names of all objects."""
        return [item["path"] for chunk in obstore.list(self._store()) for item in chunk]

    def overwrite(self, name: str, data: bytes) -> None:
        """Put other bytes behind a name."""
        obstore.put(self._store(), name, data)

    def _store(self) -> S3Store:
        return S3Store(
            BUCKET,
            endpoint=self.url,
            access_key_id="igny8",
            secret_access_key="secret",
            region="us-east-1",
            client_options={"allow_http": True},
        )
