"""What people plan: executives' priorities, the quarter, the stages of a sale, the business case.

Owns what a person typed or moved, and the rules of moving it. It knows no billing, offers or queries: ``engine`` hands
it decisions and facts as values.
"""
