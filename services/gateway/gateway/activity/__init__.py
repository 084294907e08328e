"""Read models over all services: progress and live updates."""
