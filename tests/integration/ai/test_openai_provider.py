"""The OpenAI-compatible provider against a server that fails in every way it is told to."""

import asyncio
import base64
import json
import socket
import time
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any

import msgspec
import pytest
from aiohttp import web
from common.ai.functions import (
    AUTO_CLUSTER,
    GENERATE_IMAGES,
    ClusterInput,
    ClusterOutput,
    ImageInput,
    RenderedImage,
)
from common.ai.local.images import render
from common.ai.providers import ProviderError
from common.ai.providers.openai import Limits, OpenAIProvider

KEY = "sk-very-secret"
ASKED = ClusterInput(keywords=["a", "b"])
GOOD = {"clusters": [{"name": "A", "description": "", "keywords": ["a", "b"]}], "unclustered": []}
Reply = Callable[[web.Request], web.Response]


class Server:
    """Gives the scripted replies in turn; the last one for ever."""

    def __init__(self) -> None:
        self.replies: list[Reply] = []
        self.requests: list[tuple[str, Mapping[str, str], Any]] = []
        self.hang = asyncio.Event()
        self.url = ""

    async def handle(self, request: web.Request) -> web.Response:
        body = await request.json() if request.can_read_body else None
        self.requests.append((request.path, request.headers.copy(), body))
        reply = self.replies.pop(0) if len(self.replies) > 1 else self.replies[0]
        answer = reply(request)
        if answer.status == 599:
            await self.hang.wait()
        return answer


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    server = Server()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", server.handle)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    server.url = f"http://127.0.0.1:{runner.addresses[0][1]}/v1"
    yield server
    server.hang.set()
    await runner.cleanup()


@pytest.fixture
async def provider(server: Server) -> AsyncIterator[OpenAIProvider]:
    limits = Limits(timeout=5, attempts=3, first_wait=0.01, longest_wait=1.5)
    provider = OpenAIProvider(base_url=server.url, api_key=KEY, model="gpt-4o-mini", limits=limits)
    yield provider
    await provider.close()


def says(content: Any, finish: str = "stop", **message: Any) -> Reply:
    text = content if isinstance(content, str | None) else json.dumps(content)
    body = {
        "id": "1", "object": "chat.completion", "created": 1, "model": "gpt-4o-mini",
        "choices": [{"index": 0, "finish_reason": finish, "message": {"role": "assistant", "content": text} | message}],
        "usage": {"prompt_tokens": 1000, "completion_tokens": 100, "total_tokens": 1100},
    }  # fmt: skip
    return lambda _: web.json_response(body)


def fails(status: int, code: str = "", **headers: str) -> Reply:
    error = {"error": {"message": f"key {KEY} is wrong", "code": code or None, "type": "x"}}
    return lambda _: web.json_response(error, status=status, headers=headers)


def page(_: web.Request) -> web.Response:
    return web.Response(text="<html><body>Welcome</body></html>", content_type="text/html")


async def ask(provider: OpenAIProvider) -> tuple[Any, Any]:
    return await provider.run(AUTO_CLUSTER, ASKED, key="op:1:abc")


async def refusal(provider: OpenAIProvider) -> ProviderError:
    with pytest.raises(ProviderError) as caught:
        await ask(provider)
    assert KEY not in str(caught.value)
    return caught.value


async def test_asks_with_a_strict_schema_and_the_input_as_json(
    server: Server, provider: OpenAIProvider
) -> None:
    server.replies = [says(GOOD)]
    output, usage = await ask(provider)
    assert output == msgspec.convert(GOOD, ClusterOutput)
    assert (usage.calls, usage.input_tokens, usage.output_tokens, usage.cost_micro_usd) == (1, 1000, 100, 210)
    path, headers, body = server.requests[0]
    assert path == "/v1/chat/completions"
    assert headers["Idempotency-Key"] == "op:1:abc"
    assert headers["Authorization"] == f"Bearer {KEY}"
    assert body["response_format"]["json_schema"]["strict"] is True
    assert body["response_format"]["json_schema"]["name"] == "auto_cluster"
    assert json.loads(body["messages"][-1]["content"]) == {"keywords": ["a", "b"]}


async def test_repairs_by_telling_what_is_wrong(server: Server, provider: OpenAIProvider) -> None:
    incomplete = {"clusters": [], "unclustered": ["a"]}
    server.replies = [says(json.dumps(GOOD)[:20], "length"), says(incomplete), says(GOOD)]
    output, usage = await ask(provider)
    assert output == msgspec.convert(GOOD, ClusterOutput)
    assert (usage.calls, usage.input_tokens) == (3, 3000)
    assert "'b' is missing" in server.requests[2][2]["messages"][-1]["content"]
    assert len({headers["Idempotency-Key"] for _, headers, _ in server.requests}) == 3


@pytest.mark.parametrize(
    "reply",
    [says("not JSON"), says({"wrong": 1}), says(None), says(None, refusal="I cannot"), says("{", "length")],
)
async def test_gives_up_after_two_repairs(server: Server, provider: OpenAIProvider, reply: Reply) -> None:
    server.replies = [reply]
    error = await refusal(provider)
    assert error.code == "AI_ANSWER_INVALID"
    assert error.usage is not None
    assert (len(server.requests), error.usage.input_tokens) == (3, 3000)


