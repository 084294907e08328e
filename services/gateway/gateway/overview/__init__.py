"""Views over all services, kept from what they say: the dashboard and the search."""
