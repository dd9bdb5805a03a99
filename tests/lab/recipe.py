"""How the image of the lab is made: Debian packages, a few files of ours, daemons disabled.

The sources are the host's own apt sources of Debian, with the host's proxy and certificate
settings. This module and the folder guest/ are the image's inputs: `input_hash` tells when
an image is out of date.
"""

from __future__ import annotations

import hashlib
import os
import shlex
import shutil
import subprocess
from pathlib import Path

GUEST = Path(__file__).with_name("guest")
KERNEL_PACKAGE = "user-mode-linux"
# Any fixed value will do: nodes are told apart by name, and a set one spares a first-boot step.
MACHINE_ID = "6d6f6f646c652d68612d6c6162000000"


class ImageError(Exception):
    """The image cannot be built; the text says which step failed and why."""


def run(command: list[str], **options: object) -> str:
    """Run a command and return its stdout; ImageError with its last words if it fails."""
    done = subprocess.run(  # type: ignore[call-overload]
        command,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        **options,
    )
    if done.returncode != 0:
        words = "\n".join((done.stderr or done.stdout).strip().splitlines()[-15:])
        raise ImageError(f"{shlex.join(command)} ended with {done.returncode}:\n{words}")
    return str(done.stdout)


def read_list(name: str) -> list[str]:
    """Return the words of a file in guest/: one a line, comments and blank lines left out."""
    lines = (line.partition("#")[0].strip() for line in (GUEST / name).read_text().splitlines())
    return [line for line in lines if line]


def host_suite() -> str:
    """Return the host's Debian suite, for example bookworm: the image is of the same one."""
    for line in Path("/etc/os-release").read_text().splitlines():
        if line.startswith("VERSION_CODENAME="):
            return line.partition("=")[2].strip('"')
    raise ImageError("/etc/os-release names no VERSION_CODENAME: the lab needs a Debian host")


def input_hash() -> str:
    """Return the key of the image: a hash of all that goes into it but the packages' bytes."""
    digest = hashlib.sha256(host_suite().encode())
    for path in [Path(__file__), *sorted(p for p in GUEST.iterdir() if p.is_file())]:
        content = path.read_bytes()
        digest.update(f"{path.name} {len(content)}\n".encode() + content)
    return digest.hexdigest()[:16]


def debian_sources() -> str:
    """Return the host's sources of Debian packages in the one-line format of sources.list."""
    fields = ["ORIGIN", "CODENAME", "SIGNED_BY", "REPO_URI", "RELEASE", "COMPONENT"]
    command = ["apt-get", "indextargets", "--format", "\t".join(f"$({f})" for f in fields)]
    command.append("Created-By: Packages")
    suite = host_suite()
    lines = set()
    for line in run(command).splitlines():
        origin, codename, signed_by, uri, release, component = line.split("\t")
        if origin == "Debian" and codename.startswith(suite) and component == "main":
            option = f"[signed-by={signed_by}] " if signed_by.startswith("/") else ""
            lines.add(f"deb {option}{uri} {release} {component}\n")
    return "".join(sorted(lines))


def acquire_settings() -> str:
    """Return the host's apt settings for fetching (proxy, certificates), as apt.conf text."""
    dump = run(["apt-config", "dump", "Acquire::http", "Acquire::https"])
    dump += run(["apt-config", "dump", "Acquire::Retries"])
    settings = [line for line in dump.splitlines() if not line.endswith(' "";')]
    return "\n".join(settings) + "\n"


def install_packages(root: Path, debs: Path) -> None:
    """Make `root` a Debian system with the packages of the list, keeping the .debs in `debs`."""
    debs.mkdir(parents=True, exist_ok=True)
    sources = debian_sources()
    if not sources:
        run(["apt-get", "update", "-q"])
        sources = debian_sources()
    if not sources:
        raise ImageError(f"the host's apt sources have no Debian archive of {host_suite()}")
    work = root.parent
    (work / "sources.list").write_text(sources)
    (work / "apt.conf").write_text(acquire_settings())
    cache = shlex.quote(str(debs))
    archives = '"$1"/var/cache/apt/archives'
    excluded = ["/usr/share/doc/*", "/usr/share/man/*", "/usr/share/locale/*"]
    command = ["mmdebstrap", "--mode=root", "--variant=minbase", "--format=directory"]
    command += ['--aptopt=Acquire::Languages "none"', '--aptopt=APT::Install-Recommends "false"']
    command += [f"--aptopt={work / 'apt.conf'}", "--dpkgopt=force-unsafe-io"]
    command += [f"--dpkgopt=path-exclude={pattern}" for pattern in excluded]
    command += ["--skip=download/empty", "--skip=essential/unlink", "--skip=cleanup/apt/cache"]
    command += [f"--setup-hook=mkdir -p {archives} && cp -al {cache}/. {archives}/"]
    command += [
        f"--customize-hook=find {archives} -name '*.deb' -exec cp -n -t {cache} {{}} +"
        f" && find {archives} -name '*.deb' -delete"
    ]
    command += ["--include=" + ",".join(read_list("packages.txt"))]
    run([*command, host_suite(), str(root), str(work / "sources.list")])
    forget_unused(root, debs)


