"""A real Apache Kafka: one node, KRaft, plain text on 127.0.0.1."""

import fcntl
import hashlib
import shutil
import subprocess
import tempfile
import uuid
from base64 import urlsafe_b64encode
from pathlib import Path

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from tests.parts.ports import answers, free_port
from tests.parts.process import Part, PartFailed, Process

POM = Path(__file__).parent / "kafka_files" / "pom.xml"
CACHE = Path(__file__).parents[2] / ".parts" / "kafka"
START_DEADLINE = 90.0
JAVA_OPTIONS = [
    "-XX:+UseSerialGC",
    "-XX:TieredStopAtLevel=1",  # a test's broker lives too briefly for the optimising compiler to pay off
    "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
]


def install() -> Path:
    """The folder with Kafka's jars, downloaded by Maven when the pom asks for others than before.

    Raises `PartFailed` when java or mvn is missing or the download fails.
    """
    for program, package in (("java", "default-jre-headless"), ("mvn", "maven")):
        if shutil.which(program) is None:
            raise PartFailed(f"Kafka needs {program}: install the Debian package {package}")
    libraries = CACHE / hashlib.sha256(POM.read_bytes()).hexdigest()[:12]
    CACHE.mkdir(parents=True, exist_ok=True)
    with (CACHE / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not libraries.exists():
            _download(libraries)
    return libraries


def _download(libraries: Path) -> None:
    # The folder gets its name when it is complete: a broken download never looks like an installed one.
    partial = Path(tempfile.mkdtemp(dir=CACHE))
    goal = ["dependency:copy-dependencies", f"-DoutputDirectory={partial}"]
    done = subprocess.run(["mvn", "-q", "-B", "-f", str(POM), *goal], capture_output=True, text=True)
    if done.returncode != 0:
        shutil.rmtree(partial)
        raise PartFailed(f"Maven could not download Kafka:\n{(done.stdout + done.stderr)[-2000:]}")
    partial.rename(libraries)


class RealKafka(Part):
    """A broker that keeps its port and its data over `stop`, `kill` and `restart`.

    `partitions` is what a topic gets that appears on first use. `retention_ms` and `segment_bytes` make
    deletion visible within a test: old segments then go within about a second. Kafka 4 refuses segments
    below 1 MiB.
    `directory` keeps the data after the test; without one it is temporary and goes with `stop`.
    """

    def __init__(
        self,
        *,
        partitions: int = 6,
        retention_ms: int | None = None,
        segment_bytes: int | None = None,
        directory: Path | None = None,
        port: int | None = None,
    ) -> None:
        self._partitions = partitions
        self._retention_ms = retention_ms
        self._segment_bytes = segment_bytes
        self._kept = directory
        self._directory = directory
        self._port = port or free_port()
        self._controller_port = free_port()
        self._process: Process | None = None

    @property
    def bootstrap(self) -> str:
        return f"127.0.0.1:{self._port}"

    @property
    def pid(self) -> int:
        """The broker's process; raises `PartFailed` when it does not run."""
        if self._process is None:
            raise PartFailed("Kafka is not started")
        return self._process.pid

    def start(self) -> None:
        """Start, and return when clients can connect. Raises `PartFailed` with the broker's output."""
        if self._process is not None:
            return
        libraries = install()
        directory = self._directory = self._directory or Path(tempfile.mkdtemp(prefix="igny8-kafka-"))
        directory.mkdir(parents=True, exist_ok=True)
        properties = directory / "server.properties"
        properties.write_text(self._properties(directory / "data"))
        java = ["java", "-cp", f"{libraries}/*", *JAVA_OPTIONS]
        if not (directory / "data" / "meta.properties").exists():
            # As Kafka's own random ids, it never begins with a dash: that would read as an option.
            cluster = "A" + urlsafe_b64encode(uuid.uuid4().bytes).decode()[1:22]
            tool = ["kafka.tools.StorageTool", "format", "-t", cluster, "-c", str(properties)]
            done = subprocess.run([*java, *tool], capture_output=True, text=True)
            if done.returncode != 0:
                raise PartFailed(f"Kafka could not format its storage:\n{done.stdout}{done.stderr}")
        self._process = Process([*java, "-Xmx512m", "kafka.Kafka", str(properties)], directory / "kafka.log")
        try:
            self._process.wait_until(self._serves, START_DEADLINE)
        except PartFailed:
            self._process = None
            raise

    def stop(self) -> None:
        """Shut down in order, and delete the data unless the caller gave the directory."""
        self.shut_down()
        if self._kept is None and self._directory is not None:
            shutil.rmtree(self._directory, ignore_errors=True)
            self._directory = None

    def shut_down(self) -> None:
        """Shut down in order and keep the data."""
        if self._process is not None:
            self._process.stop()
            self._process = None

    def kill(self) -> None:
        """SIGKILL; the data stay for `start`."""
        if self._process is not None:
            self._process.kill()
            self._process = None

    def restart(self) -> None:
        """Start again on the same port and data, after a `kill` or after a shutdown in order."""
        self.shut_down()
        self.start()

    def create_topics(self, names: list[str], partitions: int | None = None) -> None:
        """Create topics; one that exists is left as it is. Raises `KafkaException` for other errors."""
        admin = AdminClient(self._client)
        known = admin.list_topics(timeout=10).topics
        wanted = [NewTopic(name, partitions or self._partitions, 1) for name in names if name not in known]
        for created in admin.create_topics(wanted).values() if wanted else ():
            created.result(timeout=10)

    @property
    def _client(self) -> dict[str, str | int | float | bool]:
        # librdkafka would tell the terminal about every connection a stopped broker closes.
        return {"bootstrap.servers": self.bootstrap, "log_level": 0}

    def _serves(self) -> bool:
        # The port opens before the broker answers: only an answer with a broker in it counts.
        if not answers(self._port):
            return False
        try:
            return bool(AdminClient(self._client).list_topics(timeout=5).brokers)
        except KafkaException:
            return False

    def _properties(self, data: Path) -> str:
        lines = {
            "process.roles": "broker,controller",
            "node.id": 1,
            "controller.quorum.voters": f"1@127.0.0.1:{self._controller_port}",
            "listeners": f"PLAINTEXT://{self.bootstrap},CONTROLLER://127.0.0.1:{self._controller_port}",
            "advertised.listeners": f"PLAINTEXT://{self.bootstrap}",
            "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
            "controller.listener.names": "CONTROLLER",
            "inter.broker.listener.name": "PLAINTEXT",
            "log.dirs": data,
            "num.partitions": self._partitions,
            "auto.create.topics.enable": "true",
            "offsets.topic.replication.factor": 1,
            # One node needs no spread of its own topics; 50 partitions would slow every start and recovery.
            "offsets.topic.num.partitions": 4,
            "transaction.state.log.replication.factor": 1,
            "transaction.state.log.min.isr": 1,
            "transaction.state.log.num.partitions": 4,
            "share.coordinator.state.topic.replication.factor": 1,
            "share.coordinator.state.topic.min.isr": 1,
            "group.initial.rebalance.delay.ms": 0,
            "group.min.session.timeout.ms": 1000,
            # After SIGKILL the broker must wait until its former self's session has ended.
            "broker.session.timeout.ms": 4000,
            "broker.heartbeat.interval.ms": 1000,
        }
        if self._retention_ms is not None:
            lines |= {
                "log.retention.ms": self._retention_ms,
                "log.retention.check.interval.ms": 300,
                "log.segment.delete.delay.ms": 100,
                "log.initial.task.delay.ms": 100,
            }
        if self._segment_bytes is not None:
            lines["log.segment.bytes"] = self._segment_bytes
        return "".join(f"{name}={value}\n" for name, value in lines.items())
