"""The fake provider's HTTP: OpenAI's and Runware's requests, and the tests' controls."""

import asyncio
import base64
import hashlib
import json
import struct
import time
import uuid
from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web
from jsonschema import ValidationError

from tests.parts.fake_ai import Call, Fault
from tests.parts.fake_ai.answers import draft_for, picture, vector
from tests.parts.fake_ai.schema import conforming

Json = Any
Answer = Callable[[web.Request, dict[str, Json], Fault | None], Awaitable[web.StreamResponse]]

MODELS = ("gpt-4o-mini", "gpt-4o", "text-embedding-3-small", "gpt-image-1", "dall-e-3")
KEPT_PROMPT = 4_000
"""Characters of each call's prompt: the instructions and the beginning of the input."""
CONTROLS = ("/_control", "/_calls", "/_reset")
STATUS_FAULTS = {
    "429": ("Rate limit reached for requests", "rate_limit_exceeded"),
    "500": ("The server had an error while processing your request", "server_error"),
    "503": ("The engine is currently overloaded, please try again later", "service_unavailable"),
}


class Provider:
    """The calls received, the faults pending and the pictures made by address."""

    def __init__(self, key: str) -> None:
        self.key = key
        self.calls: list[Call] = []
        self.faults: list[Fault] = []
        self.pictures: dict[str, bytes] = {}
        self.released = asyncio.Event()

    def take_fault(self, path: str, body: str) -> Fault | None:
        """The first pending fault for this call, used up once more."""
        for fault in self.faults:
            if (fault.path or path) == path and (fault.contains or "") in body and fault.times != 0:
                fault.times = None if fault.times is None else fault.times - 1
                return fault
        return None

    def reset(self) -> None:
        self.calls.clear()
        self.faults.clear()
        self.released.set()
        self.released = asyncio.Event()


PROVIDER = web.AppKey("provider", Provider)


def application(key: str) -> web.Application:
    """The fake provider as an aiohttp application that wants this bearer key."""
    app = web.Application(middlewares=[_observe], client_max_size=50 * 1024 * 1024)
    app[PROVIDER] = Provider(key)
    app.router.add_post("/v1/chat/completions", _handler(_chat))
    app.router.add_post("/v1/embeddings", _handler(_embeddings))
    app.router.add_post("/v1/images/generations", _handler(_images))
    app.router.add_get("/v1/models", _models)
    app.router.add_post("/runware/v1", _runware)
    app.router.add_get("/_images/{name}", _image_file)
    app.router.add_post("/_control", _control)
    app.router.add_get("/_calls", _calls)
    app.router.add_post("/_reset", _reset)
    return app


