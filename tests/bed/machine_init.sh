# Start of a machine of the bed, run by sh as process 1 of its namespaces.
# Arguments: STATE (an empty folder to mount on) IMAGE CHECKOUT NAME PROGRAM (of process 1)
# Says "ready" on stdout once the machine can be entered.
set -eu
state=$1 image=$2 checkout=$3 name=$4 program=$5

mount --make-rprivate /
mount -t tmpfs -o mode=755 tmpfs "$state"
cd "$state"
mkdir upper work root checkout source-upper source-work
mount -t overlay -o "lowerdir=$image,upperdir=$state/upper,workdir=$state/work" overlay root
# An overlay, so that the checkout stays as it is while Python writes its compiled modules.
mount --bind "$checkout" checkout
mount -t overlay \
    -o "lowerdir=$state/checkout,upperdir=$state/source-upper,workdir=$state/source-work" \
    overlay root/src

cd root
mount -t proc proc proc
# The kernel is the host's: its settings outside the network namespace are not to be changed.
[ ! -e proc/sysrq-trigger ] || mount --bind /dev/null proc/sysrq-trigger
for area in kernel vm fs dev; do
    mount --bind "proc/sys/$area" "proc/sys/$area"
    mount -o remount,ro,bind "proc/sys/$area"
done
mount -t sysfs -o ro sysfs sys
mount -t tmpfs -o mode=755 tmpfs dev
for device in null zero full random urandom tty; do
    touch "dev/$device"
    mount --bind "/dev/$device" "dev/$device"
done
mkdir dev/pts dev/shm
mount -t devpts -o newinstance,ptmxmode=666 devpts dev/pts
ln -s pts/ptmx dev/ptmx
ln -s /proc/self/fd dev/fd
mount -t tmpfs -o mode=1777 tmpfs dev/shm
mount -t tmpfs -o mode=755 tmpfs run
mount -t tmpfs -o mode=1777 tmpfs tmp
mkdir run/lock

pivot_root . mnt
umount -l /mnt
cd /
hash -r
hostname "$name"
printf '127.0.0.1 localhost\n::1 localhost\n' >/etc/hosts
ip link set lo up

ln -sfn /src/ocf /usr/lib/ocf/resource.d/moodle
# Agents show their metadata to `nobody`, whatever the umask of whoever made the checkout.
chmod 755 /src
find /src/ocf /src/lib ! -perm -o=r -exec chmod a+rX {} +
exec env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin python3 -ISc "$program" </dev/null
