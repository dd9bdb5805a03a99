# Start of a namespace node, run by bash as process 1 of its namespaces.
# Arguments: FOLDER ROOT SOURCE NAME HOSTS (lines "ADDRESS NAME") ADDRESS/LENGTH...
# Waits for a line on stdin before it uses the network, then becomes systemd.
set -eu
folder=$1 root=$2 source=$3 name=$4 hosts=$5
shift 5

mount --make-rprivate /
mount -t overlay overlay \
    -o "lowerdir=$root,upperdir=$folder/upper,workdir=$folder/work" "$folder/root"
cd "$folder/root"
mount -t proc proc proc
# The kernel is the host's: nothing in the node may reboot it (a panicking Pacemaker writes
# to sysrq-trigger) or change its settings outside the node's network namespace.
[ ! -e proc/sysrq-trigger ] || mount --bind /dev/null proc/sysrq-trigger
for area in kernel vm fs dev; do
    mount --bind "proc/sys/$area" "proc/sys/$area"
    mount -o remount,ro,bind "proc/sys/$area"
done
mount -t sysfs -o ro sysfs sys
mount -t cgroup2 cgroup2 sys/fs/cgroup
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
mkdir run/lock
mount -t tmpfs -o mode=1777 tmpfs tmp
mount --bind "$source" src
mount -o remount,ro,bind src

pivot_root . mnt
umount -l /mnt
hash -r
hostname "$name"
echo "$name" >/etc/hostname
printf '127.0.0.1 localhost\n::1 localhost\n%s\n' "$hosts" >/etc/hosts

read -r _
ip link set lo up
for address; do
    case $address in
    *:*) ip address add "$address" dev eth0 nodad ;;
    *) ip address add "$address" dev eth0 ;;
    esac
done
ip link set eth0 up
mount --make-rshared /
exec env -i container=lab PATH=/usr/sbin:/usr/bin:/sbin:/bin \
    /lib/systemd/systemd --show-status=0 --log-target=journal </dev/null >/dev/null 2>&1
