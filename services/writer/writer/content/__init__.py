"""Articles: written, reviewed, approved, handed to the publisher."""
