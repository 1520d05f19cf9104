package keeper

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"holdfast"
	"holdfast/internal/cgroup"
	"holdfast/internal/proc"
)

// bounds are what a process is held to from its first instruction on.
type bounds struct {
	User   *holdfast.ProcessUser `json:"user,omitempty"`
	Files  int                   `json:"files,omitempty"`
	Groups []string              `json:"groups,omitempty"`
}

func boundsOf(spec holdfast.ProcessSpec) bounds {
	return bounds{User: spec.User, Files: spec.Files, Groups: spec.Groups}
}

func (b bounds) any() bool { return b.User != nil || b.Files > 0 || len(b.Groups) > 0 }

// within is the command that becomes path with its arguments within bounds. It
// is a program of its own, because what a process is bound by has to hold before
// it runs, and Go can do nothing between fork and exec.
func (b bounds) within(enter []string, path string, run []string) (string, []string, error) {
	if !b.any() {
		return path, run, nil
	}
	if len(enter) == 0 {
		return "", nil, errors.New("this keeper cannot start a process with a user or limits")
	}
	orders, err := json.Marshal(b)
	if err != nil {
		return "", nil, err
	}
	argv := append(append([]string{}, enter...), string(orders), path)
	return enter[0], append(argv, run...), nil
}

// carriage begins the name under which a variable passes through the program
// that binds. That one still has our rights, and the variables are another's: an
// env_file that its user may write would have the loader of libraries, or Go's
// own, do as it says.
const carriage = "HOLDFAST_CARRIED_"

func carried(env []string) []string {
	var all []string
	for _, pair := range env {
		all = append(all, carriage+pair)
	}
	return all
}

// uncarried is the environment of the program to be: what was carried, and the
// mark, by which the process was known all the way.
func uncarried(env []string) []string {
	var all []string
	for _, pair := range env {
		if was, ok := strings.CutPrefix(pair, carriage); ok {
			all = append(all, was)
		} else if strings.HasPrefix(pair, proc.Mark+"=") {
			all = append(all, pair)
		}
	}
	return all
}

// ExitNotEntered is what a process ends with that could not become its program:
// the shells' "found, and cannot be run".
const ExitNotEntered = 126

// Enter becomes a program within bounds; it returns only an error. arguments are
// the bounds as JSON, the path, and the program's own arguments. It is called in
// a process that is nothing else.
func Enter(arguments []string) error {
	if len(arguments) < 3 {
		return errors.New("enter: bounds, a path and arguments are needed")
	}
	var b bounds
	if err := json.Unmarshal([]byte(arguments[0]), &b); err != nil {
		return fmt.Errorf("enter: %w", err)
	}
	if err := b.take(); err != nil {
		return err
	}
	path := arguments[1]
	err := syscall.Exec(path, arguments[2:], uncarried(os.Environ()))
	return fmt.Errorf("run %s%s: %w%s", path, b.as(), err, b.barred(path, err))
}

// take binds this process. Whom it runs as comes last: the others need the
// rights that it gives up.
func (b bounds) take() error {
	if err := cgroup.Enter(b.Groups); err != nil {
		return err
	}
	if b.Files > 0 {
		limit := syscall.Rlimit{Cur: uint64(b.Files), Max: uint64(b.Files)} // the upper one too: it is not to be raised again
		if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
			return fmt.Errorf("bound open files to %d: %w", b.Files, err)
		}
	}
	if b.User == nil {
		return nil
	}
	if err := b.become(); err != nil {
		return fmt.Errorf("become the user %s: %w", b.User.Name, err)
	}
	const write = 2 // W_OK
	if data := os.Getenv(carriage + "DATA_DIR"); data != "" && syscall.Access(data, write) != nil {
		fmt.Fprintf(os.Stderr, "holdfast: its DATA_DIR %s cannot be written to%s%s\n", data, b.as(), b.barred(data, syscall.EACCES))
	}
	return nil
}

// become changes the user for good: user, group and supplementary groups, and
// when we are the user already, nothing, which needs no rights.
func (b bounds) become() error {
	if os.Getuid() == b.User.UID && os.Getgid() == b.User.GID {
		return nil
	}
	if err := syscall.Setgroups(b.User.Groups); err != nil {
		return err
	}
	if err := syscall.Setgid(b.User.GID); err != nil {
		return err
	}
	return syscall.Setuid(b.User.UID)
}

func (b bounds) as() string {
	if b.User == nil {
		return ""
	}
	return " as " + b.User.Name
}

// barred says which folder on the way to a path keeps this user out: a person
// who reads "permission denied" looks at the file, and it seldom is the file.
func (b bounds) barred(path string, err error) string {
	if !errors.Is(err, fs.ErrPermission) {
		return ""
	}
	at := "/"
	for _, part := range strings.Split(filepath.Dir(path), "/") {
		at = filepath.Join(at, part)
		const search = 1 // X_OK
		if syscall.Access(at, search) == nil {
			continue
		}
		if info, err := os.Stat(at); err == nil {
			return fmt.Sprintf(": the folder %s lets this user not pass (%s): chmod o+x it, or put the files elsewhere", at, info.Mode())
		}
		return ": the folder " + at + " lets this user not pass"
	}
	return ": chmod it for this user"
}
