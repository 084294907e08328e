"""`uvicorn benchmarks.proxy_peer:application`: a gateway as one writes it with Starlette and httpx in an afternoon.

It checks the caller's token (EdDSA, with the keys in the file BENCH_KEYS) and hands request and answer on as streams. No
audit entry, no rate limit, no permissions, no standing of the account, no identity signed for the service: the client sends
that along. The service's URL is in BENCH_SERVICE.
"""

import json
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet
from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

HOP_BY_HOP = {"connection", "keep-alive", "transfer-encoding", "te", "trailer", "upgrade", "host"}

_keys = KeySet.import_key_set(json.loads(Path(os.environ["BENCH_KEYS"]).read_text()))
_client = httpx.AsyncClient(base_url=os.environ["BENCH_SERVICE"], timeout=30)


async def _forward(request: Request) -> Response:
    token = request.headers.get("authorization", "").removeprefix("Bearer ")
    try:
        jwt.JWTClaimsRegistry().validate(jwt.decode(token, _keys, algorithms=["EdDSA"]).claims)
    except (JoseError, ValueError):
        return JSONResponse({"error": "UNAUTHENTICATED"}, status_code=401)
    headers = [(name, value) for name, value in request.headers.items() if name not in HOP_BY_HOP]
    url = httpx.URL(path=request.url.path, query=request.url.query.encode())
    asked = _client.build_request(request.method, url, headers=headers, content=request.stream())
    answer = await _client.send(asked, stream=True)
    kept = {name: value for name, value in answer.headers.items() if name not in HOP_BY_HOP}
    return StreamingResponse(
        answer.aiter_raw(), answer.status_code, kept, background=BackgroundTask(answer.aclose)
    )


@asynccontextmanager
async def _lifespan(_: Starlette) -> AsyncIterator[None]:
    async with _client:
        yield


application = Starlette(
    routes=[Route("/{path:path}", _forward, methods=["GET", "POST", "PATCH", "PUT", "DELETE"])],
    lifespan=_lifespan,
)
