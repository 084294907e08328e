"""Pipeline runs: from keywords to published articles in seven stages."""
