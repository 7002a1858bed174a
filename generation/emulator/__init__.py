"""A stand-in for image providers, over real HTTP on loopback: for development, demonstration, tests and load.

It speaks the wire formats, paints a picture for each prompt, and fails on demand. No Django, no rows.
"""
