"""The stages 4 to 7 of a pipeline run, which belong to the writer."""
