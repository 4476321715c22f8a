"""Measurements that print one table each and write JSON; never part of the app."""

__all__: list[str] = []
