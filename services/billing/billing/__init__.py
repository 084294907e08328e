"""Billing: wallets, and the prices they are charged by."""

from sqlalchemy import MetaData

metadata = MetaData()
"""The tables of this service's views."""
