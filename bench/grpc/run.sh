#!/bin/sh
# gRPC's own interop client and server, with the gateway between them:
#   bench/grpc/run.sh
# It is a module of its own, so that the program's go.mod stays free of gRPC.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
up=
trap 'test -z "$up" || { kill "$up" && wait "$up" || true; }; rm -rf "$work"' EXIT
(cd "$here/../.." && go build -o "$work/holdfast" ./cmd/holdfast)
(cd "$here" && go build -o "$work/client" google.golang.org/grpc/interop/client && go build -o "$work/server" google.golang.org/grpc/interop/server)
cp "$here/holdfast.yaml" "$work"
cd "$work"
./holdfast up holdfast.yaml >up.log 2>&1 &
up=$!
tries=0
until ./client --server_host=127.0.0.1 --server_port=18932 --test_case=empty_unary >/dev/null 2>&1; do
	tries=$((tries + 1))
	test "$tries" -lt 60 || { cat up.log; exit 1; }
	sleep 0.5
done
failed=0
for story in empty_unary large_unary client_streaming server_streaming ping_pong empty_stream timeout_on_sleeping_server \
	cancel_after_begin cancel_after_first_response status_code_and_message special_status_message custom_metadata \
	unimplemented_method unimplemented_service; do
	if timeout 60 ./client --server_host=127.0.0.1 --server_port=18932 --test_case=$story >$story.log 2>&1; then
		echo "PASS $story"
	else
		failed=$((failed + 1))
		echo "FAIL $story"
		tail -n 3 $story.log
	fi
done
exit "$failed"
