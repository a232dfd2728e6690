"""Microsoft Teams: from Microsoft Graph's notifications and records to our calls. Pure: JSON in, events out."""
