"""Where the HTML of an article is kept: in its fact while small, else in the object store."""

from typing import Any

import msgspec
from common.ai.html import clean, headings
from common.ai.text import count_words
from common.contracts.operations import ObjectRef
from common.database import Row
from common.objects import ObjectStore

from writer.content.events import Body

LARGEST_INLINE = 64_000
"""Bytes. An event must stay below 256 kB with everything else that it says (ARCHITECTURE §3)."""
MEDIA_TYPE = "text/html; charset=utf-8"


async def body_of(html: str, objects: ObjectStore | None) -> Body:
    """A body from HTML of any origin. A large one needs the object store, in which it is before this returns."""
    safe = clean(html)
    words, titles = count_words(safe), tuple(text for level, text in headings(safe) if level == 2)
    data = safe.encode()
    if len(data) <= LARGEST_INLINE:
        return Body(words=words, headings=titles, html=safe)
    if objects is None:
        raise RuntimeError("a large body was written where no object store is at hand")
    return Body(words=words, headings=titles, object=await objects.put(data, MEDIA_TYPE))


async def stored(body: Body, objects: ObjectStore) -> ObjectRef:
    """The body in the object store, where the publisher finds it."""
    return body.object or await objects.put((body.html or "").encode(), MEDIA_TYPE)


async def html_of(row: Row, objects: ObjectStore) -> str:
    """The HTML of a row of `content` or `content_versions`."""
    kept: Any = row["object"]
    if kept is None:
        return str(row["html"])
    return (await objects.get(msgspec.convert(kept, ObjectRef))).decode()
