"""IGNY8's REST API: `Client(url).planner.keywords.list(site_id=…)`. Bodies and answers are in `igny8_client.models`."""

from igny8_client.client import Client
from igny8_client.connection import Upload
from igny8_client.errors import ApiError
from igny8_client.pages import Download, LiveEvent, Page

__all__ = ["ApiError", "Client", "Download", "LiveEvent", "Page", "Upload"]
