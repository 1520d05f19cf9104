#!/bin/sh
# The stack that already runs, and what breaks and mends it: two nginx and a
# Redis, as an ordinary user, in a temporary folder.
#
#   stack.sh up | down
#   stack.sh start | kill | stop | go-on  web-1 | web-2 | cache-1
set -eu
home=${TMPDIR:-/tmp}/holdfast-existing-$(id -u)
one=${2:-}
pid() { cat "$home/$one.pid" 2>/dev/null || echo none; }
runs() { case $(ps -o stat= -p "$(pid)" 2>/dev/null || true) in "" | Z*) return 1 ;; esac; }
signal() { kill "-$1" "-$(pid)"; } # the whole group: nginx is several processes

nginx_at() {
  cat > "$home/$one.conf" <<CONF
pid $home/$one.pid; error_log $home/$one.log; worker_processes 1;
events {}
http {
  access_log off;
  client_body_temp_path $home/body; proxy_temp_path $home/proxy; fastcgi_temp_path $home/fastcgi;
  uwsgi_temp_path $home/uwsgi; scgi_temp_path $home/scgi;
  server { listen 127.0.0.1:$1; location / { return 200 "this is $one\n"; } }
}
CONF
  nginx -e "$home/$one.log" -c "$home/$one.conf" -p "$home"
}

redis_at() {
  redis-server --bind 127.0.0.1 --port "$1" --dir "$home" --save "" --daemonize yes \
    --pidfile "$home/$one.pid" --logfile "$home/$one.log" >/dev/null
}

case $1 in
up) for one in web-1 web-2 cache-1; do "$0" start $one; done ;;
down) for one in web-1 web-2 cache-1; do ! runs || signal KILL; done; rm -rf "$home" ;;
start)
  mkdir -p "$home"
  if runs; then exit 0; fi # a mend must be right any number of times
  case $one in
  web-1) nginx_at 18081 ;;
  web-2) nginx_at 18082 ;;
  cache-1) redis_at 18083 ;;
  esac ;;
kill) signal KILL ;;
stop) signal STOP ;;
go-on) signal CONT ;;
*) sed -n 's/^#  *\(stack.sh.*\)/usage: \1/p' "$0" >&2; exit 2 ;;
esac
