"""What must not stand in logs."""

import logging
import re

_SHARED = re.compile(r"/s/[^/?\s]+")


class WithoutTokens(logging.Filter):
    """Leaves out the tokens of share links: whoever reads the log could open them."""

    def filter(self, record: logging.LogRecord) -> bool:
        if isinstance(record.args, tuple):
            record.args = tuple(
                _SHARED.sub("/s/…", given) if isinstance(given, str) else given for given in record.args
            )
        return True
