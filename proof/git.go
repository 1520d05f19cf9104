package proof

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"holdfast"
	"holdfast/internal/proc"
)

const (
	// gitPatience is how long git may take over all questions about one folder.
	gitPatience = 5 * time.Second
	// gitGrace is how long what git started may hold its output open after it.
	gitGrace = time.Second
	// maxSaid bounds what is kept of what git says is wrong.
	maxSaid = 300
)

// worktree is the digest of a folder as git sees it: what was committed, what
// differs from that, and what is there beside it and not ignored. Where there is
// no git, or the folder is in no work tree, nothing is known and nothing said.
func (b *Bases) worktree(ctx context.Context, dir string) (string, error) {
	program, err := exec.LookPath("git")
	if err != nil {
		return "", nil
	}
	ctx, cancel := context.WithTimeout(ctx, gitPatience)
	defer cancel()
	g := git{program: program, dir: dir, only: []string{"--", "."}}
	if state, is := inside(dir, b.state); is {
		g.only = append(g.only, ":(exclude,literal)"+filepath.ToSlash(state))
	}
	top, err := g.ask(ctx, "rev-parse", "--show-toplevel")
	if errors.Is(err, errNoWorkTree) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	if strings.TrimSpace(top) == "" {
		return "", nil // within .git itself
	}
	return b.known(ctx, g)
}

// known sums up a folder that is in a work tree.
func (b *Bases) known(ctx context.Context, g git) (string, error) {
	sum := sha256.New()
	base, err := g.ask(ctx, "rev-parse", "--verify", "--quiet", "HEAD")
	if err != nil { // nothing was committed yet: everything differs from nothing
		if base, err = g.ask(ctx, "hash-object", "-t", "tree", "/dev/null"); err != nil {
			return "", err
		}
	}
	base = strings.TrimSpace(base)
	if committed, err := g.ask(ctx, "rev-parse", "--verify", "--quiet", base+":./"); err == nil {
		section(sum, "committed", committed)
	}
	differs, err := g.sum(ctx, append([]string{"diff", "--no-ext-diff", "--no-textconv", "--no-color", "--no-renames", "--binary", "--relative", base}, g.only...)...)
	if err != nil {
		return "", err
	}
	section(sum, "differs", differs)
	beside, err := g.ask(ctx, append([]string{"ls-files", "--others", "--exclude-standard", "-z"}, g.only...)...)
	if err != nil {
		return "", err
	}
	in := &reading{bases: b, sum: sum, left: maxInputBytes}
	for name := range strings.SplitSeq(beside, "\x00") {
		if name == "" {
			continue
		}
		if err := in.below(ctx, filepath.Join(g.dir, name)); err != nil {
			return "", fmt.Errorf("what git does not know in %s: %w", g.dir, err)
		}
	}
	return hex.EncodeToString(sum.Sum(nil)), nil
}

// A git asks git about one folder, and changes nothing.
type git struct {
	program string
	dir     string
	only    []string // pathspec: the folder without the state directory
}

// errNoWorkTree says that git is not what keeps a folder.
const errNoWorkTree = holdfast.Refusal("in no git work tree")

// ask returns what git answers, in full.
func (g git) ask(ctx context.Context, args ...string) (string, error) {
	var answer bytes.Buffer
	err := g.run(ctx, &answer, args...)
	return answer.String(), err
}

// sum returns the digest of what git answers.
func (g git) sum(ctx context.Context, args ...string) (string, error) {
	digest := sha256.New()
	err := g.run(ctx, digest, args...)
	return hex.EncodeToString(digest.Sum(nil)), err
}

func (g git) run(ctx context.Context, out io.Writer, args ...string) error {
	said := &opening{left: maxSaid}
	// fsmonitor would start a program that stays.
	cmd := exec.CommandContext(ctx, g.program, append([]string{"-c", "core.fsmonitor=false", "-C", g.dir}, args...)...)
	cmd.Env = append(proc.Baseline(os.Environ()), "LC_ALL=C", "GIT_OPTIONAL_LOCKS=0", "GIT_TERMINAL_PROMPT=0")
	cmd.Stdout, cmd.Stderr = &bounded{to: out, left: maxInputBytes}, said
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = gitGrace
	err := cmd.Run()
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return fmt.Errorf("git %s in %s: not within %s", args[0], g.dir, gitPatience)
	case strings.Contains(said.text.String(), "not a git repository"):
		return errNoWorkTree
	default:
		return fmt.Errorf("git %s in %s: %w: %s", args[0], g.dir, err, strings.TrimSpace(said.text.String()))
	}
}

// A bounded writer refuses what is beyond its bound.
type bounded struct {
	to   io.Writer
	left int64
}

func (b *bounded) Write(p []byte) (int, error) {
	if b.left -= int64(len(p)); b.left < 0 {
		return 0, fmt.Errorf("it answers more than %d MiB", maxInputBytes>>20)
	}
	return b.to.Write(p)
}

// An opening keeps the first bytes of what is written to it.
type opening struct {
	text bytes.Buffer
	left int
}

func (o *opening) Write(p []byte) (int, error) {
	n := min(len(p), o.left)
	o.left -= n
	o.text.Write(p[:n])
	return len(p), nil
}
