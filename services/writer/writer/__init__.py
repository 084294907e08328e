"""The writer service: tasks, the articles made from them, their images and terms, up to what is ready to publish."""

from sqlalchemy import MetaData

metadata = MetaData()
"""The tables of this service's views."""
