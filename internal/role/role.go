// Package role starts this program once more, as another of its roles, for work
// that has to go on or end apart from whoever wants it done: a session of its own,
// a mark by which it is found, no input, and one word back, whether what it is
// there for is true.
package role

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"

	"holdfast/internal/proc"
)

// A Role is what to start.
type Role struct {
	Verb  string // the program's command
	Mark  string // "KEEP/NAME", see proc.Mark
	Order any    // what to do, as JSON in its only argument
}

// maxWord bounds what is read of a word: a reason, or nothing.
const maxWord = 4 << 10

// ready is the word of a role that is at work.
const ready = "ready\n"

// Start returns when the role says that it is ready, or with the reason why it is
// not. Then it goes on alone: it ends with nobody, and nobody is told of its end.
// When ctx ends before it is ready, it is ended.
func (r Role) Start(ctx context.Context) error {
	order, err := json.Marshal(r.Order)
	if err != nil {
		return fmt.Errorf("start the %s: %w", r.Verb, err)
	}
	program, err := itself()
	if err != nil {
		return fmt.Errorf("start the %s: %w", r.Verb, err)
	}
	cmd := exec.Command(program, r.Verb, string(order))
	cmd.Env = append(proc.Baseline(os.Environ()), proc.Mark+"="+r.Mark)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	cmd.Args[0] = os.Args[0]
	word, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		return fmt.Errorf("start the %s: %w", r.Verb, err)
	}
	stop := context.AfterFunc(ctx, func() { cmd.Process.Kill() })
	said, err := io.ReadAll(io.LimitReader(word, maxWord))
	if stop(); ctx.Err() != nil {
		err = ctx.Err()
	}
	go cmd.Wait() // reaps it, whenever it ends, as long as we live
	switch text := string(said); {
	case err != nil:
		return fmt.Errorf("wait for the %s to be ready: %w", r.Verb, err)
	case text == ready:
		return nil
	case text == "":
		return fmt.Errorf("the %s ended without a word", r.Verb)
	default:
		return errors.New(strings.TrimSpace(text))
	}
}

// Take reads the order that the role was started with.
func Take(arguments []string, order any) error {
	if len(arguments) != 1 {
		return errors.New("it is started by holdfast itself, with its order as the only argument")
	}
	return json.Unmarshal([]byte(arguments[0]), order)
}

// Ready says that what the role is there for is true.
func Ready() error { return Say(ready) }

// Say says something to whoever started the role, once: there is nobody to talk to
// afterwards.
func Say(text string) error {
	_, err := io.WriteString(os.Stdout, text)
	return errors.Join(err, os.Stdout.Close())
}
