"""The publisher service: where a site's articles go, and getting each there exactly once."""

from sqlalchemy import MetaData

metadata = MetaData()
"""The tables of this service's views."""
