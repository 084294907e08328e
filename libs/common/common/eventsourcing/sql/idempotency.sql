-- Each of the three is called as a transaction of its own: one round trip. Each sets the tenant.

-- When the key was first used where the caller is the one to run the request, else what is known of it. Nothing where it was
-- forgotten just now. Each request removes a few keys of its account that are too old, so that answers do not lie there for
-- ever; one that is being worked on stays: without it the request could run a second time.
CREATE FUNCTION take_key(account uuid, of_key text, of_request text, lock_seconds double precision)
RETURNS TABLE (since timestamptz, fingerprint text, status integer, headers jsonb, body bytea)
LANGUAGE plpgsql AS $$
BEGIN
    PERFORM set_config('app.account_id', account::text, true);
    DELETE FROM idempotency_keys k
    WHERE k.created_at < now() - interval '24 hours' AND (k.locked_until < now()) IS NOT FALSE
        AND (k.key = of_key OR k.ctid = ANY (ARRAY(SELECT o.ctid FROM idempotency_keys o
            WHERE o.created_at < now() - interval '24 hours' AND (o.locked_until < now()) IS NOT FALSE
            ORDER BY o.created_at LIMIT 10 FOR UPDATE SKIP LOCKED)));
    RETURN QUERY
        INSERT INTO idempotency_keys AS k (account_id, key, fingerprint, locked_until)
        VALUES (account, of_key, of_request, now() + make_interval(secs => lock_seconds))
        ON CONFLICT ON CONSTRAINT idempotency_keys_pkey DO UPDATE SET locked_until = excluded.locked_until
        WHERE k.status IS NULL AND k.locked_until < now() AND k.fingerprint = excluded.fingerprint
        RETURNING k.created_at, k.fingerprint, k.status, k.headers, k.body;
    IF NOT FOUND THEN
        RETURN QUERY SELECT NULL::timestamptz, k.fingerprint, k.status, k.headers, k.body
            FROM idempotency_keys k WHERE k.key = of_key;
    END IF;
END $$;

-- The request still runs: nobody else may.
CREATE FUNCTION hold_key(account uuid, of_key text, lock_seconds double precision) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM set_config('app.account_id', account::text, true);
    UPDATE idempotency_keys SET locked_until = now() + make_interval(secs => lock_seconds)
    WHERE key = of_key AND status IS NULL;
END $$;

-- The answer; of_status NULL sets the key free. Not synced to the disk: an answer that a crash of PostgreSQL forgets is one
-- that its service did not come to keep.
CREATE FUNCTION keep_answer(account uuid, of_key text, of_status integer, with_headers jsonb, with_body bytea)
RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM set_config('app.account_id', account::text, true), set_config('synchronous_commit', 'off', true);
    IF of_status IS NULL THEN
        UPDATE idempotency_keys SET locked_until = '-infinity' WHERE key = of_key;
    ELSE
        UPDATE idempotency_keys SET status = of_status, headers = with_headers, body = with_body, locked_until = NULL
        WHERE key = of_key;
    END IF;
END $$;
