"""The parts other tests rely on really do what those tests believe."""

import asyncio
import base64
import io
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import jsonschema
import msgspec
import openai
import psutil
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from common.ai import functions
from common.ai.text import count_words, plain_text, sequences, shared_ratio
from PIL import Image

from tests.parts.fake_ai import FakeAI, Kind
from tests.parts.install import PACKAGES, SIGNS, ensure
from tests.parts.kafka import RealKafka
from tests.parts.ports import DeadlineMissed, answers, eventually, free_port, wait_for
from tests.parts.process import PartFailed, Process
from tests.parts.wordpress import RealWordPress

# aiokafka has no types.
Consumer: Any = AIOKafkaConsumer
Producer: Any = AIOKafkaProducer

CHAT = "/v1/chat/completions"


@pytest.fixture(scope="module")
def provider() -> Iterator[FakeAI]:
    with FakeAI() as part:
        yield part


@pytest.fixture
def ai(provider: FakeAI) -> FakeAI:
    provider.reset()
    return provider


@pytest.fixture
def client(ai: FakeAI) -> openai.OpenAI:
    return openai.OpenAI(base_url=ai.url, api_key=ai.key, max_retries=0, timeout=10)


def ask(client: openai.OpenAI, function: functions.AnyFunction, given: Any) -> Any:
    """The function's answer through the official client, decoded into its output type."""
    answer = create(client, messages=function.messages(given), response_format=response_format(function))
    return msgspec.json.decode(answer.choices[0].message.content or "", type=function.output_type)


def create(client: openai.OpenAI, **request: Any) -> Any:
    # The product sends plain dictionaries, which the client's overloads do not know.
    completions: Any = client.chat.completions
    return completions.create(model="gpt-4o-mini", **request)


def response_format(function: functions.AnyFunction) -> dict[str, Any]:
    schema = msgspec.json.schema(function.output_type)
    return {"type": "json_schema", "json_schema": {"name": function.name, "schema": schema}}


CLUSTERS = functions.ClusterInput(keywords=["loan rates", "loan rates today", "car lease", "car wash", "tea"])
IDEAS = functions.IdeasInput(cluster_name="Tea", description="", keywords=["tea", "green tea"], count=13)
CONTENT = functions.ContentInput(
    title="All about tea",
    description="",
    keywords=["green tea", "tea pots"],
    content_structure="guide",
    word_count=3000,
)
PROMPTS = functions.ImagePromptsInput(title="All about tea", headings=["Pots", "Leaves"], in_article=3)


