"""The API's documentation pages, from our own files: they work without the internet."""

from pathlib import Path

import fastapi_offline
from common.api.errors import not_found
from fastapi import APIRouter
from fastapi.openapi.docs import get_redoc_html, get_swagger_ui_html
from fastapi.responses import FileResponse, HTMLResponse

router = APIRouter(include_in_schema=False)

SCHEMA = "/api/schema/"
_FILES = Path(fastapi_offline.__file__).parent / "static"
_STATIC = "/api/static"


@router.get("/api/docs")
@router.get("/api/docs/")
@router.get("/api/schema/swagger-ui")
@router.get("/api/schema/swagger-ui/")
async def swagger_ui() -> HTMLResponse:
    return get_swagger_ui_html(
        openapi_url=SCHEMA,
        title="IGNY8 API",
        swagger_js_url=f"{_STATIC}/swagger-ui-bundle.js",
        swagger_css_url=f"{_STATIC}/swagger-ui.css",
        swagger_favicon_url=f"{_STATIC}/favicon.png",
    )


@router.get("/api/redoc")
@router.get("/api/redoc/")
@router.get("/api/schema/redoc")
@router.get("/api/schema/redoc/")
async def redoc() -> HTMLResponse:
    return get_redoc_html(
        openapi_url=SCHEMA,
        title="IGNY8 API",
        redoc_js_url=f"{_STATIC}/redoc.standalone.js",
        redoc_favicon_url=f"{_STATIC}/favicon.png",
        with_google_fonts=False,
    )


@router.get(_STATIC + "/{name}")
async def static(name: str) -> FileResponse:
    files = {path.name: path for path in _FILES.iterdir()}
    if name not in files:
        raise not_found("File", name)
    return FileResponse(files[name], headers={"Cache-Control": "max-age=86400"})
