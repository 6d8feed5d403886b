# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# The disk that tests/install/vm made, in the VM.
DISK=/mnt

enter()
{
	modprobe -a virtio_blk ext4 && mount /dev/vda $DISK &&
		mount -t proc proc $DISK/proc && mount -t sysfs sysfs $DISK/sys &&
		mount --bind /dev $DISK/dev
}

leave()
{
	umount $DISK/dev $DISK/sys $DISK/proc $DISK
}

on_disk()
{
	unshare --root=$DISK env -i PATH=/usr/sbin:/usr/bin HOME=/root LC_ALL=C "$@"
}