class TestFakeAI:
    @pytest.mark.parametrize(
        ("function", "given"),
        [
            (functions.AUTO_CLUSTER, CLUSTERS),
            (functions.GENERATE_IDEAS, IDEAS),
            (functions.GENERATE_CONTENT, CONTENT),
            (functions.GENERATE_IMAGE_PROMPTS, PROMPTS),
        ],
    )
    def test_answers_a_function_so_that_it_passes_the_functions_own_check(
        self, client: openai.OpenAI, ai: FakeAI, function: functions.AnyFunction, given: Any
    ) -> None:
        assert function.check(given, ask(client, function, given)) == []
        assert [(call.schema_name, call.status) for call in ai.calls(CHAT)] == [(function.name, 200)]

    def test_groups_what_belongs_together_and_leaves_the_rest(self, client: openai.OpenAI) -> None:
        output = ask(client, functions.AUTO_CLUSTER, CLUSTERS)
        assert [cluster.keywords for cluster in output.clusters] == [
            ["loan rates", "loan rates today"],
            ["car lease", "car wash"],
        ]
        assert output.unclustered == ["tea"]

    def test_writes_the_asked_length_and_fresh_text_for_a_rewrite(self, client: openai.OpenAI) -> None:
        first = ask(client, functions.GENERATE_CONTENT, CONTENT).html
        again = ask(client, functions.GENERATE_CONTENT, msgspec.structs.replace(CONTENT, generation=2)).html
        assert 3000 <= count_words(first) <= 3100
        sentences = [line for line in plain_text(first).split(". ") if line]
        assert len(set(sentences)) == len(sentences)
        assert shared_ratio(sequences(first), sequences(again)) < 0.5

    def test_streams_the_same_answer_with_its_usage(self, client: openai.OpenAI) -> None:
        stream = create(
            client,
            messages=functions.AUTO_CLUSTER.messages(CLUSTERS),
            response_format=response_format(functions.AUTO_CLUSTER),
            stream=True,
            stream_options={"include_usage": True},
        )
        chunks = list(stream)
        text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
        assert len(chunks) > 5
        assert msgspec.json.decode(text, type=functions.ClusterOutput) == ask(
            client, functions.AUTO_CLUSTER, CLUSTERS
        )
        assert chunks[-1].usage is not None

    def test_conforms_to_a_schema_it_has_never_seen(self, client: openai.OpenAI) -> None:
        schema = {
            "type": "object",
            "properties": {
                "score": {"type": "integer", "minimum": 3, "maximum": 5},
                "level": {"enum": ["low", "high"]},
                "notes": {"type": "array", "minItems": 2, "items": {"anyOf": [{"type": "string"}]}},
                "link": {"type": ["string", "null"], "format": "uri", "minLength": 30},
            },
            "required": ["score", "level", "notes", "link"],
            "additionalProperties": False,
        }
        answer = client.chat.completions.create(
            model="gpt-4o",
            messages=[{"role": "user", "content": "hello"}],
            response_format={"type": "json_schema", "json_schema": {"name": "other", "schema": schema}},
        )
        jsonschema.validate(json.loads(answer.choices[0].message.content or ""), schema)

    def test_embeds_related_texts_near_each_other(self, client: openai.OpenAI) -> None:
        data = client.embeddings.create(
            model="text-embedding-3-small", input=["car loan rates", "loan rates for a car", "green tea"]
        ).data
        near, far = (
            sum(a * b for a, b in zip(data[0].embedding, data[n].embedding, strict=True)) for n in (1, 2)
        )
        assert near > 0.5 > far

    def test_paints_a_different_picture_for_each_prompt(self, client: openai.OpenAI) -> None:
        pictures = []
        for prompt in ("a boat", "a boat", "a house"):
            answer = client.images.generate(model="gpt-image-1", prompt=prompt, size="1536x1024")
            assert answer.data
            pictures.append(base64.b64decode(answer.data[0].b64_json or ""))
        assert pictures[0] == pictures[1] != pictures[2]
        with Image.open(io.BytesIO(pictures[0])) as image:
            assert (image.format, image.size) == ("PNG", (1536, 1024))

    def test_speaks_runware(self, ai: FakeAI) -> None:
        task = {
            "taskType": "imageInference",
            "taskUUID": "39d7207a-87ef-4c93-8082-1431f9c1dc97",
            "positivePrompt": "a boat",
            "model": "runware:100@1",
            "width": 512,
            "height": 256,
        }
        headers = {"Authorization": f"Bearer {ai.key}"}
        inline = httpx.post(ai.runware_url, headers=headers, json=[{**task, "outputType": "base64Data"}])
        linked = httpx.post(ai.runware_url, headers=headers, json=[task]).json()["data"][0]
        assert linked["taskUUID"] == task["taskUUID"]
        file = httpx.get(linked["imageURL"]).content
        assert file == base64.b64decode(inline.json()["data"][0]["imageBase64Data"])
        with Image.open(io.BytesIO(file)) as image:
            assert image.size == (512, 256)

    def test_lists_models_and_refuses_a_wrong_key(self, ai: FakeAI, client: openai.OpenAI) -> None:
        assert "gpt-4o-mini" in [model.id for model in client.models.list()]
        with pytest.raises(openai.AuthenticationError):
            client.with_options(api_key="sk-wrong").models.list()
        assert [call.status for call in ai.calls()] == [200, 401]

    def test_records_what_identifies_a_repeated_call(self, ai: FakeAI, client: openai.OpenAI) -> None:
        for prompt in ("one", "one", "two"):
            client.chat.completions.create(
                model="gpt-4o",
                messages=[{"role": "user", "content": prompt}],
                extra_headers={"Idempotency-Key": "key-1"},
            )
        first, second, third = ai.calls(CHAT)
        assert first.idempotency_key == "key-1"
        assert first.prompt_sha == second.prompt_sha != third.prompt_sha
        assert first.at <= second.at <= third.at

    def test_sends_error_statuses_as_often_as_told(self, ai: FakeAI, client: openai.OpenAI) -> None:
        ai.fail("429", path=CHAT, times=1, retry_after=7)
        ai.fail("500", path=CHAT, times=1)
        with pytest.raises(openai.RateLimitError) as limited:
            ask(client, functions.AUTO_CLUSTER, CLUSTERS)
        assert limited.value.response.headers["Retry-After"] == "7"
        with pytest.raises(openai.InternalServerError):
            ask(client, functions.AUTO_CLUSTER, CLUSTERS)
        assert ask(client, functions.AUTO_CLUSTER, CLUSTERS).clusters
        assert [(call.fault, call.status) for call in ai.calls()] == [("429", 429), ("500", 500), (None, 200)]

    def test_fails_only_the_calls_that_match(self, ai: FakeAI, client: openai.OpenAI) -> None:
        ai.fail("500", contains="car wash", times=None)
        assert ask(client, functions.GENERATE_IDEAS, IDEAS).ideas
        for _ in range(2):
            with pytest.raises(openai.InternalServerError):
                ask(client, functions.AUTO_CLUSTER, CLUSTERS)

    @pytest.mark.parametrize("kind", ["truncated_json", "wrong_schema", "empty", "refusal"])
    def test_gives_unusable_answers(self, ai: FakeAI, client: openai.OpenAI, kind: Kind) -> None:
        ai.fail(kind)
        with pytest.raises(msgspec.MsgspecError):
            ask(client, functions.AUTO_CLUSTER, CLUSTERS)

    def test_gives_something_that_is_not_json(self, ai: FakeAI) -> None:
        ai.fail("garbage")
        answer = httpx.get(f"{ai.url}/models", headers={"Authorization": f"Bearer {ai.key}"})
        assert answer.status_code == 200
        with pytest.raises(ValueError, match="Expecting value"):
            answer.json()

    def test_hangs_up_in_the_middle(self, ai: FakeAI, client: openai.OpenAI) -> None:
        ai.fail("cut_stream", times=2)
        with pytest.raises(openai.APIConnectionError):
            ask(client, functions.AUTO_CLUSTER, CLUSTERS)
        stream = client.chat.completions.create(
            model="gpt-4o", messages=[{"role": "user", "content": "word " * 40}], stream=True
        )
        received = []
        with pytest.raises((openai.APIConnectionError, httpx.TransportError)):  # noqa: PT012
            for chunk in stream:
                received.append(chunk)
        assert received

    def test_hangs_until_it_is_reset(self, ai: FakeAI, client: openai.OpenAI) -> None:
        ai.fail("hang")
        with pytest.raises(openai.APITimeoutError):
            client.with_options(timeout=1.5).models.list()
        assert [call.status for call in ai.calls()] == [None]

    def test_answers_late(self, ai: FakeAI, client: openai.OpenAI) -> None:
        ai.fail("slow", seconds=0.5)
        with pytest.raises(openai.APITimeoutError):
            client.with_options(timeout=0.2).models.list()
        assert client.models.list().data

    def test_is_gone_when_killed_and_starts_again_where_it_was(self) -> None:
        with FakeAI() as part:
            url = part.url
            part.kill()
            with pytest.raises(httpx.ConnectError):
                httpx.get(f"{url}/models")
            part.start()
            assert part.url == url
            assert part.calls() == []


