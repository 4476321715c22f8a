"""What pages share: state, texts, jobs, caches, errors and panels."""

__all__: list[str] = []
