"""Tackroom, a lab controller: harnesses run recipes, their logs go onto disk through Apache, and become results."""

__version__ = "0.1.0.dev0"
