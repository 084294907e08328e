"""An account's credits: granted, reserved, charged, released, expired."""
