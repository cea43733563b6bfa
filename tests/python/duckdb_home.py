"""Extensions of DuckDB where it looks for them: the Python earthcatalog loads them, and nothing may be downloaded."""

import importlib
import pathlib
import shutil


def place_extensions(home):
    """Copies those of the installed wheels below `home`, as DuckDB lays them."""
    for name in ("spatial", "icu", "parquet", "json"):
        package = pathlib.Path(importlib.import_module(f"duckdb_extension_{name}").__file__).parent
        (extension,) = package.glob("extensions/*/*.duckdb_extension")
        for platform in ("linux_amd64", "linux_arm64", "osx_amd64", "osx_arm64"):
            folder = home / ".duckdb/extensions" / extension.parent.name / platform
            folder.mkdir(parents=True, exist_ok=True)
            shutil.copy(extension, folder)
