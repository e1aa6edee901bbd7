"""Ready mappings for the tables that common connectors land: what they hold, and how that becomes our tables.

Owns the mappings that ship and finding a connector's tables in a folder or database. What is sold is the catalog's.
"""
