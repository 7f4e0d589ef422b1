# Disks that fail, for the system tests that need them; sourced after rig.bash, never run.
#
# Gives: loop devices and mounts that are gone when the script ends, a power cut, and what was
# acknowledged against what is there. Everything needs root; what is missing skips the script.

# shellcheck shell=bash disable=SC2154
here=$root/tests/system
mounts=()
loops=()

undo() {
    local at
    for ((at = ${#mounts[@]} - 1; at >= 0; at--)); do umount -l "${mounts[at]}" 2>/dev/null || true; done
    for at in "${loops[@]}"; do losetup -d "$at" 2>/dev/null || true; done
    rm -rf "$scratch"
}
trap undo EXIT

# needs_root TOOL...
needs_root() {
    [[ $(id -u) -eq 0 ]] || skip_all "needs root, to mount file systems"
    needs mount losetup mkfs.ext4 "$@"
    local probe=$scratch/probe
    mkdir "$probe"
    mount -t tmpfs -o size=64k tmpfs "$probe" 2>"$scratch/err" ||
        skip_all "nothing can be mounted here: $(<"$scratch/err")"
    umount "$probe"
}

# loop_of IMAGE [OPTION]: sets $loop to a device with the image behind it.
loop_of() {
    loop=$(losetup -f --show "${@:2}" "$1" 2>"$scratch/err") ||
        skip_all "no loop device here: $(<"$scratch/err")"
    loops+=("$loop")
}

# mount_at PLACE ARGUMENTS...
mount_at() {
    mkdir -p "$1"
    mount "${@:2}" "$1" 2>"$scratch/err" || skip_all "cannot mount: $(<"$scratch/err")"
    mounts+=("$1")
}

# unmount PLACE: waits out whoever still looks at it.
unmount() {
    local tries=0
    until umount "$1" 2>"$scratch/err"; do
        tries=$((tries + 1))
        ((tries < 100)) || fail "umount $1: $(<"$scratch/err")"
        sleep 0.05
    done
}

# power_cut PLACE: what was not synced is gone, and nothing more is written (FS_IOC_SHUTDOWN without
# flushing the journal). False where the file system cannot.
#
# Unlike a machine without power, everybody runs on, and ext4 lets an fdatasync that is under way
# return success although blocks that were reserved before are not recorded as written (Linux 6.18,
# one cut in forty; a program of ten lines shows it). docs/DURABILITY.md says what is done about it.
power_cut() {
    python3 - "$1" <<'PYTHON'
import fcntl, os, struct, sys
fd = os.open(sys.argv[1], os.O_RDONLY)
fcntl.ioctl(fd, 0x8004587D, struct.pack("I", 2))
PYTHON
}

# feed INPUT ACKS COMMAND...: one line after the other, each waiting for its acknowledgement.
feed() { python3 "$here/feed.py" run "$@"; }

# all_there LOG ACKS...: what was acknowledged is in the log; prints how many were compared.
all_there() { python3 "$here/feed.py" held "$wmark" "$@"; }
