"""The documentation pages and all they load come from the gateway itself."""

import re

import pytest
from common.api.envelope import install_error_handlers
from fastapi import FastAPI
from fastapi.testclient import TestClient
from gateway.documentation import router


@pytest.mark.parametrize("slash", ["", "/"])
@pytest.mark.parametrize("path", ["/api/docs", "/api/schema/swagger-ui", "/api/redoc", "/api/schema/redoc"])
def test_a_page_and_everything_it_loads_is_served_here(path: str, slash: str) -> None:
    app = FastAPI(openapi_url="/api/schema/")
    app.include_router(router)
    install_error_handlers(app)
    client = TestClient(app)
    page = client.get(path + slash)
    assert page.status_code == 200
    loaded = re.findall(r'(?:src|href|spec-url)="([^"]+)"', page.text)
    assert any(name.endswith(".js") for name in loaded)
    for address in loaded:
        assert address.startswith("/"), f"{address} needs the internet"
        assert client.get(address).status_code == 200, address
    assert client.get("/api/static/nothing.js").status_code == 404
