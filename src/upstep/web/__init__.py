"""What people look at in a browser and what programs ask over HTTP. It decides and computes nothing itself.

``page`` writes one self-contained file; ``sections`` says what stands where; ``pictures`` gives bars their geometry.
``app`` puts the service together; ``api`` is what it documents; ``guard`` stands before everything.
"""
