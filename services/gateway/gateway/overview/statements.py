"""The statements by which a fact changes the tables of the views over all services."""

_MERGED = (
    *("site_id", "sector_id", "parent_id", "text", "label", "status", "archived", "amount", "failed"),
    *("text_version", "words"),
)

GIVEN = """
WITH said AS (
    SELECT * FROM jsonb_to_recordset(%(entries)s::jsonb) AS s (kind text, id uuid, guard integer, site_id uuid,
        sector_id uuid, parent_id uuid, text text, label text, status text, archived boolean, amount bigint,
        failed integer, text_version integer, live_version integer, live_guard integer, words text[])
), given AS (
    SELECT s.kind, s.id, coalesce(s.guard, 0) AS guard, s.site_id, coalesce(s.sector_id, c.sector_id) AS sector_id,
        s.parent_id, s.text, s.label, s.status, s.archived, s.amount, s.failed, s.text_version, s.live_version,
        s.live_guard, array_to_tsvector(s.words) AS words, %(at)s AS made_at, %(at)s AS said_at
    FROM said s LEFT JOIN LATERAL (
        SELECT e.sector_id FROM overview_entries e
        WHERE e.account_id = %(account)s AND e.kind = 'content' AND e.id = s.id AND s.kind = 'publication' OFFSET 0
    ) AS c ON true
    UNION ALL
    SELECT p.kind, p.id, 0, NULL, s.sector_id, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
        p.made_at, p.said_at
    FROM said s CROSS JOIN LATERAL (
        SELECT e.* FROM overview_entries e
        WHERE e.account_id = %(account)s AND e.kind = 'publication' AND e.id = s.id OFFSET 0
    ) AS p
    WHERE s.kind = 'content' AND s.sector_id IS NOT NULL AND p.sector_id IS NULL
)"""
"""A publication lies in the sector of its article, whichever is heard first.

`OFFSET 0` keeps each look by a key what it is, here and below: joined, all of the account's entries would be read for a
fact wherever the database takes them for few, as in a plan made while the table was empty.
"""

ENDED = """
WITH given AS (
    SELECT e.kind, e.id, 2 AS guard, NULL::uuid AS site_id, NULL::uuid AS sector_id, NULL::uuid AS parent_id,
        NULL::text AS text, NULL::text AS label, o.status, NULL::boolean AS archived,
        NULL::bigint AS amount, NULL::integer AS failed, NULL::integer AS text_version, NULL::integer AS live_version,
        NULL::integer AS live_guard, NULL::tsvector AS words, %(at)s AS made_at, %(at)s AS said_at
    FROM overview_entries o CROSS JOIN LATERAL (
        SELECT e.* FROM overview_entries e WHERE e.account_id = %(account)s AND e.parent_id = o.id OFFSET 0
    ) AS e
    WHERE o.account_id = %(account)s AND o.kind = 'operation' AND o.id = %(operation)s
        AND o.guard = 2 AND e.kind = 'ai_item' AND e.guard < 2
)"""
"""What is open of an operation ends with it, also where its end is heard before its beginning."""

_OF = {"sector_id": "CASE kind WHEN 'publication' THEN 0 ELSE guard END"}
"""The sector of a publication is its article's, not its own word."""
_GUARDS = ", ".join(f"CASE WHEN {name} IS NOT NULL THEN {_OF.get(name, 'guard')} END" for name in _MERGED)
_RIGHT = ", ".join(
    f"{name} = CASE WHEN excluded.guards[{n}] > coalesce(e.guards[{n}], -1) THEN excluded.{name} ELSE e.{name} END"
    for n, name in enumerate(_MERGED, 1)
)
_LATER = ", ".join(f"greatest(e.guards[{n}], excluded.guards[{n}])" for n in range(1, len(_MERGED) + 1))
_COUNT = """, moved AS (
    SELECT a.*, 1 AS step FROM after a UNION ALL SELECT b.*, -1 FROM before b
)
INSERT INTO overview_counts AS c (account_id, kind, site_id, sector_id, made_on, label, status, entries, amount)
SELECT %(account)s, kind, site_id, sector_id, made_on, coalesce(label, ''), coalesce(shown, ''), sum(step),
    sum(step * coalesce(amount, 0))
FROM moved WHERE archived IS NOT TRUE AND site_id IS NOT NULL AND sector_id IS NOT NULL
GROUP BY kind, site_id, sector_id, made_on, coalesce(label, ''), coalesce(shown, '')
HAVING sum(step) <> 0 OR sum(step * coalesce(amount, 0)) <> 0
ON CONFLICT (account_id, kind, site_id, sector_id, made_on, label, status) DO UPDATE SET
    entries = c.entries + excluded.entries, amount = c.amount + excluded.amount
"""
"""Counts move by what entries were `before` and are `after`."""

