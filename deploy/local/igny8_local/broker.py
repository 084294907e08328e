"""The embedded broker: librdkafka's in-process cluster, which speaks the Kafka protocol.

Run as `python -m igny8_local.broker --file PATH`. It keeps topics in memory (about 5 MB a partition): what it
forgets, consumers fetch again from the event stores, so its end loses nothing.
"""

import argparse
import signal
from pathlib import Path

from confluent_kafka import Producer

from igny8_local.layout import write_atomically
from igny8_local.services import topics

_METADATA_SECONDS = 10


def main() -> None:
    """Serves until SIGTERM or SIGINT; writes `host:port` to the file once the topics exist."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--file", type=Path, required=True)
    file: Path = arguments.parse_args().file

    stop = {signal.SIGTERM, signal.SIGINT}
    # Blocked before librdkafka starts its threads, so that only sigwait below receives them.
    signal.pthread_sigmask(signal.SIG_BLOCK, stop)
    # The cluster replaces the address; librdkafka only insists on there being one.
    cluster = Producer({"bootstrap.servers": "127.0.0.1:1", "test.mock.num.brokers": 1})
    for topic in topics():
        cluster.list_topics(topic, timeout=_METADATA_SECONDS)  # asking for its metadata creates a topic
    [broker] = cluster.list_topics(timeout=_METADATA_SECONDS).brokers.values()
    write_atomically(file, f"{broker.host}:{broker.port}", mode=0o644)
    signal.sigwait(stop)


if __name__ == "__main__":
    main()
