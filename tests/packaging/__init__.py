"""Tests of what users install: the Debian package, `make install` and the generated pages."""
