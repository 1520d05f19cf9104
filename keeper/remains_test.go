package keeper

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"holdfast/internal/proc"
)

// beHeavy listens, and has so much memory that it takes a while to die.
func beHeavy(ctx context.Context) error {
	memory, err := syscall.Mmap(-1, 0, 128<<20, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_ANON|syscall.MAP_PRIVATE)
	if err != nil {
		return err
	}
	for i := 0; i < len(memory); i += os.Getpagesize() {
		memory[i] = 1
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	fmt.Println(listener.Addr())
	<-ctx.Done()
	return nil
}

// A process that ends by itself just when it is looked for has lost its mark some
// time before its sockets.
func TestWhatLosesItsMarkByDyingIsWaitedFor(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("needs /proc")
	}
	const keep, name = "remains-test", "heavy-1#1"
	for range 5 {
		heavy := exec.Command(os.Args[0], "heavy")
		heavy.Env = append(os.Environ(), proc.Mark+"="+keep+"/"+name)
		out, err := heavy.StdoutPipe()
		if err == nil {
			err = heavy.Start()
		}
		if err != nil {
			t.Fatal(err)
		}
		line, _ := bufio.NewReader(out).ReadString('\n')
		pid := heavy.Process.Pid
		heavy.Process.Kill()
		deadline := time.Now().Add(patience)
		for time.Now().Before(deadline) {
			if _, _, marked := proc.MarkOf(pid); !marked {
				break
			}
		}
		p, left := strikeListed(pid, keep, name)
		for left && proc.Alive(p.pid, p.ticks) && time.Now().Before(deadline) {
		}
		if conn, err := net.Dial("tcp", strings.TrimSpace(line)); err == nil {
			conn.Close()
			t.Errorf("not waited for any more (dying: %v), and its socket takes connections", left)
		}
		heavy.Wait()
	}
}
