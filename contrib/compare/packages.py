"""What others made and is compared with: fetched from registries, never kept here. `packages.py FOLDER` fetches all of it."""

import pathlib
import subprocess
import sys
import tarfile

SOURCE = "llama-cpp-python==0.3.36"
LIBRARY = "@node-llama-cpp/linux-x64@3.22.1"


def run(*command, **options):
    return subprocess.run([str(part) for part in command], check=True, **options)


def library(folder):
    """The folder of libraries."""
    libraries = folder / "package/bins/linux-x64"
    if not libraries.exists():
        run("npm", "pack", "--silent", LIBRARY, cwd=folder, stdout=subprocess.DEVNULL)
        with tarfile.open(next(folder.glob("node-llama-cpp-linux-x64-*.tgz"))) as archive:
            archive.extractall(folder, filter="data")
    return libraries


def fetch(folder):
    """The folder of vocabularies and the folder of libraries."""
    package = next(folder.glob("llama_cpp_python-*/"), None)
    if package is None:
        run("pip", "download", "--quiet", "--no-deps", "--no-binary", "llama-cpp-python", SOURCE, "-d", folder)
        with tarfile.open(next(folder.glob("llama_cpp_python-*.tar.gz"))) as archive:
            archive.extractall(folder, filter="data")
        package = next(folder.glob("llama_cpp_python-*/"))
    return package / "vendor/llama.cpp/models", library(folder)


if __name__ == "__main__":
    fetch(pathlib.Path(sys.argv[1]))
