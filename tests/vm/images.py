# SPDX-License-Identifier: GPL-2.0
"""Makes the archives a VM boots from: programs, kernel modules, and the tree under test.

The first two change rarely and are kept in the cache, keyed by what went into them.
"""

import glob
import hashlib
import importlib.util
import lzma
import os
import py_compile
import re
import shutil
import subprocess
import tempfile

from cpio import Archive

PROGRAMS = """bash sh busybox ip ss tc bridge nft xtables-nft-multi xtables-legacy-multi curl wrk
tcpdump conntrack ipvsadm socat iperf3 trafgen mausezahn ethtool nginx python3 perl env timeout sleep date
cat cp mv rm ln ls mkdir rmdir mktemp touch chmod chown dd head tail tr sort uniq wc cut seq tee
stat id uname sync mount umount mountpoint pivot_root dmesg hostname grep egrep sed awk gawk find
xargs ps pgrep pkill kill sysctl lsmod modprobe insmod rmmod modinfo depmod setpriv unshare nsenter
taskset nice chrt ping tar cmp diff md5sum sha256sum od xxd truncate basename dirname readlink realpath
expr printf test true false yes flock which nproc free vmstat slabtop getent openssl jq split comm
paste nohup stdbuf base64 cksum capsh top bc bpftool""".split()

# Loaded by tests or on demand; dependencies follow by themselves.
MODULES = """veth dummy ifb ipvlan macvlan macvtap vrf 8021q bridge br_netfilter vxlan geneve tun bonding
nf_tables nft_* nf_conntrack* nf_nat* nf_tproxy* nf_defrag* nf_socket* nf_reject* nf_flow_table*
nf_synproxy_core nf_log* nfnetlink* x_tables ip_tables ip6_tables iptable_* ip6table_* xt_*
ipt_* ip6t_* ip_set* ip_vs* sch_* cls_* act_* em_* inet_diag tcp_diag udp_diag mptcp_diag
netlink_diag unix_diag af_packet_diag tcp_bbr tcp_dctcp tcp_vegas xfrm* esp4 esp6 ah4 ah6
virtio_pci virtio_console
virtio_net virtio_blk virtio_rng squashfs overlay loop pktgen libcrc32c crc32c* psmouse_none
ip_tunnel ipip sit ip_gre gre ip6_tunnel wireguard md5 authenc cbc
crypto_null""".split()

PYTHON_SKIP = re.compile(r"/(test|tests|idlelib|lib2to3|ensurepip|tkinter|turtledemo|pydoc_data|"
                         r"config-3[^/]*|dist-packages|unittest/test|distutils)(/|$)")
LIBRARY_PATH = "/usr/lib/x86_64-linux-gnu"


def libraries(paths):
    """What the dynamic linker would load for these programs."""
    out = subprocess.run(["ldd", *paths], capture_output=True, text=True, check=False).stdout
    found = set(re.findall(r"(?:=> |^\s+)(/\S+) \(0x", out, re.M))
    return sorted(found)


def find_program(name, guest):
    path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    system = os.pathsep.join(p for p in path.split(":") if "local" not in p)
    for folder in (f"{guest}/usr/sbin", f"{guest}/usr/bin"):
        if os.access(f"{folder}/{name}", os.X_OK):
            return f"{folder}/{name}"
    return shutil.which(name, path=system)


def merged(path):
    """The name of a file on a system with merged /usr."""
    return path if path.startswith("/usr/") else "/usr" + path


def add_python(archive):
    real = os.path.realpath("/usr/bin/python3")
    version = os.path.basename(real)
    archive.file(real, real)
    archive.symlink("/usr/bin/python3", version)
    binaries = [real]
    for folder, _, files in os.walk(f"/usr/lib/{version}"):
        if PYTHON_SKIP.search(folder):
            continue
        for name in files:
            source = f"{folder}/{name}"
            if os.path.isfile(source):
                archive.file(source, os.path.realpath(source))
            if name.endswith(".so"):
                binaries.append(source)
    return binaries


def add_programs(archive, guest):
    binaries = []
    for name in PROGRAMS:
        source = find_program(name, guest)
        if name == "python3" or not source:
            continue
        real = os.path.realpath(source)
        folder = "/usr/sbin" if "/sbin/" in source else "/usr/bin"
        archive.file(f"{folder}/{name}", real)
        binaries.append(real)
    for family in ("ip", "ip6"):
        for verb in ("tables", "tables-save", "tables-restore"):
            for backend in ("nft", "legacy"):
                stem, _, rest = verb.partition("-")
                name = f"{family}{stem}-{backend}" + (f"-{rest}" if rest else "")
                archive.symlink(f"/usr/sbin/{name}", f"xtables-{backend}-multi")
            archive.symlink(f"/usr/sbin/{family}{verb}", "xtables-nft-multi")
        archive.symlink(f"/usr/sbin/{family}tables-translate", "xtables-nft-multi")
    return binaries


