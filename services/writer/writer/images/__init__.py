"""The pictures of an article: described first, made afterwards."""
