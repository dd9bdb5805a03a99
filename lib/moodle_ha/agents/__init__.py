"""One module per resource agent."""
