"""What we know of an account, as numbers. Owns the queries from core tables to one row per subject of a play.

Each signal is one Ibis expression over whole tables. It knows no play, no price list beyond the catalog, no state.
"""
