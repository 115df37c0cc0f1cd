#!/bin/sh
# Runs the tests and benches of this bundle on this machine's GPU: see README.md.
here=$(CDPATH= cd -- "$(dirname -- "$0")" && pwd)
if [ "$(uname -s) $(uname -m)" != "Linux x86_64" ]; then
  echo "run.sh: this bundle is for Linux on x86-64; this is $(uname -s) on $(uname -m)" >&2
  exit 2
fi
if ! "$here/bin/node" --version >/dev/null; then
  echo "run.sh: the bundled Node does not start here. It needs glibc 2.28 and libstdc++6, Dawn glibc 2.34:" >&2
  echo "        Debian 12 and Ubuntu 22.04 have them (in a bare container: apt-get install libstdc++6)." >&2
  exit 2
fi
exec "$here/bin/node" "$here/project/setup/gpuRun.mjs" "$@"
