package fault

import (
	"context"
	"fmt"
	"net"
	"os"
	"slices"
	"strconv"
	"strings"

	"holdfast"
	"holdfast/command"
	"holdfast/internal/proc"
)

// Hook breaks and mends by two commands that the file names: for what no fault
// of ours can reach, because somebody else runs it.
//
// Each runs in a session of its own, without input, with PATH, HOME, LANG, TZ
// and what names the victim ($REPLICA, $HOST, $PORT, $PID where one is known),
// for at most the hook's timeout. At most one runs per lock at a time. A mend
// does not wait for the break it undoes: it ends it first, so that a break that
// hangs, or outlives whoever ran it, cannot break again behind its back.
//
// What the mend does must be right any number of times, and when nothing is
// broken: it is run after a break that failed, perhaps midway, and again when
// nobody can tell that it ran.
type Hook struct{}

// Why a hook is refused.
const errNoHook = holdfast.Refusal("no commands were written down for it")

// Name is "hook".
func (Hook) Name() holdfast.FaultName { return holdfast.FaultHook }

// Inject runs the break and returns when it has ended well. Unlike that of any
// other fault, its error says nothing of what was changed: a command that failed
// may have done half its work, so it is to be undone all the same.
func (Hook) Inject(ctx context.Context, victim holdfast.Victim) error {
	if victim.Hook == nil {
		return fmt.Errorf("break %s: %w", victim.ID, errNoHook)
	}
	if victim.Pid != 0 && !proc.Alive(victim.Pid, victim.Ticks) {
		return fmt.Errorf("break %s (pid %d): %w", victim.ID, victim.Pid, ErrVictimGone)
	}
	return task{name: "break", text: victim.Hook.Break, victim: victim}.perform(ctx)
}

// Undo runs the mend. A victim whose process is gone counts as undone when the
// mend would speak to that process: its pid may be a stranger's by now.
func (Hook) Undo(ctx context.Context, victim holdfast.Victim) error {
	if victim.Hook == nil {
		return fmt.Errorf("mend %s: %w", victim.ID, errNoHook)
	}
	mend := task{name: "mend", text: victim.Hook.Mend, victim: victim, mends: true}
	if victim.Pid != 0 && !proc.Alive(victim.Pid, victim.Ticks) && mend.refersTo("PID") {
		return nil
	}
	return mend.perform(ctx)
}

// A task is one of a hook's two commands about one victim.
type task struct {
	name   string // "break", "mend"
	text   string
	victim holdfast.Victim
	mends  bool
}

// perform waits for its turn and runs the command. Each takes the hook's timeout
// at most.
func (t task) perform(ctx context.Context) error {
	argv, err := t.argv()
	if err != nil {
		return t.failed(err)
	}
	turn, err := takeTurn(ctx, t)
	if err != nil {
		return t.failed(err)
	}
	defer turn.end()
	running, cancel := context.WithTimeout(ctx, t.victim.Hook.Timeout)
	defer cancel()
	said, err := turn.run(running, argv, t.environ(), t.victim.Hook.Dir)
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return t.failed(ctx.Err())
	case running.Err() != nil:
		err = fmt.Errorf("it did not end within %s and was killed", t.victim.Hook.Timeout)
	}
	if said != "" {
		err = fmt.Errorf("%w; it said: %s", err, said)
	}
	return t.failed(err)
}

func (t task) failed(err error) error {
	return fmt.Errorf("%s of %s, %q: %w", t.name, t.victim.ID.Name(), t.text, err)
}

// token tells the break of this victim from that of any other.
func (t task) token() string {
	return fmt.Sprintf("%s %s %d", t.victim.ID, t.victim.Address, t.victim.Pid)
}

// argv is the command as words, its variables filled in: a value with blanks
// stays one word, as in a service's command.
func (t task) argv() ([]string, error) {
	words, flaws := command.Split(t.text)
	if len(flaws) > 0 {
		return nil, flaws[0]
	}
	if len(words) == 0 {
		return nil, errNoHook
	}
	known := map[string]string{}
	for _, pair := range t.environ() {
		key, value, _ := strings.Cut(pair, "=")
		known[key] = value
	}
	for i, word := range words {
		filled, err := fill(command.Pieces(word), known)
		if err != nil {
			return nil, err
		}
		words[i] = filled
	}
	return words, nil
}

func fill(pieces []command.Piece, known map[string]string) (string, error) {
	var text strings.Builder
	for _, p := range pieces {
		value, set := known[p.Name]
		switch {
		case p.Why != "":
			return "", p.Err()
		case p.Name == "":
			text.WriteString(p.Text)
		case p.Fallback == command.Never && !set:
			return "", fmt.Errorf("nothing sets the variable %s", p.Name)
		case p.Fallback.Uses(value, set):
			instead, err := fill(p.Instead, known)
			if err != nil {
				return "", err
			}
			text.WriteString(instead)
		default:
			text.WriteString(value)
		}
	}
	return text.String(), nil
}

// environ is all the command is given.
func (t task) environ() []string {
	env := append(proc.Baseline(os.Environ()), "REPLICA="+string(t.victim.ID.Name()))
	if host, port, err := net.SplitHostPort(t.victim.Address); err == nil {
		env = append(env, "HOST="+host, "PORT="+port)
	}
	if t.victim.Pid != 0 {
		env = append(env, "PID="+strconv.Itoa(t.victim.Pid))
	}
	return env
}

func (t task) refersTo(variable string) bool {
	words, _ := command.Split(t.text)
	return slices.ContainsFunc(words, func(word string) bool {
		return slices.ContainsFunc(command.Pieces(word), func(p command.Piece) bool { return p.Name == variable })
	})
}
