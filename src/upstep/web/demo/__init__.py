"""The demo: Postline's own app with the widget on its page, and a view behind the scenes. `upstep serve --demo`.

Owns the pretend customer, the page and the server that hosts it. It talks to the service as any host does: events by
HTTP with a write key, who is looking by a signed token. It knows no more of the service than what it shows.
"""
