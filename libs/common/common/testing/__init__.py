"""What the services' tests share: `given / when / then` for deciders."""

from common.testing.specification import given

__all__ = ["given"]
