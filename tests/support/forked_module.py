"""Run as a fork: says what it was told, then ends with the code in its first argument, or waits where there is none."""

import json
import os
import signal
import sys
from pathlib import Path

print(json.dumps({"arguments": sys.argv[1:], "environment": dict(os.environ), "directory": str(Path.cwd())}))
if sys.argv[1:]:
    sys.exit(int(sys.argv[1]))
signal.pause()
