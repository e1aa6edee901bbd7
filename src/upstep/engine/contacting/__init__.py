"""Whom a message reaches, by which channel, and whether it may leave or be shown at this instant."""
