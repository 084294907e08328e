"""Gateway: identity, accounts, the way in to every service, and the read models that span them."""

from sqlalchemy import MetaData

metadata = MetaData()
"""The tables of this service's views."""
