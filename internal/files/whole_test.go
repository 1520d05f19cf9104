package files

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

func TestASecretFileIsReadWithoutWaiting(t *testing.T) {
	dir := t.TempDir()
	pipe, key, link := filepath.Join(dir, "pipe"), filepath.Join(dir, "key"), filepath.Join(dir, "link")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(key, []byte("sesame\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("key", link); err != nil { // as Kubernetes mounts them
		t.Fatal(err)
	}
	if secret, err := Secret(link); secret != "sesame" || err != nil {
		t.Errorf("%q %v", secret, err)
	}
	for _, path := range []string{pipe, dir, "/dev/zero"} {
		refusal := make(chan error, 1)
		go func() {
			_, err := Secret(path)
			refusal <- err
		}()
		select {
		case err := <-refusal:
			if err == nil || !strings.Contains(err.Error(), path+": it is no ordinary file") {
				t.Errorf("%s: %v", path, err)
			}
		case <-time.After(10 * time.Second):
			// Opened for writing, the pipe lets the reader go.
			if writer, err := os.OpenFile(path, os.O_WRONLY|syscall.O_NONBLOCK, 0); err == nil {
				writer.Close()
			}
			t.Fatalf("%s is still being read", path)
		}
	}
}
