"""Where the answers are meant to differ. Each entry names the row of docs/compatibility.md that gives the reason, and what this
server answers instead; the test fails when the row, or the difference, is gone."""

# {"cases": names, "step": its number from 0, "row": the first cell of the row, "status": ours, "message": a part of ours}
DEVIATIONS = []
