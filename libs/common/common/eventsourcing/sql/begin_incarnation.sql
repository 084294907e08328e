-- A broker that starts a new life (an in-memory one, a restored cluster) has lost what this consumer had not heard yet:
-- ask every source for what it recorded since our last event of its topic. The very first life has nothing to ask for.
CREATE FUNCTION begin_incarnation(for_consumer text, for_incarnation text, topics text[]) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM consumer_offsets o WHERE o.consumer = for_consumer AND o.incarnation = for_incarnation)
       OR NOT EXISTS (SELECT FROM consumer_offsets o WHERE o.consumer = for_consumer) THEN
        RETURN;
    END IF;
    INSERT INTO catch_up_requests (consumer, source, since)
    SELECT for_consumer, split_part(t.topic, '.', 2), coalesce(min(o.last_time), 'epoch')
    FROM unnest(topics) AS t (topic)
    LEFT JOIN consumer_offsets o ON o.consumer = for_consumer AND o.topic = t.topic
    WHERE t.topic LIKE 'igny8.%.events'
    GROUP BY 1, 2
    ON CONFLICT (consumer, source) DO UPDATE SET since = least(catch_up_requests.since, excluded.since);
    -- From here on the old life's rows answer nothing any more, but a crash before the first batch must ask again:
    -- they are replaced by a row of the new life that expects offset 0.
    INSERT INTO consumer_offsets (consumer, incarnation, topic, partition, next_offset, last_time)
    SELECT for_consumer, for_incarnation, o.topic, o.partition, 0, max(o.last_time)
    FROM consumer_offsets o WHERE o.consumer = for_consumer GROUP BY o.topic, o.partition
    ON CONFLICT DO NOTHING;
END $$;
