"""States of runs: what one holds, when it is kept, and how a run that stopped or ended goes on from it."""
