"""The whole product from outside. A package: what it shares ends with its last test."""
