"""What the company sells: products, plans, prices, limits, features. Owns loading, pricing and fitting.

It knows no customer: quantities and forecasts are handed in.
"""
