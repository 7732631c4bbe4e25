# Sourced by bin/shoal and scripts/bun. Defines `find_bun ROOT`, which sets `bun` to the Bun that npm installed for the
# package at ROOT, or to nothing.
#
# npm lays Bun down in two steps: `@oven/bun-<platform>` holds the binary, and the install script of `bun` moves it to
# `bun/bin/bun.exe`. Where install scripts are off it stays in the first place and the second is a stub of some hundred
# bytes. So size tells which one is real. The search walks up from ROOT as Node's module resolution does, and starts
# again at the place where `bun` really lies, because pnpm keeps its `@oven` packages there.

# The first 1 MiB tells a binary from the stub.
is_binary() {
  [ -n "$(find -L "$1" -prune -type f -size +2048 2>/dev/null)" ]
}

find_bun_above() {
  above=$1
  while :; do
    if is_binary "$above/node_modules/bun/bin/bun.exe"; then
      bun=$above/node_modules/bun/bin/bun.exe
      return 0
    fi
    for candidate in "$above"/node_modules/@oven/bun-*/bin/bun; do
      # npm may have laid down one for each C library; only a run tells which of them starts here.
      if is_binary "$candidate" && "$candidate" --version >/dev/null 2>&1; then
        bun=$candidate
        return 0
      fi
    done
    if [ -z "$real_bun" ] && [ -d "$above/node_modules/bun" ]; then
      real_bun=$(cd -P "$above/node_modules/bun" && pwd -P)
    fi
    [ -n "$above" ] || return 1
    above=${above%/*}
  done
}

find_bun() {
  bun='' real_bun=''
  find_bun_above "$1" && return 0
  [ -n "$real_bun" ] && find_bun_above "$real_bun"
}
