"""Credits that staff give and take back."""
