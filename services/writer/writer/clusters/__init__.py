"""The names of the planner's clusters, as this service knows them."""
