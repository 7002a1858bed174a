"""How many examples the fuzz tests try: few by default, as many as wanted by `FUZZ_EXAMPLES`."""

import os

EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "300"))
