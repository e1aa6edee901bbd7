"""What the past says: thresholds that come before a purchase, where plans pinch, how good the forecasts were.

It owns the statistics and the words for them. It knows no plays and no project: it is handed tables, and what it finds
is a value that the engine turns into a play.
"""
