"""Getting an article to its site: exactly one post, and one of each medium, whatever crashes."""
