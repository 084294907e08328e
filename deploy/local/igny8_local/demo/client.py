"""The gateway's REST API, as the demo uses it: what any client could do."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx

from igny8_local.errors import StackError

Json = dict[str, Any]


class Refused(StackError):
    """The API answered with an error; the text is the API's own."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class Client:
    """One tenant's client; `token` is set by `register`."""

    def __init__(self, url: str) -> None:
        self._http = httpx.Client(base_url=f"{url}/api/v1/", timeout=30, trust_env=False)

    def close(self) -> None:
        self._http.close()

    def register(self, **body: str) -> Json:
        account = self.post("auth/register/", body)
        self._http.headers["Authorization"] = f"Bearer {account['access']}"
        return account

    def get(self, path: str, **query: Any) -> Json:
        return self._answer(self._http.get(path, params=query))

    def post(self, path: str, body: Json) -> Json:
        return self._answer(self._http.post(path, json=body))

    def upload(self, path: str, file: Path, **fields: str) -> Json:
        with file.open("rb") as opened:
            return self._answer(self._http.post(path, data=fields, files={"file": (file.name, opened)}))

    def count(self, path: str, **query: Any) -> int:
        return int(self.get(path, page_size=1, **query)["count"])

    def every(self, path: str, **query: Any) -> Iterator[Json]:
        """All results of a list, page by page."""
        page = 1
        while True:
            listed = self.get(path, page=page, page_size=100, **query)
            yield from listed["results"]
            if listed["next"] is None:
                return
            page += 1

    def _answer(self, response: httpx.Response) -> Json:
        try:
            body: Json = response.json()
        except ValueError:
            raise StackError(f"{response.request.url} answered {response.status_code} without JSON") from None
        if not body.get("success"):
            raise Refused(str(body.get("error_code")), str(body.get("error")))
        data: Json = body["data"]
        return data


def until(condition: Callable[[], Any], seconds: float, what: str) -> Any:
    """The first true value of `condition`; raises StackError after `seconds`."""
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise StackError(f"Waited {seconds:.0f} s for {what}; see ./igny8 doctor and the services' logs.")
        time.sleep(0.2)
