"""What the publisher knows of articles, which are the writer's."""
