"""What people look at: the HTML report. Reads tables only."""
