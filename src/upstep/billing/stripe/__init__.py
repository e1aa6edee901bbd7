"""Stripe as the billing provider. Owns what is Stripe's: its SDK, its words and units, its events.

``biller`` asks it, ``reading`` turns its objects into ours, ``prices`` knows which of its prices is which of the
catalog's, ``webhook`` takes in what it tells. The SDK is an extra (``pip install 'upstep[stripe]'``) and is imported
when it is first asked. Written against API version 2026-10-28, which the SDK 16.1 speaks.
"""
