"""What people search for: facts in slices, one stream per sector, unique after normalisation."""