def add_configuration(archive, guest):
    for name in ("protocols", "services", "nsswitch.conf", "ethertypes", "ssl/openssl.cnf",
                 "iproute2/rt_tables", "iproute2/rt_protos", "iproute2/rt_scopes", "gai.conf",
                 "netsniff-ng/ether.conf"):
        if os.path.exists(f"/etc/{name}"):
            archive.file(f"/etc/{name}", os.path.realpath(f"/etc/{name}"))
    archive.data("/etc/passwd", b"root:x:0:0:root:/root:/bin/bash\n"
                 b"www-data:x:33:33::/var/www:/bin/false\nnobody:x:65534:65534::/:/bin/false\n")
    archive.data("/etc/group", b"root:x:0:\nwww-data:x:33:\nnogroup:x:65534:\n")
    archive.data("/etc/hosts", b"127.0.0.1 localhost guest\n::1 localhost\n")
    for folder, _, files in os.walk(f"{guest}/etc/nginx"):
        for name in files:
            source = f"{folder}/{name}"
            archive.file(source[len(guest):], source)
    if os.path.exists("/etc/p0f/p0f.fp"):
        archive.file("/etc/p0f/p0f.fp", "/etc/p0f/p0f.fp")


def add_tree(archive, folder):
    for path, _, files in os.walk(folder):
        for name in files:
            archive.file(f"{path}/{name}", os.path.realpath(f"{path}/{name}"))


def write_base(path, guest):
    archive = Archive(path)
    for folder in ("proc", "sys", "dev", "run", "tmp", "root", "mnt", "etc", "usr/bin", "usr/sbin",
                   "usr/lib", "usr/lib64", "var/log/nginx", "var/lib/nginx", "var/tmp", "var/www",
                   "opt/guest", "out", "cookiebox"):
        archive.directory(folder)
    archive.node("dev/console", 5, 1)
    archive.node("dev/null", 1, 3)
    for name in ("bin", "sbin", "lib", "lib64"):
        archive.symlink(name, f"usr/{name}")
    archive.symlink("var/run", "/run")
    binaries = add_programs(archive, guest) + add_python(archive)
    add_configuration(archive, guest)
    for folder in (f"{LIBRARY_PATH}/xtables", "/usr/lib/iproute2", f"{LIBRARY_PATH}/tc",
                   "/usr/lib/tc"):
        if os.path.isdir(folder):
            add_tree(archive, folder)
    perl = f"{LIBRARY_PATH}/perl-base"
    if os.path.isdir(perl):
        add_tree(archive, perl)
    extra = [f"{LIBRARY_PATH}/{n}" for n in ("libnss_files.so.2", "libgcc_s.so.1")]
    for library in sorted(set(libraries(binaries) + [e for e in extra if os.path.exists(e)])):
        archive.file(merged(library), os.path.realpath(library))
    archive.close()


def base_archive(cache, top):
    """The archive with the programs; made anew when a program or this file has changed."""
    guest = os.path.realpath(f"{top}/build/guest")
    digest = hashlib.sha256()
    for source in (__file__, f"{os.path.dirname(__file__)}/cpio.py"):
        with open(source, "rb") as handle:
            digest.update(handle.read())
    for name in PROGRAMS:
        source = find_program(name, guest)
        if source:
            info = os.stat(source)
            digest.update(f"{name} {info.st_size} {info.st_mtime_ns}\n".encode())
    return cached(cache, f"base-{digest.hexdigest()[:16]}.cpio",
                  lambda path: write_base(path, guest))


def cached(cache, name, write):
    folder = f"{cache}/guest-images"
    os.makedirs(folder, exist_ok=True)
    path = f"{folder}/{name}"
    if not os.path.exists(path):
        handle, temporary = tempfile.mkstemp(dir=folder)
        os.close(handle)
        write(temporary)
        os.rename(temporary, path)
    return path