async def test_waits_as_long_as_it_is_told(server: Server, provider: OpenAIProvider) -> None:
    server.replies = [fails(429, **{"Retry-After": "0.4"}), says(GOOD)]
    start = time.monotonic()
    _, usage = await ask(provider)
    assert 0.4 <= time.monotonic() - start < 5
    assert usage.calls == 2
    assert len({headers["Idempotency-Key"] for _, headers, _ in server.requests}) == 1


async def test_hands_a_long_wait_back(server: Server, provider: OpenAIProvider) -> None:
    server.replies = [fails(429, **{"Retry-After": "300"})]
    error = await refusal(provider)
    assert (error.code, error.retryable, error.retry_after) == ("AI_PROVIDER_OVERLOADED", True, 300.0)
    assert len(server.requests) == 1


@pytest.mark.parametrize("status", [500, 502, 503, 429])
async def test_repeats_a_bounded_number_of_times(
    server: Server, provider: OpenAIProvider, status: int
) -> None:
    server.replies = [fails(status)]
    error = await refusal(provider)
    assert (error.code, error.retryable, len(server.requests)) == ("AI_PROVIDER_OVERLOADED", True, 3)
    server.replies = [fails(status), says(GOOD)]
    assert (await ask(provider))[0] == msgspec.convert(GOOD, ClusterOutput)


@pytest.mark.parametrize(
    ("status", "code"), [(401, ""), (403, ""), (404, ""), (400, "bad"), (429, "insufficient_quota")]
)
async def test_does_not_repeat_what_was_rejected(
    server: Server, provider: OpenAIProvider, status: int, code: str
) -> None:
    server.replies = [fails(status, code)]
    error = await refusal(provider)
    assert (error.code, error.retryable, len(server.requests)) == ("AI_PROVIDER_REJECTED", False, 1)
    assert str(status) in error.message


@pytest.mark.parametrize(
    "reply",
    [
        page,
        lambda _: web.Response(text="{", content_type="application/json"),
        lambda _: web.json_response({"hello": "world"}),
        lambda _: web.json_response([1, 2]),
        lambda _: web.json_response({"choices": "none"}),
        lambda _: web.Response(text="", content_type="application/json"),
    ],
)
async def test_names_an_endpoint_that_is_no_such_api(
    server: Server, provider: OpenAIProvider, reply: Reply
) -> None:
    server.replies = [reply]
    for call in (ask(provider), provider.check()):
        with pytest.raises(ProviderError) as caught:
            await call
        assert caught.value.code == "AI_ANSWER_INVALID"
        assert "OpenAI-compatible" in caught.value.message
        assert server.url in caught.value.message


async def test_gives_up_on_a_server_that_hangs(server: Server) -> None:
    limits = Limits(timeout=1.0, attempts=2, first_wait=0.01)
    provider = OpenAIProvider(base_url=server.url, api_key=KEY, model="m", limits=limits)
    server.replies = [lambda _: web.Response(status=599)]
    error = await refusal(provider)
    assert (error.code, error.retryable, len(server.requests)) == ("AI_TIMEOUT", True, 2)
    await provider.close()


async def test_says_that_nobody_is_there() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}/v1"
        provider = OpenAIProvider(
            base_url=url, api_key="", model="m", limits=Limits(attempts=2, first_wait=0.01)
        )
        error = await refusal(provider)
        assert error.code == "AI_PROVIDER_UNREACHABLE"
        assert url in error.message
        await provider.close()


async def test_check_asks_for_models_or_one_token(server: Server, provider: OpenAIProvider) -> None:
    server.replies = [lambda _: web.json_response({"object": "list", "data": []})]
    await provider.check()
    server.replies = [fails(404), says("o")]
    await provider.check()
    assert [path for path, _, _ in server.requests] == ["/v1/models", "/v1/models", "/v1/chat/completions"]
    server.replies = [fails(401)]
    with pytest.raises(ProviderError, match="key was refused"):
        await provider.check()


async def test_makes_pictures(server: Server, provider: OpenAIProvider) -> None:
    asked = ImageInput(prompt="a house", title="Houses", image_type="featured")
    picture = render(asked)
    encoded = base64.b64encode(picture.data).decode()
    server.replies = [lambda _: web.json_response({"created": 1, "data": [{"b64_json": encoded}]})]
    output, usage = await provider.run(GENERATE_IMAGES, asked, key="op:1:abc")
    assert output == RenderedImage(
        data=picture.data, media_type="image/jpeg", width=1200, height=630, priced_as="gpt-image-1"
    )
    assert (usage.model, usage.cost_micro_usd) == ("gpt-image-1", 42_000)
    assert server.requests[0][0] == "/v1/images/generations"
    server.replies = [lambda _: web.json_response({"created": 1, "data": [{"b64_json": "bm8="}]})]
    with pytest.raises(ProviderError, match="cannot be read"):
        await provider.run(GENERATE_IMAGES, asked, key="op:1:abc")
