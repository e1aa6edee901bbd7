"""What people look at in a browser. Owns pages, their pictures and their style; it decides and computes nothing itself.

``page`` writes one self-contained file; ``sections`` says what stands where; ``pictures`` gives bars their geometry.
"""
