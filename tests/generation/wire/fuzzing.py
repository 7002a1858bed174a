"""How many examples the fuzzing tests draw: few by default, as many as FUZZ_EXAMPLES says."""

import os

EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "300"))
