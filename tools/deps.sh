#!/bin/sh
# Installs the Debian packages of the programs that tests run for real and that are not there yet, and fetches
# Elasticsearch. Servers among them are not started: tests start their own.
set -eu
cd "$(dirname "$0")/.."
go run ./tools/deps
missing=$(go run ./tools/deps -missing | tr '\n' ' ')
if [ -z "$missing" ]; then
	echo "All of them are there."
	exec go run ./tools/elasticsearch/run -assemble
fi
if ! command -v apt-get >/dev/null 2>&1; then
	echo "This system has no apt-get. Install by hand what corresponds to Debian's: $missing" >&2
	exit 1
fi
sudo=
[ "$(id -u)" = 0 ] || sudo=sudo

# Debian starts a server when it is installed, unless this file says no (see invoke-rc.d(8)).
policy=/usr/sbin/policy-rc.d
if [ ! -e $policy ]; then
	trap '$sudo rm -f $policy' EXIT
	printf '#!/bin/sh\nexit 101\n' | $sudo tee $policy >/dev/null
	$sudo chmod +x $policy
fi
echo "Installing: $missing"
$sudo apt-get update -qq
# $missing is a list: it is meant to be split.
$sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends $missing
go run ./tools/elasticsearch/run -assemble
