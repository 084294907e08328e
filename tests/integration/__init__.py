"""Tests on real databases, brokers and servers."""
