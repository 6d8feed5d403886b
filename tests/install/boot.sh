#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# runs: host
# timeout: 300
#
# The installed unit under a systemd of its own (tests/install/vm starts this, with a Debian on a
# disk): the module is loaded at boot, the configuration is in force, reload and stop do as the
# manual says, with all that hardens the unit; and the master outlives a reboot.
. "$(dirname "$0")/../lib/lib.sh"
. "$(dirname "$0")/disk.sh"

# Process 1 of a PID namespace on the disk; its cgroups, its mounts.
boot()
{
	mount -t cgroup2 cgroup $DISK/sys/fs/cgroup 2>/dev/null
	unshare --pid --fork --mount bash -c "mount -t proc proc $DISK/proc &&
		exec unshare --root=$DISK env -i container=vm PATH=/usr/sbin:/usr/bin \
			/lib/systemd/systemd --unit=multi-user.target --log-target=console" \
		</dev/null >>"$TMPDIR/console" 2>&1 &
	BOOTED=$!
}

# inside COMMAND...: where that systemd is process 1.
inside()
{
	nsenter -t "$(pgrep -P $BOOTED)" -p -m -r env -i PATH=/usr/sbin:/usr/bin "$@"
}

booted()
{
	inside systemctl is-system-running 2>/dev/null | grep -qE 'running|degraded'
}

shut_down()
{
	inside systemctl poweroff --force 2>/dev/null
	wait_for 30 gone || kill -9 "$(pgrep -P $BOOTED)"
	wait $BOOTED 2>/dev/null
}

gone()
{
	! kill -0 $BOOTED 2>/dev/null
}

active()
{
	inside systemctl is-active cookiebox >/dev/null
}

services()
{
	(set -o pipefail; cookiebox showconf | sed -n 's/^service add \([a-z]*\) .*/\1/p' | tr '\n' ' ') || echo unknown
}

master()
{
	cookiebox -j key show --secret | jq -r '.pending_master // .master'
}

plan
check "the disk" enter
echo "service add web port 80 mode local" >$DISK/etc/cookiebox.conf
on_disk systemctl enable cookiebox >/dev/null 2>&1
boot
check "systemd boots" wait_for 150 booted
check "the module was loaded" test -d /sys/module/cookiebox
check "the unit is active" wait_for 20 active
check_equal "what the file says is in force" "web " "$(services)"
before=$(master)
echo "service add api port 81 mode local" >>$DISK/etc/cookiebox.conf
check "reload" inside systemctl reload cookiebox
check_equal "has read the file" "web api " "$(services)"
echo "service add api port 81 mode nonsense" >$DISK/etc/cookiebox.conf
check_fails "a reload of nonsense fails" inside systemctl reload cookiebox
check_equal "and changes nothing" "web api " "$(services)"
check_match "the journal of the unit has the line" 'line 1: mode "nonsense" is unknown' \
	"$(cat "$TMPDIR/console"; inside journalctl -u cookiebox 2>/dev/null)"
rm -f $DISK/var/lib/cookiebox/key		# reload has saved it, too
check "stop" inside systemctl stop cookiebox
check_equal "nothing is protected" "" "$(services)"
check_equal "the master is saved, for root only" "600 root" \
	"$(stat -c '%a %U' $DISK/var/lib/cookiebox/key)"
echo "service add web port 80 mode local" >$DISK/etc/cookiebox.conf
shut_down
check "it unloads" rmmod cookiebox
boot
check "systemd boots again" wait_for 150 booted
check "the unit is active again" wait_for 20 active
check_equal "with the master of before" "$before" "$(master)"
shut_down
rmmod cookiebox
[ "$LIB_FAILED" = 0 ] || tail -n 60 "$TMPDIR/console" | sed 's/^/# /'
umount $DISK/sys/fs/cgroup 2>/dev/null
leave
finish
