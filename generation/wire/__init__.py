"""Wire formats of image providers: pure, both directions, standard library only.

One module a format. Each has `encode_request` and `decode_answer` (what an adapter needs), `decode_request`
and `encode_answer` (what a server needs), and its table of errors.
"""