MERGE = f"""
, before AS (
    SELECT e.* FROM given CROSS JOIN LATERAL (
        SELECT e.* FROM overview_entries e
        WHERE e.account_id = %(account)s AND e.kind = given.kind AND e.id = given.id OFFSET 0
    ) AS e
), after AS (
    INSERT INTO overview_entries AS e (account_id, kind, id, guard, guards, live_version, live_guard, made_at, said_at,
        {", ".join(_MERGED)})
    SELECT %(account)s, kind, id, guard, ARRAY[{_GUARDS}], live_version, live_guard, made_at, said_at, {", ".join(_MERGED)}
    FROM given
    ON CONFLICT (account_id, kind, id) DO UPDATE SET
        {_RIGHT},
        guards = ARRAY[{_LATER}],
        live_version = CASE WHEN excluded.live_guard > coalesce(e.live_guard, 0) THEN excluded.live_version
            ELSE e.live_version END,
        guard = greatest(e.guard, excluded.guard), live_guard = greatest(e.live_guard, excluded.live_guard),
        made_at = least(e.made_at, excluded.made_at), said_at = greatest(e.said_at, excluded.said_at)
    RETURNING e.*
){_COUNT}"""  # noqa: S608  # what is put in are the names above

CLUSTERS_OF = """
SELECT DISTINCT e.parent_id FROM unnest(%(keywords)s::uuid[]) AS k (id) CROSS JOIN LATERAL (
    SELECT e.parent_id FROM overview_entries e
    WHERE e.account_id = %(account)s AND e.kind = 'keyword' AND e.id = k.id OFFSET 0
) AS e WHERE e.parent_id IS NOT NULL
"""
MAPPED = f"""
WITH found AS (
    SELECT e.* FROM unnest(%(clusters)s::uuid[]) AS c (id) CROSS JOIN LATERAL (
        SELECT e.* FROM overview_entries e
        WHERE e.account_id = %(account)s AND e.kind = 'cluster' AND e.id = c.id OFFSET 0
    ) AS e
), now AS (
    SELECT found.id, CASE WHEN EXISTS (SELECT FROM overview_entries k WHERE k.account_id = %(account)s
        AND k.parent_id = found.id AND k.kind = 'keyword' AND k.status = 'mapped' AND k.archived IS NOT TRUE)
        THEN 'mapped' ELSE 'new' END AS status
    FROM found
), before AS (
    SELECT found.* FROM found JOIN now USING (id) WHERE found.status IS DISTINCT FROM now.status
), after AS (
    INSERT INTO overview_entries AS e (account_id, kind, id, guard, guards, made_at, said_at, status)
    SELECT b.account_id, b.kind, b.id, b.guard, b.guards, b.made_at, b.said_at, now.status
    FROM before b JOIN now USING (id)
    ON CONFLICT (account_id, kind, id) DO UPDATE SET status = excluded.status
    RETURNING e.*
){_COUNT}"""  # noqa: S608  # what is put in is the text above
"""Nobody says the status of a cluster: it is mapped while it has keywords, in whatever order they are heard."""

SPELL = """
WITH new AS (
    INSERT INTO overview_spellings (account_id, key, word)
    SELECT %(account)s, word, word FROM unnest(%(words)s::text[]) AS w (word)
    ON CONFLICT DO NOTHING RETURNING word
)
INSERT INTO overview_spellings (account_id, key, word)
SELECT DISTINCT %(account)s::uuid, left(word, at - 1) || substr(word, at + 1), word
FROM new, generate_series(1, length(word)) AS at WHERE length(word) >= %(shortest)s
ON CONFLICT DO NOTHING
"""

NOTE = """
WITH new AS (
    INSERT INTO overview_activity (account_id, event_id, source, name, said_at, kind, id, site_id, sector_id, title, entries)
    SELECT %(account)s, %(event)s, %(source)s, %(name)s, %(at)s, about.kind, about.id, e.site_id, e.sector_id,
        coalesce(e.text, e.label), %(count)s
    FROM (SELECT %(kind)s::text AS kind, %(id)s::uuid AS id) AS about
    LEFT JOIN overview_entries e ON e.account_id = %(account)s AND e.kind = about.kind AND e.id = about.id
    WHERE NOT EXISTS (SELECT FROM overview_positions p
        WHERE p.account_id = %(account)s AND p.said_at - %(kept)s::interval >= %(at)s)
    ON CONFLICT DO NOTHING RETURNING source, said_at
)
INSERT INTO overview_positions AS p (account_id, source, events, said_at)
SELECT %(account)s, source, 1, said_at FROM new
ON CONFLICT (account_id, source) DO UPDATE SET
    events = p.events + 1, said_at = greatest(p.said_at, excluded.said_at)
"""
"""What is too old to be kept is not counted either: its row is the memory that it was counted already."""

END = """
DELETE FROM overview_activity WHERE account_id = %(account)s AND event_id = ANY (ARRAY(
    SELECT event_id FROM overview_activity WHERE account_id = %(account)s AND said_at <= (
        SELECT max(p.said_at) - %(kept)s::interval FROM overview_positions p WHERE p.account_id = %(account)s
    ) ORDER BY said_at, event_id LIMIT %(most)s))
"""
