"""What the billing system is asked and answers. Owns quotes, proration, applying once, and the sandbox biller.

It does not own why something is sold (``plays``) nor what was said to the customer (``offers``).
"""