@web.middleware
async def _observe(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    """Record the call, check its key, and fail it where a fault says so."""
    if request.path in CONTROLS or request.path.startswith("/_images/"):
        return await handler(request)
    provider, text = request.app[PROVIDER], await request.text()
    call = _call(request, text)
    provider.calls.append(call)
    if request.headers.get("Authorization") != f"Bearer {provider.key}":
        return _answered(call, _error(401, "Incorrect API key provided", "invalid_api_key"))
    fault = provider.take_fault(request.path, text)
    call.fault = fault.kind if fault else None
    request["fault"] = fault
    if fault and fault.kind in STATUS_FAULTS:
        message, code = STATUS_FAULTS[fault.kind]
        response = _error(int(fault.kind), message, code)
        if fault.retry_after is not None:
            response.headers["Retry-After"] = f"{fault.retry_after:g}"
        return _answered(call, response)
    if fault and fault.kind == "hang":
        await provider.released.wait()
        return _error(503, "Released by a reset", "service_unavailable")
    if fault and fault.kind == "slow":
        await asyncio.sleep(fault.seconds)
    if fault and fault.kind == "garbage":
        page = "<html><body><h1>502 Bad Gateway</h1></body></html>"
        return _answered(call, web.Response(text=page, content_type="text/html"))
    return _answered(call, await handler(request))


def _call(request: web.Request, text: str) -> Call:
    try:
        body = json.loads(text) if text else {}
    except ValueError:
        body = {}
    tasks = body if isinstance(body, list) else [body]
    body = next((task for task in tasks if isinstance(task, dict)), {})
    prompt = body.get("messages") or body.get("input") or body.get("prompt") or body.get("positivePrompt")
    form = body.get("response_format")
    schema = form.get("json_schema") if isinstance(form, dict) else None
    return Call(
        path=request.path,
        model=body.get("model"),
        schema_name=schema.get("name") if schema else None,
        idempotency_key=request.headers.get("Idempotency-Key"),
        prompt_sha=hashlib.sha256(json.dumps(prompt, sort_keys=True).encode()).hexdigest(),
        prompt=json.dumps(prompt, ensure_ascii=False)[:KEPT_PROMPT],
        streamed=bool(body.get("stream")),
        fault=None,
        status=None,
        at=time.time(),
    )


def _answered(call: Call, response: web.StreamResponse) -> web.StreamResponse:
    call.status = response.status
    return response


def _error(status: int, message: str, code: str) -> web.Response:
    error = {"message": message, "type": code, "param": None, "code": code}
    return web.json_response({"error": error}, status=status)


def _handler(answer: Answer) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    async def handle(request: web.Request) -> web.StreamResponse:
        try:
            body = await request.json()
        except ValueError:
            return _error(400, "The body is not JSON", "invalid_request_error")
        if not isinstance(body, dict) or not body.get("model"):
            return _error(400, "You must provide a model parameter", "invalid_request_error")
        return await answer(request, body, request["fault"])

    return handle


async def _chat(request: web.Request, body: dict[str, Json], fault: Fault | None) -> web.StreamResponse:
    messages = body.get("messages")
    if not isinstance(messages, list) or not messages:
        return _error(400, "You must provide a messages parameter", "invalid_request_error")
    try:
        text = _text(body)
    except ValidationError as invalid:
        return _error(400, f"Invalid schema for response_format: {invalid.message}", "invalid_request_error")
    finish = "stop"
    match fault.kind if fault else None:
        case "truncated_json":
            text, finish = text[: len(text) // 2], "length"
        case "wrong_schema":
            text = json.dumps({"unexpected": [1, 2, 3]})
        case "empty" | "refusal":
            text = ""
    refusal = "I can't help with that." if fault and fault.kind == "refusal" else None
    asked = sum(len(str(message.get("content", ""))) for message in messages)
    # About four characters make a token in English, the rule of thumb of OpenAI's own documentation.
    usage = {"prompt_tokens": asked // 4 + 1, "completion_tokens": len(text) // 4 + 1}
    usage["total_tokens"] = sum(usage.values())
    head = {"id": f"chatcmpl-{uuid.uuid4().hex}", "created": int(time.time()), "model": body["model"]}
    cut = fault is not None and fault.kind == "cut_stream"
    if body.get("stream"):
        return await _stream(request, body, head, text, refusal, finish, usage, cut)
    message = {"role": "assistant", "content": text if refusal is None else None, "refusal": refusal}
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": finish}
    answer = {**head, "object": "chat.completion", "choices": [choice], "usage": usage}
    return await _cut(request, answer) if cut else web.json_response(answer)


def _text(body: dict[str, Json]) -> str:
    form = body.get("response_format") or {"type": "text"}
    said = str(next((m["content"] for m in reversed(body["messages"]) if m.get("role") == "user"), ""))
    try:
        given = json.loads(said)
    except ValueError:
        given = {}
    given = given if isinstance(given, dict) else {}
    match form["type"]:
        case "json_schema":
            schema = form["json_schema"]
            draft = draft_for(schema["name"], given)
            return json.dumps(conforming(schema["schema"], draft))
        case "json_object":
            return json.dumps({"answer": f"You said: {said[:200]}"})
        case _:
            return f"You said: {said[:200]}"


async def _stream(
    request: web.Request,
    body: dict[str, Json],
    head: dict[str, Json],
    text: str,
    refusal: str | None,
    finish: str,
    usage: dict[str, int],
    cut: bool,
) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
    response.enable_chunked_encoding()
    await response.prepare(request)

    async def send(delta: dict[str, Json], finish_reason: str | None = None) -> None:
        choice = {"index": 0, "delta": delta, "finish_reason": finish_reason}
        await _event(response, {**head, "object": "chat.completion.chunk", "choices": [choice]})

    await send({"role": "assistant", "content": ""})
    step = max(20, len(text) // 20)
    pieces = [text[start : start + step] for start in range(0, len(text), step)]
    for number, piece in enumerate(pieces):
        if cut and number >= len(pieces) // 2:
            return _hang_up(request, response)
        await send({"content": piece})
    if refusal:
        await send({"refusal": refusal})
    await send({}, finish)
    if (body.get("stream_options") or {}).get("include_usage"):
        await _event(response, {**head, "object": "chat.completion.chunk", "choices": [], "usage": usage})
    await response.write(b"data: [DONE]\n\n")
    await response.write_eof()
    return response


async def _event(response: web.StreamResponse, chunk: dict[str, Json]) -> None:
    await response.write(f"data: {json.dumps(chunk)}\n\n".encode())


async def _cut(request: web.Request, answer: dict[str, Json]) -> web.StreamResponse:
    """Half of an answer that said it would be whole."""
    data = json.dumps(answer).encode()
    response = web.StreamResponse(headers={"Content-Type": "application/json"})
    response.content_length = len(data)
    await response.prepare(request)
    await response.write(data[: len(data) // 2])
    return _hang_up(request, response)


def _hang_up(request: web.Request, response: web.StreamResponse) -> web.StreamResponse:
    if request.transport is not None:
        request.transport.close()
    return response


async def _embeddings(request: web.Request, body: dict[str, Json], fault: Fault | None) -> web.StreamResponse:
    texts = [body["input"]] if isinstance(body.get("input"), str) else body.get("input")
    if not isinstance(texts, list) or not all(isinstance(text, str) and text for text in texts):
        return _error(400, "'input' is a text or a list of texts, none empty", "invalid_request_error")
    dimensions = int(body.get("dimensions") or 256)
    data = []
    for index, text in enumerate(texts):
        values: list[float] | str = vector(text, dimensions)
        if body.get("encoding_format") == "base64":
            values = base64.b64encode(struct.pack(f"<{dimensions}f", *values)).decode()
        data.append({"object": "embedding", "index": index, "embedding": values})
    if fault and fault.kind in ("empty", "wrong_schema"):
        data = []
    tokens = sum(len(text) for text in texts) // 4 + 1
    usage = {"prompt_tokens": tokens, "total_tokens": tokens}
    answer = {"object": "list", "data": data, "model": body["model"], "usage": usage}
    return await _whole_or_cut(request, answer, fault)


async def _images(request: web.Request, body: dict[str, Json], fault: Fault | None) -> web.StreamResponse:
    prompt, size = body.get("prompt"), body.get("size") or "1024x1024"
    if not isinstance(prompt, str) or not prompt:
        return _error(400, "You must provide a prompt", "invalid_request_error")
    width, height = (int(side) for side in ("1024x1024" if size == "auto" else size).split("x"))
    kind = str(body.get("output_format") or "png").upper()
    # OpenAI's newer image models answer in base64 only; the older ones give an address unless asked.
    as_url = body.get("response_format", "url") == "url" and str(body["model"]).startswith("dall-e")
    data = []
    for number in range(int(body.get("n") or 1)):
        image = await asyncio.to_thread(
            picture, f"{prompt}{f' #{number + 1}' * (number > 0)}", width, height, kind
        )
        value = _publish(request, image, kind) if as_url else base64.b64encode(image).decode()
        data.append({"url" if as_url else "b64_json": value, "revised_prompt": prompt})
    match fault.kind if fault else None:
        case "empty":
            data = []
        case "wrong_schema":
            data = [{"unexpected": "1"}]
    usage = {"input_tokens": len(prompt) // 4 + 1, "output_tokens": 1056 * len(data)}
    usage["total_tokens"] = sum(usage.values())
    answer = {"created": int(time.time()), "data": data, "usage": usage}
    return await _whole_or_cut(request, answer, fault)


async def _whole_or_cut(
    request: web.Request, answer: dict[str, Json], fault: Fault | None
) -> web.StreamResponse:
    if fault and fault.kind == "cut_stream":
        return await _cut(request, answer)
    if fault and fault.kind == "truncated_json":
        text = json.dumps(answer)
        return web.Response(text=text[: len(text) // 2], content_type="application/json")
    return web.json_response(answer)


async def _models(request: web.Request) -> web.StreamResponse:
    data = [{"id": name, "object": "model", "created": 1700000000, "owned_by": "fake"} for name in MODELS]
    return await _whole_or_cut(request, {"object": "list", "data": data}, request["fault"])


async def _runware(request: web.Request) -> web.StreamResponse:
    """Runware's task list: `imageInference` tasks answered in the output type they ask for."""
    tasks = await request.json()
    data: list[dict[str, Json]] = []
    errors: list[dict[str, Json]] = []
    for task in tasks if isinstance(tasks, list) else []:
        identity = {"taskType": task.get("taskType"), "taskUUID": task.get("taskUUID")}
        if task.get("taskType") in ("authentication", "ping"):
            data.append(identity)
        elif task.get("taskType") == "imageInference" and task.get("positivePrompt") and task.get("taskUUID"):
            data += [
                await _inference(request, task, identity, n) for n in range(task.get("numberResults", 1))
            ]
        else:
            message = "Supported are imageInference tasks with taskUUID, positivePrompt and model"
            errors.append({**identity, "code": "invalidParameter", "message": message})
    if errors or not data:
        return web.json_response({"data": data, "errors": errors}, status=400)
    fault = request["fault"]
    if fault and fault.kind in ("empty", "wrong_schema"):
        data = []
    return await _whole_or_cut(request, {"data": data}, fault)


async def _inference(
    request: web.Request, task: dict[str, Json], identity: dict[str, Json], number: int
) -> dict[str, Json]:
    kind = str(task.get("outputFormat") or "JPG").upper().replace("JPG", "JPEG")
    prompt = f"{task['positivePrompt']}{f' #{number + 1}' * (number > 0)}"
    width, height = int(task.get("width", 512)), int(task.get("height", 512))
    image = await asyncio.to_thread(picture, prompt, width, height, kind)
    encoded = base64.b64encode(image).decode()
    output: dict[str, Json] = {
        "base64Data": {"imageBase64Data": encoded},
        "dataURI": {"imageDataURI": f"data:image/{kind.lower()};base64,{encoded}"},
    }.get(task.get("outputType", "URL")) or {"imageURL": _publish(request, image, kind)}
    return {**identity, "imageUUID": str(uuid.uuid4()), "cost": 0.0013, **output}


def _publish(request: web.Request, image: bytes, kind: str) -> str:
    name = f"{hashlib.sha256(image).hexdigest()}.{kind.lower()}"
    request.app[PROVIDER].pictures[name] = image
    return f"{request.scheme}://{request.host}/_images/{name}"


async def _image_file(request: web.Request) -> web.StreamResponse:
    name = request.match_info["name"]
    image = request.app[PROVIDER].pictures.get(name)
    if image is None:
        raise web.HTTPNotFound
    return web.Response(body=image, content_type=f"image/{name.rpartition('.')[2]}")


async def _control(request: web.Request) -> web.StreamResponse:
    faults = [Fault.model_validate(fault) for fault in (await request.json())["faults"]]
    request.app[PROVIDER].faults.extend(faults)
    return web.json_response({"pending": len(request.app[PROVIDER].faults)})


async def _calls(request: web.Request) -> web.StreamResponse:
    return web.json_response([call.model_dump() for call in request.app[PROVIDER].calls])


async def _reset(request: web.Request) -> web.StreamResponse:
    request.app[PROVIDER].reset()
    return web.Response(status=204)
