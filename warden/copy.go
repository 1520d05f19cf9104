package warden

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// LifelineFD is the descriptor at which a copy's keeper finds its lifeline.
const LifelineFD = 3

// A Copy is a private copy of a system, as its keeper is started. The keeper
// finds its lifeline at LifelineFD: it must write one byte there at least
// every 500 ms, end everything it started and then itself when reading it ends,
// and pass it on to nobody.
type Copy struct {
	Argv []string `json:"argv"` // Argv[0] is an absolute path
	Env  []string `json:"env"`  // KEY=value, complete: nothing is inherited
	Dir  string   `json:"dir"`  // absolute
	Log  string   `json:"log"`  // absolute; takes stdout and stderr, appended to
	Keep string   `json:"keep"` // the mark of its processes is HOLDFAST_PROCESS=<Keep>/<name>; unique to this copy
}

func (c Copy) check() error {
	switch {
	case len(c.Argv) == 0 || !filepath.IsAbs(c.Argv[0]):
		return errors.New("start copy: the keeper's program must be an absolute path")
	case !filepath.IsAbs(c.Dir) || !filepath.IsAbs(c.Log):
		return errors.New("start copy: directory and log must be absolute paths")
	case c.Keep == "" || strings.ContainsRune(c.Keep, '/'):
		return fmt.Errorf("start copy: %q cannot be the mark of its processes", c.Keep)
	}
	return nil
}

// start runs the keeper in a session of its own and returns the warden's end of
// its lifeline.
func (c Copy) start() (keeper Identity, lifeline net.Conn, err error) {
	log, err := os.OpenFile(c.Log, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o600)
	if err != nil {
		return keeper, nil, fmt.Errorf("start copy: %w", err)
	}
	defer log.Close()
	null, err := os.Open(os.DevNull)
	if err != nil {
		return keeper, nil, fmt.Errorf("start copy: %w", err)
	}
	defer null.Close()
	lifeline, theirs, err := pair()
	if err != nil {
		return keeper, nil, fmt.Errorf("start copy: %w", err)
	}
	defer theirs.Close()
	process, err := os.StartProcess(c.Argv[0], c.Argv, &os.ProcAttr{
		Dir:   c.Dir,
		Env:   c.Env,
		Files: []*os.File{null, log, log, theirs},
		Sys:   &syscall.SysProcAttr{Setsid: true},
	})
	if err == nil {
		keeper, err = identify(process.Pid) // our child: the pid stays its own until we reap it
		process.Release()                   // the warden reaps all its children in one place
	}
	if err != nil {
		lifeline.Close()
		return keeper, nil, fmt.Errorf("start copy: %w", err)
	}
	return keeper, lifeline, nil
}