@pytest.mark.kafka
class TestKafka:
    async def test_keeps_what_was_acknowledged_over_a_sigkill(self) -> None:
        kafka = RealKafka(partitions=3)
        try:
            await asyncio.to_thread(kafka.start)
            await asyncio.to_thread(kafka.create_topics, ["made"], 2)
            await asyncio.to_thread(kafka.create_topics, ["made"], 2)
            await produce(kafka, "made", [b"one", b"two"])
            await produce(kafka, "on-first-use", [b"three"])
            first, bootstrap = kafka.pid, kafka.bootstrap
            await asyncio.to_thread(kafka.kill)
            await asyncio.to_thread(kafka.restart)
            assert kafka.pid != first
            assert kafka.bootstrap == bootstrap
            assert await consume(kafka, "made") == (2, [b"one", b"two"])
            assert await consume(kafka, "on-first-use") == (3, [b"three"])
        finally:
            await asyncio.to_thread(kafka.stop)
        assert not answers(int(bootstrap.rpartition(":")[2]))

    async def test_forgets_after_a_short_retention(self) -> None:
        with RealKafka(retention_ms=500) as kafka:
            await produce(kafka, "brief", [b"soon gone"])
            consumer = Consumer(bootstrap_servers=kafka.bootstrap)
            await consumer.start()
            try:
                partition = TopicPartition("brief", 0)

                async def gone() -> bool:
                    return bool((await consumer.beginning_offsets([partition]))[partition] == 1)

                assert await eventually(gone, what="deletion")
            finally:
                await consumer.stop()


async def produce(kafka: RealKafka, topic: str, values: list[bytes]) -> None:
    """Send all values to partition 0, each acknowledged."""
    producer = Producer(bootstrap_servers=kafka.bootstrap, enable_idempotence=True)
    await producer.start()
    try:
        for value in values:
            await producer.send_and_wait(topic, value, partition=0)
    finally:
        await producer.stop()


