#!/bin/sh
# Checks what a build needs and cannot install by itself: Go and a C and C++ compiler. Says what is missing and which
# Debian package has it; exit status 1 then.
set -u
cd "$(dirname "$0")/.." || exit 1
want=$(sed -n 's/^go //p' go.mod)
missing=0
say() {
	printf '%s\n' "$@" >&2
	missing=1
}

if ! command -v go >/dev/null 2>&1; then
	say "Go $want or newer is needed and 'go' is not in the PATH." \
		"  Debian: apt-get install golang   (or https://go.dev/dl if that is older than $want)"
elif ! have=$(go env GOVERSION 2>&1); then
	say "'go env' failed:" "$have"
elif [ "$(printf '%s\n%s\n' "$want" "${have#go}" | sort -V | head -n 1)" != "$want" ]; then
	say "Go $want or newer is needed; this is $have." \
		"  Debian: apt-get install golang   (or https://go.dev/dl if that is older than $want)"
fi

cc=${CC:-cc}
cxx=${CXX:-c++}
for compiler in "$cc" "$cxx"; do
	# CC may hold arguments: the first word is the program.
	if ! command -v "${compiler%% *}" >/dev/null 2>&1; then
		say "A C and a C++ compiler are needed (the embedded store is a C++ library) and '${compiler%% *}' is not in the PATH." \
			"  Debian: apt-get install build-essential"
		break
	fi
done
exit $missing
