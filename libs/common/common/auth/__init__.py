"""Who calls: signed tokens, the identity the gateway vouches for, and what each role may do."""
