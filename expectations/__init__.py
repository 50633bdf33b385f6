"""What must hold of the data: suites, the gate, the quarantine, Data Docs."""
