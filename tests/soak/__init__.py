"""Long scenarios in the lab, many rounds of each; see __main__.py."""
