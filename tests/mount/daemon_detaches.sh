#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Without -f the command returns when the mount is live; SIGTERM ends it.
. "$(dirname "$0")/lib.sh"

(umask 077 && porter_env >"$T/.env")
env -i PATH="$PATH" HOME="$T" ASAN_OPTIONS="log_path=$T/asan" "$PORTERFS" --env-file "$T/.env" \
	-o "state_dir=$T/state,cache_dir=$T/cache" "$MNT"
ok "it is mounted when the command returns" is_mounted
is "$(find "$MNT" -mindepth 1 -maxdepth 1 | wc -l)" 3 "and serves"
pid=$(pgrep -f "porterfs --env-file $T/.env")
is "$(readlink "/proc/$pid/cwd")" / "it holds no directory busy"
is "$(readlink "/proc/$pid/fd/1")" /dev/null "and no terminal"
kill -TERM "$pid"
wait_for 10 test ! -d "/proc/$pid" || fail "it does not end"
! is_mounted || fail "it left its mount behind"
compgen -G "$T/asan*" >/dev/null && fail "a sanitizer's report: $(cat "$T"/asan*)"
is "$FAILED" 0 "clean"
