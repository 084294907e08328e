"""Staff: who may act on any account, by naming it. The operator's command makes them, no route does."""
