"""The copies every service keeps of what other services own, brought up to date by their events."""

import sqlalchemy as sa

metadata = sa.MetaData()
