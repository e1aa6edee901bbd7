"""The worker's loop: from what has arrived to what has left, again and again."""
