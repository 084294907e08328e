"""The planner service: keywords, the clusters and ideas made from them, and the pipeline that runs the whole way."""

from sqlalchemy import MetaData

metadata = MetaData()
"""The tables of this service's views and of its replica of tasks."""
