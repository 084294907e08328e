"""Seed keywords: what people search for in an industry, for all tenants to start from."""