async def consume(kafka: RealKafka, topic: str) -> tuple[int, list[bytes]]:
    """How many partitions the topic has, and the values of partition 0."""
    consumer = Consumer(bootstrap_servers=kafka.bootstrap, auto_offset_reset="earliest")
    await consumer.start()
    try:
        partition = TopicPartition(topic, 0)
        consumer.assign([partition])
        end = (await consumer.end_offsets([partition]))[partition]
        values = [(await asyncio.wait_for(consumer.getone(), 20)).value for _ in range(end)]
        return len(consumer.partitions_for_topic(topic) or ()), values
    finally:
        await consumer.stop()


@pytest.mark.wordpress
class TestWordPress:
    def test_takes_posts_terms_and_media_and_shows_them(self) -> None:
        with RealWordPress() as site:
            folder = site.directory
            rest = httpx.Client(
                base_url=f"{site.url}/wp-json/wp/v2/", auth=(site.user, site.app_password), timeout=20
            )
            file = io.BytesIO()
            # Noise does not compress: the file is larger than PHP's own limit of 2 MB.
            Image.frombytes("RGB", (1000, 1000), os.urandom(3_000_000)).save(file, "PNG")
            headers = {"Content-Type": "image/png", "Content-Disposition": 'attachment; filename="boat.png"'}
            media = rest.post("media", content=file.getvalue(), headers=headers)
            assert media.status_code == 201, media.text
            term = rest.post("categories", json={"name": "Boats", "slug": "boats"}).json()
            post = rest.post(
                "posts",
                json={
                    "title": "A boat",
                    "content": "<p>It floats.</p>",
                    "status": "publish",
                    "categories": [term["id"]],
                    "featured_media": media.json()["id"],
                },
            ).json()
            read = rest.get(f"posts/{post['id']}", params={"_embed": "1"}).json()
            assert read["categories"] == [term["id"]]
            assert httpx.get(media.json()["source_url"]).content == file.getvalue()
            assert "It floats." in httpx.get(post["link"]).text
            assert httpx.post(f"{site.url}/wp-json/wp/v2/posts", json={"title": "x"}).status_code == 401
            assert site.run_php("echo get_option('permalink_structure');") == "/%postname%/"
            seen = site.requests()
            assert ("POST", "/wp-json/wp/v2/posts", 201) in seen
            assert seen[-1] == ("POST", "/wp-json/wp/v2/posts", 401)
            assert "Fatal" not in site.debug_log()
        assert not folder.exists()
        assert not answers(int(site.url.rpartition(":")[2]))


class TestProcess:
    def test_reports_what_a_program_said_that_did_not_start(self, tmp_path: Path) -> None:
        process = Process(["sh", "-c", "echo no such luck; exit 3"], tmp_path / "log")
        with pytest.raises(PartFailed, match=r"status 3\nno such luck"):
            process.wait_until(lambda: False, 10)

    def test_ends_children_too(self, tmp_path: Path) -> None:
        port = free_port()
        serve = f"import socket,time; s=socket.create_server(('127.0.0.1',{port})); time.sleep(60)"
        process = Process(["sh", "-c", f'python3 -c "{serve}" & wait'], tmp_path / "log")
        process.wait_until(lambda: answers(port), 20)
        process.kill()
        wait_for(lambda: not answers(port), 10)

    def test_is_gone_when_its_starter_is_killed(self, tmp_path: Path) -> None:
        start = (
            "import os, pathlib, signal; from tests.parts.process import Process;"
            f"part = Process(['sleep', '300'], pathlib.Path({str(tmp_path / 'log')!r}));"
            "print(part.pid, flush=True); os.kill(os.getpid(), signal.SIGKILL)"
        )
        root = Path(__file__).parents[3]
        done = subprocess.run([sys.executable, "-c", start], cwd=root, stdout=subprocess.PIPE, text=True)
        assert done.returncode == -signal.SIGKILL

        def gone() -> bool:
            try:
                return psutil.Process(int(done.stdout)).status() == psutil.STATUS_ZOMBIE
            except psutil.NoSuchProcess:
                return True

        wait_for(gone, what="the end of the program")

    def test_a_missed_deadline_says_what_was_missed(self) -> None:
        with pytest.raises(DeadlineMissed, match=r"the moon was not met within 0.1 s, last value \[\]"):
            wait_for(list, 0.1, what="the moon")


class TestInstall:
    def test_every_part_says_how_to_see_and_install_it(self) -> None:
        assert PACKAGES.keys() == SIGNS.keys()

    def test_names_what_is_missing_when_it_may_not_install(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setitem(SIGNS, "redis", ["no-such-program"])
        monkeypatch.setattr("os.geteuid", lambda: 1000)
        reason = ensure("redis")
        assert reason is not None
        assert "no-such-program" in reason
        assert "apt-get install redis-server" in reason
