#!/bin/sh
# The Debian packages: check_package.sh SOURCE BUILD CC VERSION.
#
#  - cpack makes three of them, whose names, dependencies, descriptions and copyright are those that Debian wants; lintian,
#    where it is installed, finds no error;
#  - dpkg installs them, in a root of its own but with the dependencies of this machine, one of them only after what it
#    needs; and what tests/check_install.sh asks of an installed tree holds for that one;
#  - dpkg removes them, and nothing is left.
set -eu
source=$(CDPATH='' cd -- "$1" && pwd)
build=$2
cc=$3
version=$4
skip() {
    echo "check_package: $*: skipped"
    exit 77
}
for command in dpkg dpkg-deb dpkg-shlibdeps cpack file; do
    command -v $command >/dev/null || skip "no $command here"
done
as_root=''
if [ "$(id -u)" -ne 0 ]; then
    command -v fakeroot >/dev/null || skip 'dpkg installs as root only, and there is no fakeroot here'
    as_root=fakeroot
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
fail() {
    echo "check_package: $*"
    exit 1
}
quietly() {
    "$@" >"$work/log" 2>&1 || { tail -50 "$work/log"; fail "this failed: $*"; }
}

# ---- making them ----

# Configured as the build is, but for /usr. Files are compiled by the same commands: ninja takes what is compiled already.
set -- -G Ninja -S "$source" -B "$work/build" -DCMAKE_INSTALL_PREFIX=/usr -DBUILD_TESTING=OFF
while read -r setting; do
    set -- "$@" "-D$setting"
done <<SETTINGS
$(grep -E '^(CMAKE_BUILD_TYPE|CMAKE_(C_COMPILER|C_FLAGS[A-Z_]*|AR|RANLIB)|QUIPU_(WERROR|UCONTEXT|NO_EVENTS)):' "$build/CMakeCache.txt")
SETTINGS
mkdir -p "$work/build/CMakeFiles"
cp -p "$build/.ninja_log" "$build/.ninja_deps" "$work/build" 2>/dev/null || true
for folder in scheduler real primitives traces sim tools scenarios command; do
    cp -Rp "$build/CMakeFiles/quipu_$folder.dir" "$work/build/CMakeFiles"
done
quietly cmake "$@"
quietly ninja -C "$work/build" quipu_static quipu_shared quipu_command $([ ! -d "$build/man" ] || echo quipu_manual)
(cd "$work/build" && quietly cpack) || exit 1

library=libquipu${version%.*}
architecture=$(dpkg --print-architecture)
packages="$library libquipu-dev quipu"
cd "$work"
for package in $packages; do
    mv "build/${package}_$version-1_$architecture.deb" "$package.deb" || fail "cpack made: $(ls build/*.deb)"
done

# says PACKAGE FIELD PATTERN
says() {
    dpkg-deb -f "$1.deb" "$2" | grep -qE -e "$3" || fail "$1 has another $2: $(dpkg-deb -f "$1.deb" "$2")"
}
for package in $packages; do
    says $package Version "^$version-1\$"
    says $package Description '^  *Quipu runs asynchronous C programs'
    dpkg-deb --fsys-tarfile $package.deb | tar -xO "./usr/share/doc/$package/copyright" | grep -qx 'License: Expat' ||
        fail "$package has no copyright"
done
for package in $library quipu; do
    for needed in libc6 libuv1 libcjson1 libxxhash0; do
        says $package Depends "(^|, )$needed(t64)? "
    done
done
says libquipu-dev Depends "(^|, )$library \\(= $version-1\\)"
[ "$(dpkg-deb -f libquipu-dev.deb Description | head -1)" != "$(dpkg-deb -f quipu.deb Description | head -1)" ] ||
    fail 'two packages have the same summary'
dpkg-deb --ctrl-tarfile $library.deb | tar -xO ./shlibs | grep -q "^libquipu ${version%.*} $library (>= $version" ||
    fail "$library does not tell which library it has"
if command -v lintian >/dev/null; then
    quietly lintian --allow-root --fail-on error ./*.deb
else
    echo 'check_package: no lintian here: not asked'
fi

# ---- installing and removing them ----

root=$work/root
mkdir -p "$root/var/lib/dpkg/info" "$root/var/lib/dpkg/updates" "$root/var/lib/dpkg/triggers"
cp /var/lib/dpkg/status "$root/var/lib/dpkg/status"
dpkg_there() {
    $as_root dpkg --root="$root" --force-not-root --force-script-chrootless \
        --force-unsafe-io --log="$work/dpkg.log" "$@"
}
# What is there beside what dpkg notes for itself.
left() {
    find "$root" -mindepth 1 -path "$root/var" -prune -o -print
}

if dpkg_there -i libquipu-dev.deb >"$work/log" 2>&1; then
    fail 'libquipu-dev is content without the library'
fi
grep -q "depends on $library" "$work/log" || fail "dpkg says: $(cat "$work/log")"
quietly dpkg_there -i $library.deb libquipu-dev.deb quipu.deb
quietly dpkg_there --audit $packages
[ ! -s "$work/log" ] || fail "dpkg is not content: $(cat "$work/log")"
quietly dpkg_there --verify $packages
[ ! -s "$work/log" ] || fail "files are not those of the packages: $(cat "$work/log")"
[ -e "$root/usr/lib/$(dpkg-architecture -qDEB_HOST_MULTIARCH)/libquipu.so.$version" ] ||
    fail 'the library is not where Debian has libraries'
[ ! -d "$build/man" ] || [ -e "$root/usr/share/man/man1/quipu.1.gz" ] || fail 'the manual is not compressed'
[ -e "$root/usr/share/zsh/vendor-completions/_quipu" ] || fail "zsh's completion is not where Debian has it"
sh "$source/tests/check_install.sh" "$source" "$build" "$cc" "$version" "$root/usr"

quietly dpkg_there -r quipu
[ -e "$root/usr/include/quipu/quipu.h" ] && [ ! -e "$root/usr/bin/quipu" ] || fail 'more or less than the command was removed'
quietly dpkg_there --purge $library libquipu-dev quipu
[ -z "$(left)" ] || fail "this is left: $(left)"
for package in $packages; do
    ! grep -qx "Package: $package" "$root/var/lib/dpkg/status" || fail "dpkg still knows $package"
done

echo "check_package: $packages: installed, used, and removed without trace"
