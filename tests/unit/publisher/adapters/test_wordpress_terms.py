"""Terms on a site where somebody else makes the same one at the same moment."""

from aiohttp import web
from publisher.adapters.target import TermFields

from tests.unit.publisher.adapters.test_wordpress_failure_names import INDEX, serving, target_at

TERM = TermFields(taxonomy="tag", name="Vans", slug="vans")


class Site:
    """Its first look finds nothing; then a stranger's term 5 is there, and ours becomes 6 under `slug`."""

    def __init__(self, slug: str, *, may_delete: bool = True) -> None:
        self._slug = slug
        self._may_delete = may_delete
        self.calls: list[str] = []

    async def __call__(self, request: web.Request) -> web.Response:
        if request.path == "/wp-json/":
            return web.json_response(INDEX)
        self.calls.append(f"{request.method} {request.path.removeprefix('/wp-json/wp/v2/')}")
        match request.method:
            case "POST":
                return web.json_response({"id": 6, "slug": self._slug}, status=201)
            case "DELETE" if not self._may_delete:
                return web.json_response({"code": "rest_cannot_delete", "message": "no"}, status=403)
            case "DELETE":
                return web.json_response({"deleted": True})
        theirs = [5] if "POST tags" in self.calls else []
        ours = [6] if "POST tags" in self.calls and self._slug == TERM.slug else []
        return web.json_response([{"id": id} for id in (*ours, *theirs)])


async def ensured(site: Site) -> str:
    async with serving(site) as url, target_at(url) as target:
        return (await target.ensure_term(TERM, key="k")).external_id


async def test_one_that_got_another_slug_is_deleted() -> None:
    site = Site("vans-2")
    assert await ensured(site) == "5"
    assert site.calls == ["GET tags", "POST tags", "GET tags", "DELETE tags/6"]


async def test_who_may_not_delete_it_leaves_it() -> None:
    assert await ensured(Site("vans-2", may_delete=False)) == "5"


async def test_one_that_somebody_may_have_found_already_stays() -> None:
    site = Site("vans")
    assert await ensured(site) == "5"
    assert not any(call.startswith("DELETE") for call in site.calls)
