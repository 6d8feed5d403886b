#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# runs: host
# timeout: 2400
#
# What README says for a machine that gets new kernels, done in a VM (tests/install/vm starts it,
# with all that dkms needs on a disk): `make dkms`, load what it built, use it, remove it.
. "$(dirname "$0")/../lib/lib.sh"
. "$(dirname "$0")/disk.sh"

RELEASE=$(uname -r)

status()
{
	on_disk dkms status cookiebox
}

knows_nothing()
{
	status >"$TMPDIR/status" && ! grep . "$TMPDIR/status"
}

build()
{
	on_disk make -C /root/cookiebox dkms && return
	find $DISK/var/lib/dkms -name make.log -exec tail -n 20 {} +
	return 1
}

installed()
{
	status | grep -qF "$RELEASE" && status | grep -q ': installed'
}

without_warning()
{
	find $DISK/var/lib/dkms -name make.log -exec cat {} + >"$TMPDIR/log"
	grep -q 'LD \[M\]' "$TMPDIR/log" && ! grep -i 'warning:' "$TMPDIR/log"
}

removed()
{
	on_disk make -C /root/cookiebox uninstall &&
		[ -z "$(find $DISK/usr/src -maxdepth 1 -name 'cookiebox-*')" ]
}

# The one that dkms put there, not another.
loaded()
{
	on_disk modprobe cookiebox &&
		on_disk modinfo -n cookiebox | grep "/$RELEASE/updates/dkms/cookiebox.ko" &&
		[ "$(cat /sys/module/cookiebox/srcversion)" = "$(on_disk modinfo -F srcversion cookiebox)" ]
}

serves()
{
	cookiebox service add web port 80 mode local && cookiebox service show web | grep -q local
}

plan
check "the disk" enter
check "dkms knows nothing of cookiebox" knows_nothing
check "make dkms" build
check "dkms has installed it for $RELEASE" installed
check "without a warning" without_warning
check "modprobe finds and loads it" loaded
check "the tool configures it" serves
check "it unloads" rmmod cookiebox
check "make uninstall takes it and its source away" removed
check "dkms knows nothing of it again" knows_nothing
leave
finish
