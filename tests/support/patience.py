"""A client as it should be: what did not get through is asked again, a POST under the same Idempotency-Key."""

from collections.abc import Callable
from typing import Any
from uuid import uuid4

import httpx
from igny8_local.demo.client import Client, Json

from tests.parts.ports import wait_for

NOT_NOW = (502, 503, 504)


class PatientClient(Client):
    patience = 90.0
    """Seconds after which it gives up."""

    def post(self, path: str, body: Json) -> Json:
        key = str(uuid4())
        return self._patiently(lambda: self._http.post(path, json=body, headers={"Idempotency-Key": key}))

    def get(self, path: str, **query: Any) -> Json:
        return self._patiently(lambda: self._http.get(path, params=query))

    def _patiently(self, send: Callable[[], httpx.Response]) -> Json:
        answered: list[httpx.Response] = []

        def through() -> bool:
            try:
                answer = send()
            except httpx.TransportError:
                return False
            if answer.status_code in NOT_NOW or "REQUEST_IN_PROGRESS" in answer.text:
                return False
            answered.append(answer)
            return True

        wait_for(through, self.patience, what="a request gets through")
        return self._answer(answered[0])