def forget_unused(root: Path, debs: Path) -> None:
    """Delete the cached .debs that are not the version installed in `root`."""
    wanted = set()
    pattern = "${Package}_${Version}_${Architecture}.deb\n"
    for name in run(["dpkg-query", f"--admindir={root}/var/lib/dpkg", "-W", "-f", pattern]).split():
        wanted.add(name.replace(":", "%3a"))
    for path in debs.glob("*.deb"):
        if path.name not in wanted:
            path.unlink()


def unpack_kernel(target: Path, debs: Path) -> None:
    """Unpack (not install) the User-Mode-Linux package to `target`."""
    folder = debs / KERNEL_PACKAGE
    folder.mkdir(parents=True, exist_ok=True)
    download = ["apt-get", "download", "-q", KERNEL_PACKAGE]
    try:
        run(download, cwd=folder)
    except ImageError:  # the host's package lists may be old
        run(["apt-get", "update", "-q"])
        run(download, cwd=folder)
    newest = max(folder.glob("*.deb"), key=lambda path: path.stat().st_mtime)
    for path in folder.glob("*.deb"):
        if path != newest:
            path.unlink()
    run(["dpkg-deb", "--extract", str(newest), str(target)])


def disable_daemons(root: Path) -> None:
    """Disable every unit and init script that is not in the list of enabled units."""
    allowed = read_list("enabled-units.txt")
    listed = run(
        ["chroot", str(root), "systemctl", "list-unit-files", "--state=enabled", "--no-legend"]
    )
    enabled = {line.split()[0] for line in listed.splitlines() if line.strip()}
    for unit in sorted(enabled.difference(allowed)):
        run(["chroot", str(root), "systemctl", "disable", unit])
    for link in root.glob("etc/rc[S0-9].d/S*"):
        link.unlink()
    for unit in allowed:
        run(["chroot", str(root), "systemctl", "enable", unit])


def set_up_guest(root: Path, kernel: Path) -> None:
    """Add what the image needs besides packages: our files, kernel modules, a short boot."""
    placed = {
        "lab-agent": ("usr/local/sbin/lab-agent", 0o755),
        "lab-boot": ("usr/local/sbin/lab-boot", 0o755),
        "fence_lab": ("usr/sbin/fence_lab", 0o755),
        "lab-agent.service": ("etc/systemd/system/lab-agent.service", 0o644),
        "journald.conf": ("etc/systemd/journald.conf.d/lab.conf", 0o644),
        "system.conf": ("etc/systemd/system.conf.d/lab.conf", 0o644),
    }
    for name, (path, mode) in placed.items():
        target = root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(GUEST / name, target)
        target.chmod(mode)
    disable_daemons(root)
    for unit in read_list("masked-units.txt"):
        link = root / "etc/systemd/system" / unit
        link.unlink(missing_ok=True)
        link.symlink_to("/dev/null")
    run(["chroot", str(root), "systemctl", "set-default", "multi-user.target"])
    run(["chroot", str(root), "passwd", "-d", "root"])
    (root / "etc/fstab").write_text("")
    (root / "etc/hostname").write_text("node\n")
    (root / "etc/machine-id").write_text(MACHINE_ID + "\n")
    (root / "src").mkdir()
    shutil.copytree(kernel / "usr/lib/uml/modules", root / "lib/modules", dirs_exist_ok=True)


def build(target: Path, debs: Path) -> None:
    """Build the image into the empty folder `target`: `root` (system) and `uml` (kernel).

    `debs` is the cache of downloaded packages. Raises ImageError.
    """
    if os.geteuid() != 0:
        raise ImageError("the image of the lab can only be built by root")
    if shutil.which("mmdebstrap") is None:
        raise ImageError("mmdebstrap is not installed: see tests/lab/host-packages.txt")
    unpack_kernel(target / "uml", debs)
    install_packages(target / "root", debs)
    set_up_guest(target / "root", target / "uml")


def make_disk(root: Path, disk: Path) -> None:
    """Write the ext4 image `disk` with the content of `root` (sparse file of 4 GB)."""
    with open(disk, "wb") as file:
        file.truncate(4 << 30)
    command = ["mkfs.ext4", "-q", "-F", "-d", str(root), "-L", "root", "-m", "0"]
    command += ["-E", "lazy_itable_init=0,nodiscard", "-J", "size=16", "-O", "^metadata_csum"]
    run([*command, str(disk)])
