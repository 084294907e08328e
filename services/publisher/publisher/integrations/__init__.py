"""Where the articles of a site go, and with which credentials."""
