#!/bin/sh
# Boots this machine's own systemd, unharmed by it: boot.sh DIRECTORY CGROUP, in a mount namespace of its own, whose end
# is the end of all that is mounted here. The root is this machine's file system below a layer in memory; devices,
# processes, cgroups and the network are new ones. None of the machine's own units starts.
set -eu
directory=$1
cgroup=$directory/cgroups/$2

mount --make-rprivate /
mount -t tmpfs -o mode=755 tmpfs "$directory"
mkdir "$directory/changes" "$directory/work" "$directory/root" "$directory/cgroups"
mount -t overlay -o "lowerdir=/,upperdir=$directory/changes,workdir=$directory/work" overlay "$directory/root"
# Directories of credentials are mounted in a namespace that passes them on.
mount --make-rshared "$directory/root"
mount -t cgroup2 cgroup2 "$directory/cgroups"
mkdir "$cgroup"

inside='
set -eu
cd "$1"
mount -t proc proc proc
mount --bind proc/sys proc/sys
mount -o remount,bind,ro proc/sys
for empty in run tmp dev sys var/log var/tmp etc/systemd/system etc/systemd/system-generators \
  usr/lib/systemd/system-generators usr/lib/systemd/system/sysinit.target.wants; do
  mkdir -p "$empty"
  mount -t tmpfs -o mode=755 tmpfs "$empty"
done
chmod 1777 tmp var/tmp
mkdir dev/shm dev/pts sys/fs sys/fs/cgroup
mount -t tmpfs -o mode=1777 tmpfs dev/shm
for device in null zero full random urandom tty; do cp -a "/dev/$device" dev; done
ln -s /proc/self/fd dev/fd
mount -t cgroup2 cgroup2 sys/fs/cgroup
: > etc/fstab
rm -rf etc/lantern var/lib/lantern etc/machine-id
echo 0123456789abcdef0123456789abcdef > etc/machine-id
printf "[Unit]\nRequires=basic.target\nAfter=basic.target\n" > etc/systemd/system/booted.target
exec chroot . env -i container=test /usr/lib/systemd/systemd --unit=booted.target --show-status=no
'
status=0
(
  echo 0 > "$cgroup/cgroup.procs"
  exec unshare --mount --propagation unchanged --pid --fork --kill-child --uts --ipc --net --cgroup \
    sh -c "$inside" sh "$directory/root"
) || status=$?
find "$cgroup" -depth -type d -exec rmdir {} +
exit $status
