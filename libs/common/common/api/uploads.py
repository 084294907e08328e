"""A file that comes as multipart/form-data: spooled to disk, and no larger than its route takes."""

from collections.abc import AsyncGenerator

from fastapi import Request
from starlette.datastructures import FormData, UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser

from common.api.errors import ApiError, validation

FORM_BYTES = 64 * 1024
"""What the form around the file may weigh."""


async def read_form(request: Request, most_bytes: int) -> FormData:
    """The form; close it. Raises 400 for what is none, 413 for a file of more than `most_bytes`."""
    if not request.headers.get("content-type", "").startswith("multipart/form-data"):
        raise validation("file", "a file is needed, as multipart/form-data")
    body = _limited(request, most_bytes)
    try:
        return await MultiPartParser(request.headers, body, max_files=1, max_fields=10).parse()
    except MultiPartException as error:
        raise validation("file", error.message) from error


def file_of(form: FormData) -> UploadFile:
    """The form's `file`; raises 400 where there is none."""
    upload = form.get("file")
    if not isinstance(upload, UploadFile):
        raise validation("file", "a file is needed, as multipart/form-data")
    return upload


async def _limited(request: Request, most_bytes: int) -> AsyncGenerator[bytes, None]:
    size = 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > most_bytes + FORM_BYTES:
            raise ApiError(
                "BODY_TOO_LARGE",
                f"A file has at most {most_bytes:,} bytes here. Split it into several files.",
                status=413,
            )
        yield chunk
