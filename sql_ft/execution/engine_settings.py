"""Settings of every DuckDB that reads what a stranger wrote."""

from __future__ import annotations


def engine_settings(memory_limit: str) -> dict[str, str | bool | int | float | list[str]]:
    """One thread, nothing on disk, no extension, no variable of Python.

    Files stay readable: the caller sets ``enable_external_access`` to false by a statement of
    its own (beside these settings DuckDB refuses to set the folder), at once or after it has
    named the one file, and locks the configuration.

    Args:
        memory_limit: DuckDB's own, with its unit: ``512MB``.
    """
    return {
        "threads": 1,
        # Four a core by default: their stacks and arenas fill the address space.
        "async_threads": 0,
        "memory_limit": memory_limit,
        # With a folder a full memory shows as a failed write to it, an error of no certain kind.
        "temp_directory": "",
        "max_temp_directory_size": "0KB",
        "autoinstall_known_extensions": False,
        "autoload_known_extensions": False,
        "allow_community_extensions": False,
        "allow_unsigned_extensions": False,
        "python_enable_replacements": False,
        "python_scan_all_frames": False,
    }
