"""What happened, record by record: JSON lines in a file, and a list in memory."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any


class History:
    """Records of a run.

    Args:
        path: The file that grows by one line a record; None keeps them in memory only.
    """

    def __init__(self, path: Path | None = None) -> None:
        self.records: list[dict[str, Any]] = []
        self._file = path.open("a", encoding="utf-8") if path else None

    def add(self, record: dict[str, Any]) -> None:
        """Append one record; the file gets whole lines only."""
        self.records.append(record)
        if self._file:
            self._file.write(json.dumps(record, allow_nan=True) + "\n")
            self._file.flush()

    def close(self) -> None:
        if self._file:
            self._file.close()
