package unixsock

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestSocketsBelowLongPaths(t *testing.T) {
	dir := filepath.Join(t.TempDir(), strings.Repeat("long", 40))
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "api.sock")
	listener, err := Listen(path)
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	conn, err := Dial(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	conn.Close()
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("socket has mode %v (%v), want 0600", info.Mode().Perm(), err)
	}
}

func TestAStaleSocketIsReplacedAndAServedOneIsNot(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	first, err := Listen(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Listen(path); err == nil {
		t.Fatal("took a socket that is served")
	}
	first.Close()
	second, err := Listen(path)
	if err != nil {
		t.Fatalf("a stale socket was not replaced: %v", err)
	}
	second.Close()
}