def module_closure(root, release):
    """Paths below lib/modules/RELEASE of the wanted modules and all they depend on."""
    depends = {}
    with open(f"{root}/lib/modules/{release}/modules.dep", encoding="ascii") as handle:
        for line in handle:
            name, _, rest = line.partition(":")
            depends[name] = rest.split()
    wanted = re.compile("^(" + "|".join(m.replace("*", ".*") for m in MODULES) + r")\.ko(\.xz)?$")
    todo = [p for p in depends if wanted.match(os.path.basename(p).replace("-", "_"))]
    closure = set()
    while todo:
        path = todo.pop()
        if path not in closure:
            closure.add(path)
            todo += depends[path]
    return sorted(closure)


def write_modules(path, root, release):
    source = f"{root}/lib/modules/{release}"
    if not os.path.exists(f"{source}/modules.dep"):
        subprocess.run(["/sbin/depmod", "-b", root, release], check=True)
    archive = Archive(path)
    with tempfile.TemporaryDirectory() as work:
        target = f"{work}/lib/modules/{release}"
        for module in module_closure(root, release):
            plain = f"{target}/{module.removesuffix('.xz')}"
            os.makedirs(os.path.dirname(plain), exist_ok=True)
            opener = lzma.open if module.endswith(".xz") else open
            with opener(f"{source}/{module}", "rb") as inp, open(plain, "wb") as out:
                shutil.copyfileobj(inp, out)
        for name in os.listdir(source):
            if re.match(r"modules\.(order|builtin)", name):
                shutil.copy(f"{source}/{name}", target)
        subprocess.run(["/sbin/depmod", "-b", work, release], check=True)
        for folder, _, files in os.walk(target):
            for name in files:
                full = f"{folder}/{name}"
                archive.file("/usr" + full[len(work):], full)
    archive.close()


def modules_archive(cache, root, release):
    with open(__file__, "rb") as handle:
        digest = hashlib.sha256(handle.read() + os.path.realpath(root).encode()).hexdigest()[:16]
    return cached(cache, f"modules-{release}-{digest}.cpio",
                  lambda path: write_modules(path, root, release))


def add_compiled(archive, top, work):
    """Python modules of tests, translated here: an emulated processor is long at that, too."""
    for source in glob.glob(f"{top}/tests/lib/*.py"):
        py_compile.compile(source, work, source.replace(top, "/cookiebox", 1), doraise=True,
                           invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH)
        archive.file("/cookiebox" + importlib.util.cache_from_source(source)[len(top):], work)


def tree_archive(path, top, release, jobs):
    """What is under test: module, tool, iptables extension, test scripts, the jobs to run."""
    archive = Archive(path)
    archive.file("/init", f"{top}/tests/lib/guest-init")
    archive.data("/jobs", jobs.encode())
    binaries = []
    for name in ("cookiebox", "libxt_COOKIEBOX.so"):
        if os.path.exists(f"{top}/build/{name}"):
            archive.file(f"/cookiebox/build/{name}", f"{top}/build/{name}")
            binaries.append(f"{top}/build/{name}")
    module = f"build/{release}/cookiebox.ko"
    if os.path.exists(f"{top}/{module}"):
        # As packages ship it. An emulated processor is long at reading debug information.
        subprocess.run(["strip", "--strip-debug", "-o", f"{path}.ko", f"{top}/{module}"], check=True)
        archive.file(f"/cookiebox/{module}", f"{path}.ko")
    if os.path.exists(f"{top}/build/libxt_COOKIEBOX.so"):
        archive.symlink(f"{LIBRARY_PATH}/xtables/libxt_COOKIEBOX.so",
                        "/cookiebox/build/libxt_COOKIEBOX.so")
    for library in libraries(binaries) if binaries else []:
        archive.file(merged(library), os.path.realpath(library))
    # and what is installed as it is, whose examples and commands are run
    for part in ("tests", *(f"userspace/{p}" for p in ("completion", "etc", "man", "systemd"))):
        for folder, folders, files in os.walk(f"{top}/{part}"):
            folders[:] = [f for f in folders if f != "__pycache__"]
            for name in files:
                source = f"{folder}/{name}"
                if os.path.isfile(source):
                    archive.file("/cookiebox" + source[len(top):], source)
    add_compiled(archive, top, f"{path}.pyc")
    # Numbers for tests/lib/genl.py; pages whose commands are run.
    for name in ("module/uapi/linux/cookiebox.h", *sorted(
            os.path.relpath(p, top) for p in glob.glob(f"{top}/Documentation/*.rst"))):
        archive.file(f"/cookiebox/{name}", f"{top}/{name}")
    for folder, _, files in os.walk(f"{top}/build/guest-files"):
        for name in files:
            source = f"{folder}/{name}"
            archive.file("/cookiebox" + source[len(top):], source)
    archive.close()
