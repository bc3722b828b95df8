# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The directory of the cache: blobs by content, generations of what is served, and the link to the current one.

``blobs/<md5>`` appears by a rename after it was verified and is never written again. A generation is a tree of hard
links to blobs, built aside, made durable, and shown by one rename of the link ``current``. So a reader sees one whole
generation whenever this program is killed. Private to the collection metalstack.provisioning.
"""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Mapping
from pathlib import Path
from threading import Lock

from .files import remove_tree, sync_directory, write_all
from .manifest import FileEntry, Manifest, ManifestError, parse
from .problems import CacheError, describe

_GENERATION = re.compile(r"[0-9]{8}")
_NUMBERED = re.compile(r"([0-9]{8})(?:\.tmp)?")
_MANIFEST_LIMIT = 256 * 1024 * 1024


class Generations:
    """The cache directory of this host. One process changes it at a time (the lock of the run); anybody may read."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.blobs = directory / "blobs"
        self.generations = directory / "generations"
        self.link = directory / "current"
        self._lock = Lock()
        self._pinned: set[str] = set()

    # reading

    def current(self) -> int | None:
        """Return the number of the generation that is served, or None."""
        try:
            target = Path(os.readlink(self.link))
        except OSError:
            return None
        if target.parent.name != "generations" or not _GENERATION.fullmatch(target.name):
            return None
        return int(target.name) if (self.generations / target.name).is_dir() else None

    def manifest(self, number: int) -> Manifest:
        """Read the manifest of a generation. Raises :class:`ManifestError`."""
        try:
            with (self._tree(number) / "manifest.json").open("rb") as file:
                return parse(file.read(_MANIFEST_LIMIT))
        except OSError as error:
            raise ManifestError(f"it cannot be read: {error.strerror}") from None

    def blob(self, md5: str) -> Path:
        """Return where the content with this MD5 lies, if this host has it."""
        return self.blobs / md5

    def served(self, number: int, key: str) -> Path:
        """Return the file that nginx serves for ``key`` in a generation."""
        return self._tree(number) / "www" / key

    def numbers(self) -> list[int]:
        """Return the numbers of all whole generations, oldest first."""
        try:
            return sorted(int(name) for name in os.listdir(self.generations) if _GENERATION.fullmatch(name))
        except FileNotFoundError:
            return []

    def damage(self, number: int, key: str, entry: FileEntry) -> str | None:
        """Say what is wrong with a served file and its checksum file, as far as that shows without reading."""
        path = self.served(number, key)
        try:
            status = os.lstat(path)
            sidecar = os.lstat(f"{path}.md5")
            blob = os.lstat(self.blob(entry.md5))
        except OSError as error:
            return f"{error.strerror or error}: {error.filename}"
        if not os.path.samestat(status, blob):
            return "it is not the verified file"
        if status.st_size != entry.size:
            return f"it has {status.st_size} bytes instead of {entry.size}"
        if int(status.st_mtime) != entry.mtime:
            return "it was modified"
        if sidecar.st_size != len(checksum_line(key, entry.md5)):
            return "its checksum file was modified"
        return None

    # changing

    def prepare(self) -> None:
        """Make the directories and remove what an interrupted run left. Raises :class:`CacheError`."""
        try:
            for path in (self.blobs, self.generations):
                path.mkdir(parents=True, exist_ok=True)
            self._scratch_link().unlink(missing_ok=True)
            current = self.current()
            for name in os.listdir(self.generations):
                match = _NUMBERED.fullmatch(name)
                # a whole generation above the current one was built and never shown; without a current one the
                # newest may be all there is, and is kept until a run publishes again
                if match and (name.endswith(".tmp") or (current is not None and int(match.group(1)) > current)):
                    self._discard(self.generations / name)
        except OSError as error:
            raise describe(error) from None

    def add_blob(self, staged: Path, md5: str) -> Path:
        """Take a verified and synced file into the blobs by a rename; content that is there already stays.

        Raises :class:`CacheError`.
        """
        target = self.blob(md5)
        try:
            # replacing would split one content into two inodes, and break the modification times of manifests
            with self._lock:
                self._pinned.add(md5)
                if target.exists():
                    staged.unlink()
                else:
                    os.rename(staged, target)
            sync_directory(self.blobs)
        except OSError as error:
            raise describe(error) from None
        return target

    def pin(self, md5: str) -> Path:
        """Keep a blob, if it is there, until :meth:`unpin`: it is about to be published. Returns where it lies."""
        with self._lock:
            self._pinned.add(md5)
        return self.blob(md5)

    def unpin(self) -> None:
        """Let all blobs go that no generation holds."""
        with self._lock:
            self._pinned.clear()

    def publish(self, files: Mapping[str, FileEntry], created: str) -> int:
        """Show exactly ``files``, whose blobs are all there. Returns the number of the new generation.

        Whatever fails, the generation that was served stays. Raises :class:`CacheError`.
        """
        previous = self.current()
        number = self._next()
        scratch = self.generations / f"{number:08d}.tmp"
        try:
            try:
                self._build(scratch, previous, Manifest(created, files))
                os.rename(scratch, self._tree(number))
                sync_directory(self.generations)
                self._show(number)
            except OSError as error:
                with contextlib.suppress(OSError):
                    remove_tree(scratch)
                    if self.current() != number:
                        remove_tree(self._tree(number))
                raise describe(error) from None
        finally:
            with contextlib.suppress(OSError):
                self._scratch_link().unlink(missing_ok=True)
        return number

    def prune(self, keep: int, maximum_bytes: int | None) -> int:
        """Remove old generations and the blobs nobody needs; returns the bytes freed.

        ``keep`` generations stay, fewer when their blobs exceed ``maximum_bytes``, the current one always.
        So do pinned blobs. Raises :class:`CacheError`.
        """
        current = self.current()
        try:
            needed = set() if current is None else self._blobs_of(current)
        except ManifestError as error:
            raise CacheError(f"The manifest of generation {current} cannot be used: {error}.") from None
        try:
            sizes = {entry.name: entry.stat().st_size for entry in os.scandir(self.blobs)}
            total = sum(sizes.get(name, 0) for name in needed)
            kept = 1
            for number in reversed(self.numbers()):
                if number == current:
                    continue
                try:
                    more = self._blobs_of(number) - needed
                except ManifestError:
                    more = set()
                    kept = keep  # nothing older than a broken one is worth keeping
                total += sum(sizes.get(name, 0) for name in more)
                if kept >= keep or (maximum_bytes is not None and total > maximum_bytes):
                    self._discard(self._tree(number))
                    kept = keep
                else:
                    needed |= more
                    kept += 1
            freed = 0
            for name, size in sizes.items():
                with self._lock:
                    if name not in needed and name not in self._pinned:
                        self.blob(name).unlink(missing_ok=True)
                        freed += size
        except OSError as error:
            raise describe(error) from None
        return freed

    # parts

    def _tree(self, number: int) -> Path:
        return self.generations / f"{number:08d}"

    def _scratch_link(self) -> Path:
        return self.directory / "current.new"

    def _next(self) -> int:
        names = (_NUMBERED.fullmatch(name) for name in os.listdir(self.generations))
        return max([int(match.group(1)) for match in names if match] + [self.current() or 0]) + 1

    def _blobs_of(self, number: int) -> set[str]:
        return {entry.md5 for entry in self.manifest(number).files.values()}

    def _build(self, scratch: Path, previous: int | None, manifest: Manifest) -> None:
        old: Mapping[str, FileEntry] = {}
        if previous is not None:
            with contextlib.suppress(ManifestError):
                old = self.manifest(previous).files
        directories = {scratch, scratch / "www"}
        (scratch / "www").mkdir(parents=True)
        for key, entry in sorted(manifest.files.items()):
            path = scratch / "www" / key
            parent = path.parent
            if parent not in directories:
                parent.mkdir(parents=True, exist_ok=True)
            while parent not in directories:
                directories.add(parent)
                parent = parent.parent
            os.link(self.blob(entry.md5), path)
            before = old.get(key)
            if previous is None or before is None or before.md5 != entry.md5 or before.mtime != entry.mtime:
                self._write_checksum(path, key, entry)
            else:
                try:
                    self._link_checksum(self.served(previous, key), path, key, entry)
                except OSError:
                    self._write_checksum(path, key, entry)
        self._write(scratch / "manifest.json", manifest.dump(), None)
        # deepest first, so that a directory is durable before the name that leads to it
        for directory in sorted(directories, key=lambda item: len(item.parts), reverse=True):
            sync_directory(directory)

    def _link_checksum(self, old: Path, path: Path, key: str, entry: FileEntry) -> None:
        """Share the checksum file with the previous generation if it is whole; it costs no inode and no flush."""
        with open(f"{old}.md5", "rb") as file:
            if file.read(256 + len(key)) != checksum_line(key, entry.md5):
                raise FileNotFoundError
        os.link(f"{old}.md5", f"{path}.md5")

    def _write_checksum(self, path: Path, key: str, entry: FileEntry) -> None:
        self._write(Path(f"{path}.md5"), checksum_line(key, entry.md5), entry.mtime)

    def _write(self, path: Path, content: bytes, mtime: int | None) -> None:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o444)
        try:
            write_all(descriptor, content)
            if mtime is not None:
                # the same on every cache host, so that validators of nginx agree between them
                os.utime(descriptor, (mtime, mtime))
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def _show(self, number: int) -> None:
        scratch = self._scratch_link()
        scratch.unlink(missing_ok=True)
        os.symlink(f"generations/{number:08d}", scratch)
        os.replace(scratch, self.link)
        sync_directory(self.directory)

    def _discard(self, path: Path) -> None:
        """Remove a generation; it loses its name first, so that a half removed one never counts as whole."""
        doomed = path if path.name.endswith(".tmp") else path.with_name(f"{path.name}.tmp")
        if doomed != path:
            remove_tree(doomed)
            os.rename(path, doomed)
        remove_tree(doomed)


def checksum_line(key: str, md5: str) -> bytes:
    """Return the content of ``<path>.md5``, as ``md5sum`` writes it."""
    return f"{md5}  {key.rpartition('/')[2]}\n".encode()
