"""Exports of an account: asked for, written by all services, put together when they are downloaded."""
