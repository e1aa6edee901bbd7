"""What came of it all, in money. Owns the bridge of a month, retention, who is credited, and the report.

It does not decide what a movement is (``movements``) and asks nobody anything (``offers``).
"""
