// Package command tells a program on this machine: a siren, a modem, a script.
//
// It gets the message's body on its input and the rest in HOLDFAST_* variables, with
// PATH and HOME and nothing else of ours. Exit 0 is told; 75 (EX_TEMPFAIL) and death
// by a signal are to be tried again; anything else is a refusal.
package command

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"

	"holdfast"
	"holdfast/command"
)

// A Notifier runs one program. It may be used by several at once.
type Notifier struct{ channel holdfast.Channel }

// New makes a notifier.
func New(channel holdfast.Channel) *Notifier { return &Notifier{channel: channel} }

const (
	tryAgain = 75 // EX_TEMPFAIL
	// lingers is how long a program that was ended is waited for, with what it left
	// holding its output.
	lingers   = time.Second
	maxOutput = 4 << 10
)

// Send implements holdfast.Notifier. A program that does not end in time is killed,
// with its group.
func (n *Notifier) Send(ctx context.Context, m holdfast.Message) (string, error) {
	words, flaws := command.Split(string(n.channel.Address))
	for i, word := range words {
		words[i] = strings.ReplaceAll(word, "$$", "$") // a dollar sign that was kept; there are no variables
	}
	if len(flaws) > 0 || len(words) == 0 {
		return "", fmt.Errorf("%w: it is no command", holdfast.ErrRejected)
	}
	run := exec.CommandContext(ctx, words[0], words[1:]...)
	run.Dir, run.Env = n.channel.Dir, environ(m)
	run.Stdin = strings.NewReader(m.Body)
	said := &bounded{}
	run.Stdout, run.Stderr = said, said
	run.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	run.Cancel = func() error { return syscall.Kill(-run.Process.Pid, syscall.SIGKILL) }
	run.WaitDelay = lingers
	err := run.Run()
	if err == nil {
		return strings.TrimSpace(firstLine(said.String())), nil
	}
	return "", judge(ctx, err, said.String())
}

func judge(ctx context.Context, err error, said string) error {
	if ctx.Err() != nil {
		return fmt.Errorf("%s did not end in time: %w", "the command", ctx.Err())
	}
	text := fmt.Sprintf("the command ended with %v: %s", err, strings.TrimSpace(firstLine(said)))
	var exit *exec.ExitError
	if errors.As(err, &exit) && (exit.ExitCode() == tryAgain || exit.ExitCode() < 0) {
		return errors.New(text)
	}
	return fmt.Errorf("%w: %s", holdfast.ErrRejected, text)
}

func environ(m holdfast.Message) []string {
	all := []string{"PATH=" + os.Getenv("PATH"), "HOME=" + os.Getenv("HOME")}
	for name, value := range map[string]string{
		"KEY": string(m.Key), "PURPOSE": string(m.Purpose), "SYSTEM": string(m.System), "INCIDENT": string(m.Incident),
		"SEVERITY": string(m.Severity), "URGENCY": string(m.Urgency), "SUBJECT": m.Subject, "TO": m.To,
	} {
		all = append(all, "HOLDFAST_"+name+"="+strings.ReplaceAll(value, "\x00", ""))
	}
	for _, l := range m.Links {
		all = append(all, "HOLDFAST_LINK_"+strings.ToUpper(strings.ReplaceAll(l.Text, " ", "_"))+"="+l.URL)
	}
	return all
}

func firstLine(text string) string {
	line, _, _ := strings.Cut(strings.ToValidUTF8(text, ""), "\n")
	return line
}

// bounded keeps the beginning of what it is given.
type bounded struct{ bytes.Buffer }

func (b *bounded) Write(text []byte) (int, error) {
	if room := maxOutput - b.Len(); room > 0 {
		b.Buffer.Write(text[:min(room, len(text))])
	}
	return len(text), nil
}
