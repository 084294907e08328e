"""The way in: authenticates, routes and forwards, streaming both ways."""
