package fault

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
	"unicode"

	"holdfast/internal/proc"
)

const (
	// maxSaid bounds what is kept of a command's output: its end, which says why.
	maxSaid = 64 << 10
	// Of that, so much is quoted in an error.
	quotedLines, quotedBytes = 4, 400
	// lastWords is how long a command that has ended may leave its output open
	// to others it started.
	lastWords = 100 * time.Millisecond
	turnEvery = 20 * time.Millisecond
)

// A turn is the right to run one command of a hook. It is held by a lock on a
// file, which the kernel gives back when its holder dies; the file says which
// process runs, because that one does not die with the holder.
type turn struct {
	file *os.File // nil where there is no lock
	task task
}

// A record is what a lock's file says.
type record struct {
	Token string `json:"token"`
	Mends bool   `json:"mends,omitempty"`
	Pid   int    `json:"pid"` // of the command, which leads its group
	Ticks uint64 `json:"ticks"`
}

func (r record) alive() bool { return r.Pid > 0 && proc.Alive(r.Pid, r.Ticks) }

// takeTurn waits until no command runs, nor one that a dead holder left behind.
//
// Whoever mends ends the break of the same victim instead of waiting for it, and
// waits for no other longer than its own timeout: a holder that is stuck keeps
// its lock, and what it broke is put back all the same.
func takeTurn(ctx context.Context, t task) (*turn, error) {
	path := t.victim.Hook.Lock
	if path == "" {
		return &turn{task: t}, nil
	}
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	patience := time.NewTimer(t.victim.Hook.Timeout)
	defer patience.Stop()
	tick := time.NewTicker(turnEvery)
	defer tick.Stop()
	for {
		free, left, err := t.look(file)
		if err == nil && free {
			return &turn{file: file, task: t}, nil
		}
		if err == nil && !left.ours {
			select {
			case <-tick.C:
				continue
			case <-patience.C:
				err = fmt.Errorf("another hook was still running (pid %d) after %s", left.Pid, t.victim.Hook.Timeout)
			case <-ctx.Done():
				err = ctx.Err()
			}
		}
		file.Close()
		if t.mends && ctx.Err() == nil {
			return &turn{task: t}, nil
		}
		return nil, err
	}
}

// A remnant is what stands in the way of a turn. It is ours when it was the break
// that is to be mended, and is dead: only who ran it has not noticed.
type remnant struct {
	record
	ours bool
}

// look tries the lock once. It is free when nobody holds it and nothing runs that
// a dead holder started; what runs for the break to be mended is ended.
func (t task) look(file *os.File) (free bool, left remnant, err error) {
	err = syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if err != nil && !errors.Is(err, syscall.EWOULDBLOCK) {
		return false, left, err
	}
	held := err != nil
	left.record = readRecord(file)
	if !held && !left.alive() {
		return true, left, nil
	}
	if t.mends && !left.Mends && left.Token == t.token() {
		killGroup(left.Pid, left.Ticks)
		left.ours = held && !left.alive()
	}
	if !held {
		err = syscall.Flock(int(file.Fd()), syscall.LOCK_UN) // not ours while what a dead holder started goes on
		return false, left, err
	}
	return false, left, nil
}

// readRecord is what a file says; nothing, when it cannot be read: it is being
// written, and is looked at again.
func readRecord(file *os.File) (r record) {
	text, err := io.ReadAll(io.NewSectionReader(file, 0, 1<<10))
	if err != nil || json.Unmarshal(text, &r) != nil {
		return record{}
	}
	return r
}

func (t *turn) write(r record) {
	if t.file == nil {
		return
	}
	text, err := json.Marshal(r)
	if err == nil && t.file.Truncate(0) == nil {
		_, _ = t.file.WriteAt(text, 0) // without it a mend waits for the break's end instead of ending it
	}
}

func (t *turn) end() {
	if t.file != nil {
		t.file.Truncate(0)
		t.file.Close()
	}
}

// gate lets a command begin once a line comes, and not at all when none does:
// whoever starts it may die before it has written down what it started.
const gate = `read -r go && exec "$@" </dev/null`

// run runs a command to its end, or kills its group when ctx ends or it fails:
// what a failed command left running nobody knows of. What one that ended well
// leaves running goes on. The text is the end of what it said.
func (t *turn) run(ctx context.Context, argv, env []string, dir string) (string, error) {
	if err := errors.Join(ctx.Err(), runnable(argv[0], dir)); err != nil {
		return "", err
	}
	out, in, err := os.Pipe()
	if err != nil {
		return "", err
	}
	defer out.Close()
	cmd := exec.Command("/bin/sh", append([]string{"-c", gate, "hook"}, argv...)...)
	cmd.Env, cmd.Dir, cmd.Stdout, cmd.Stderr = env, dir, in, in
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true} // its own group, and no terminal to wait at
	opens, err := cmd.StdinPipe()
	if err == nil {
		err = cmd.Start()
	}
	in.Close()
	if err != nil {
		return "", err
	}
	ticks, _ := proc.Ticks(cmd.Process.Pid) // our child keeps its pid until we have waited for it
	t.write(record{Token: t.task.token(), Mends: t.task.mends, Pid: cmd.Process.Pid, Ticks: ticks})
	_, _ = io.WriteString(opens, "go\n") // one that ended before has an exit that says why
	opens.Close()
	said, read := &ending{}, make(chan struct{})
	go func() {
		defer close(read)
		_, _ = io.Copy(said, out)
	}()
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	select {
	case err = <-ended:
	case <-ctx.Done():
		syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
		<-ended
		err = ctx.Err()
	}
	if err != nil {
		syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) // the number is its group's while anybody is in it
	}
	out.SetReadDeadline(time.Now().Add(lastWords))
	<-read
	return said.quote(), err
}

// runnable says why a program cannot be run, in better words than the gate's.
func runnable(program, dir string) error {
	if strings.Contains(program, "/") && !filepath.IsAbs(program) {
		program = filepath.Join(dir, program)
	}
	_, err := exec.LookPath(program)
	return err
}

// killGroup ends a command that another process started, and all of its group.
func killGroup(pid int, ticks uint64) {
	if proc.Alive(pid, ticks) {
		syscall.Kill(-pid, syscall.SIGKILL)
	}
}

// An ending keeps the last bytes of what is written to it.
type ending struct{ text []byte }

func (e *ending) Write(p []byte) (int, error) {
	e.text = append(e.text, p...)
	if over := len(e.text) - maxSaid; over > 0 {
		e.text = append(e.text[:0], e.text[over:]...)
	}
	return len(p), nil
}

// quote is the last lines on one line, in which nothing can move a cursor.
func (e *ending) quote() string {
	lines := strings.Split(strings.TrimSpace(string(e.text)), "\n")
	text := strings.Join(lines[max(0, len(lines)-quotedLines):], " | ")
	text = strings.Map(func(r rune) rune {
		if r == unicode.ReplacementChar || !unicode.IsPrint(r) {
			return ' '
		}
		return r
	}, text)
	if over := len(text) - quotedBytes; over > 0 {
		text = "…" + strings.ToValidUTF8(text[over:], "")
	}
	return strings.TrimSpace(text)
}
