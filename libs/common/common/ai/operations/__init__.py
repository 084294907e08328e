"""The paid AI operation, once for every service that runs one: request, reserve, run, settle (EVENTS.md)."""
