"""Industries and their sectors: a catalogue that all tenants share."""
