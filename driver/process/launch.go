package process

import (
	"fmt"
	"maps"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"unicode/utf8"

	"holdfast"
)

// A launch is everything about one start that can be known before it: what the
// keeper is asked for, and what people may see of it.
type launch struct {
	spec    holdfast.ProcessSpec
	address string
	shown   []string // the command's words, nothing from outside the file in them
	secrets secrets
}

// launch works out how a replica is to be started at address. It changes
// nothing. What it could find out before an error is returned with the error.
func (d *Driver) launch(r holdfast.DesiredReplica, address string) (launch, error) {
	name, dir := r.ID.Name(), r.Service.WorkingDir
	host, port, _ := net.SplitHostPort(address)
	names := namespace{
		own:      variables(r, host, port, d.dataDir(name)),
		declared: r.Service.Environment,
		caller:   d.caller,
		dir:      dir,
		secrets:  map[string]string{},
	}
	l := launch{address: address, secrets: names.secrets}
	who, err := resolve(r.Service.User)
	if err != nil {
		return l, err
	}
	if who != nil {
		names.own["HOME"], names.own["USER"], names.own["LOGNAME"] = who.home, who.user.Name, who.user.Name
	}
	if names.kept, err = readEnvFiles(r.Service.EnvFiles, d.caller); err != nil {
		return l, err
	}
	maps.Copy(names.secrets, names.kept)
	env, err := names.environment(r.Service.PassThrough)
	if err != nil {
		return l, err
	}
	argv, err := names.command(r.Service.Command)
	if err != nil {
		return l, err
	}
	run := make([]string, 0, len(argv))
	for _, word := range argv {
		run = append(run, word.text)
		l.shown = append(l.shown, word.shown)
	}
	if err := directory(dir); err != nil {
		return l, err
	}
	if run[0], err = executable(argv[0], dir, byName(env)["PATH"]); err != nil {
		return l, err
	}
	if slices.ContainsFunc(run, func(word string) bool { return strings.ContainsRune(word, 0) }) {
		return l, fmt.Errorf("the command holds a zero byte, which no argument can")
	}
	l.spec = holdfast.ProcessSpec{
		ID:         r.ID,
		Run:        run,
		Env:        env,
		Dir:        dir,
		Log:        d.LogPath(name),
		StopSignal: stopSignal(r.Service),
		StopGrace:  r.Service.StopGrace,
		Files:      r.Service.Limits.Files,
	}
	if who != nil {
		l.spec.User = &who.user
	}
	return l, nil
}

// prepare is launch with what has to exist before the process does: an address
// of its own, a directory for its data, a control group that bounds it.
func (d *Driver) prepare(r holdfast.DesiredReplica) (launch, error) {
	name := r.ID.Name()
	address, err := d.addresses.claim(r.ID, fixedPort(r))
	if err != nil {
		return launch{}, err
	}
	if err := os.MkdirAll(d.dataDir(name), 0o700); err != nil {
		return launch{}, fmt.Errorf("make its data directory: %w", err)
	}
	l, err := d.launch(r, address)
	if err != nil {
		return l, err
	}
	if l.spec.User != nil {
		if err := d.settleIn(d.dataDir(name), *l.spec.User); err != nil {
			return l, fmt.Errorf("give its data directory to %s: %w", l.spec.User.Name, err)
		}
	}
	l.spec.Groups = d.groups.bound(name, r.Service.Limits)
	return l, nil
}

// fixedPort is the port the file gives a replica, or 0 when it may have any.
func fixedPort(r holdfast.DesiredReplica) uint16 {
	if r.ID.Ordinal > len(r.Service.Listen) {
		return 0
	}
	return r.Service.Listen[r.ID.Ordinal-1]
}

// LogPath is the file a replica's incarnations print to. Older output is in
// LogPath.1 (the youngest) to LogPath.3.
func (d *Driver) LogPath(replica holdfast.ReplicaName) string {
	return filepath.Join(d.logDir(), string(replica)+".log")
}

func (d *Driver) logDir() string { return filepath.Join(d.state, "log") }

func (d *Driver) dataDir(replica holdfast.ReplicaName) string {
	return filepath.Join(d.state, "data", string(replica))
}

// stopSignal is the service's, or what nearly every program ends on.
func stopSignal(s holdfast.Service) string {
	if s.StopSignal == "" {
		return "SIGTERM"
	}
	return s.StopSignal
}

// secrets are the secrets of one replica, by the name of the variable that
// holds them.
type secrets map[string]string

// minSecret is the shortest secret looked for in text. Shorter ones are in
// every other word by chance, and are no secrets.
const minSecret = 4

// withhold takes the secrets out of a text, and the single lines of secrets
// that have several, because logs are read by line.
func (s secrets) withhold(text string) string {
	for _, name := range s.longestFirst() {
		for line := range strings.Lines(s[name]) {
			if line = strings.TrimSpace(line); len(line) >= minSecret {
				text = strings.ReplaceAll(text, line, "${"+name+"}")
			}
		}
	}
	return strings.ToValidUTF8(text, string(utf8.RuneError))
}

// longestFirst, so that a secret within a longer one does not leave the rest
// of that one behind.
func (s secrets) longestFirst() []string {
	names := make([]string, 0, len(s))
	for name := range s {
		names = append(names, name)
	}
	slices.SortFunc(names, func(a, b string) int {
		if d := len(s[b]) - len(s[a]); d != 0 {
			return d
		}
		return strings.Compare(a, b)
	})
	return names
}
