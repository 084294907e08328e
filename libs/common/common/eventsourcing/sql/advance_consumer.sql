-- Record how far a consumer has come. A batch that starts above the recorded offset is a gap: the broker forgot what lay
-- between, and the consumer asks the topic's source for it (catch_up_requests; `since` is its last event's time, or
-- the epoch when it never had one). Offsets never go back: a replayed batch changes nothing.
CREATE FUNCTION advance_consumer(
    for_consumer text, for_incarnation text, topics text[], partitions integer[],
    firsts bigint[], nexts bigint[], times timestamptz[]
) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO catch_up_requests (consumer, source, since)
    SELECT for_consumer, split_part(batch.topic, '.', 2), min(coalesce(o.last_time, 'epoch'))
    FROM unnest(topics, partitions, firsts) AS batch (topic, kafka_partition, first)
    LEFT JOIN consumer_offsets o ON o.consumer = for_consumer AND o.incarnation = for_incarnation
        AND o.topic = batch.topic AND o.partition = batch.kafka_partition
    WHERE batch.first > coalesce(o.next_offset, 0) AND batch.topic LIKE 'igny8.%.events'
    GROUP BY 1, 2
    ON CONFLICT (consumer, source) DO UPDATE SET since = least(catch_up_requests.since, excluded.since);

    INSERT INTO consumer_offsets AS known (consumer, incarnation, topic, partition, next_offset, last_time)
    SELECT for_consumer, for_incarnation, batch.*
    FROM unnest(topics, partitions, nexts, times) AS batch (topic, kafka_partition, next, at)
    ON CONFLICT (consumer, incarnation, topic, partition) DO UPDATE
        SET next_offset = excluded.next_offset, last_time = coalesce(excluded.last_time, known.last_time)
        WHERE known.next_offset < excluded.next_offset;
END $$;
