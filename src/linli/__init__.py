"""linli (邻里): the platform that a city's communities run on. Start reading in ARCHITECTURE.md."""

__version__ = "0.1.0"
